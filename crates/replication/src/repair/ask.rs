//! Asking other replicas, one after the other, until one knows.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{LogIndex, ReplicaId};

use super::wire::{Ask, Entries, Standing};
use crate::peer::{CallError, GroupId, PeerReply, PeerRequest, Peers, RequestKind};

/// How long an answer is waited for.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

/// The other replicas of a group.
pub(super) struct Others {
    pub(super) peers: Arc<dyn Peers>,
    pub(super) group: GroupId,
    pub(super) replicas: Vec<ReplicaId>,
}

impl Others {
    /// Entries from `first` on, from one replica.
    pub(super) async fn entries(
        &self,
        from: ReplicaId,
        first: LogIndex,
        end: LogIndex,
    ) -> Result<Entries, String> {
        let reply = self.call(from, Ask::Entries { first, end }.encode()).await;
        let reply = reply.map_err(|error| error.to_string())?;
        let entries = Entries::decode(&reply).filter(|entries| entries.first == first);
        entries.ok_or_else(|| format!("the answer of replica {from} makes no sense"))
    }

    /// How the log of the leader stands that a quorum confirms.
    pub(super) async fn standing(&self) -> Result<Standing, String> {
        let mut reasons = Vec::new();
        for replica in &self.replicas {
            match self.call(*replica, Ask::Standing.encode()).await {
                Err(error) => reasons.push(error.to_string()),
                Ok(reply) => match Standing::decode(&reply) {
                    Some(standing) => return Ok(standing),
                    None => reasons.push(format!("the answer of replica {replica} makes no sense")),
                },
            }
        }
        Err(reasons.join("; "))
    }

    async fn call(&self, to: ReplicaId, head: Bytes) -> Result<PeerReply, CallError> {
        let request = PeerRequest {
            group: self.group,
            kind: RequestKind::ReadEntries,
            head,
            entries: Vec::new(),
        };
        self.peers.call(to, request, ANSWER_WAIT_MAX).await?.await
    }
}
