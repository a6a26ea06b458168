//! Asking other replicas, one after the other, until one knows.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{LogIndex, ReplicaId};

use super::wire::{Ask, Entries, Snapshot, Standing};
use crate::peer::{CallError, GroupId, PeerReply, PeerRequest, Peers, RequestKind};

/// How long an answer is waited for.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

/// Says which other replicas a group has now, as far as is known.
pub type OtherReplicas = Arc<dyn Fn() -> Vec<ReplicaId> + Send + Sync>;

/// The other replicas of a group.
pub(crate) struct Others {
    pub(crate) peers: Arc<dyn Peers>,
    pub(crate) group: GroupId,
    pub(crate) replicas: OtherReplicas,
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
        self.first_of(&Ask::Standing, Standing::decode).await
    }

    /// The snapshot of some replica, whether it leads or not, that `is_useful`.
    pub(super) async fn snapshot(
        &self,
        is_useful: impl Fn(&Bytes) -> bool,
    ) -> Result<Bytes, String> {
        let useful = |reply: &PeerReply| {
            let Snapshot(bytes) = Snapshot::decode(reply)?;
            is_useful(&bytes).then_some(bytes)
        };
        let (_, bytes) = self.first_of(&Ask::Snapshot, useful).await?;
        Ok(bytes)
    }

    /// The first answer that makes sense, and who gave it.
    async fn first_of<T>(
        &self,
        ask: &Ask,
        decode: impl Fn(&PeerReply) -> Option<T>,
    ) -> Result<(ReplicaId, T), String> {
        let mut reasons = Vec::new();
        for replica in (self.replicas)() {
            match self.call(replica, ask.encode()).await {
                Err(error) => reasons.push(error.to_string()),
                Ok(reply) => match decode(&reply) {
                    Some(answer) => return Ok((replica, answer)),
                    None => reasons.push(format!("the answer of replica {replica} is of no use")),
                },
            }
        }
        if reasons.is_empty() {
            reasons.push("no other replica is known".to_owned());
        }
        Err(reasons.join("; "))
    }

    /// Who else holds the most, and what, as far as they can be asked: nobody confirms that.
    pub(crate) async fn most_holdings(&self) -> Option<(ReplicaId, Standing)> {
        let mut most: Option<(ReplicaId, Standing)> = None;
        for replica in (self.replicas)() {
            let reply = self.call(replica, Ask::Holdings.encode()).await;
            let holdings = reply.ok().and_then(|reply| Standing::decode(&reply));
            let Some(holdings) = holdings else { continue };
            let known = most.as_ref().and_then(|(_, known)| known.rank());
            if holdings.rank() > known {
                most = Some((replica, holdings));
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
