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
pub(crate) struct Others {
    pub(crate) peers: Arc<dyn Peers>,
    pub(crate) group: GroupId,
    pub(crate) replicas: Vec<ReplicaId>,
}

impl Others {
    /// Entries from `first` on, from one replica.
    pub(crate) async fn entries(
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

    /// How the log of the leader stands that a quorum confirms, and who that is.
    pub(crate) async fn standing(&self) -> Result<(ReplicaId, Standing), String> {
        let mut reasons = Vec::new();
        for replica in &self.replicas {
            match self.call(*replica, Ask::Standing.encode()).await {
                Err(error) => reasons.push(error.to_string()),
                Ok(reply) => match Standing::decode(&reply) {
                    Some(standing) => return Ok((*replica, standing)),
                    None => reasons.push(format!("the answer of replica {replica} makes no sense")),
                },
            }
        }
        Err(reasons.join("; "))
    }

    /// Who else holds the most, and what, as far as they can be asked: nobody confirms that.
    pub(crate) async fn most_holdings(&self) -> Option<(ReplicaId, Standing)> {
        let mut most: Option<(ReplicaId, Standing)> = None;
        for replica in &self.replicas {
            let reply = self.call(*replica, Ask::Holdings.encode()).await;
            let holdings = reply.ok().and_then(|reply| Standing::decode(&reply));
            let Some(holdings) = holdings else { continue };
            let known = most.as_ref().and_then(|(_, known)| known.rank());
            if holdings.rank() > known {
                most = Some((*replica, holdings));
            }
        }
        most
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
