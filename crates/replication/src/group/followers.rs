//! What a leader knows of the other members: how far they are, and whether they keep up.

use model::{LogIndex, ReplicaId};
use openraft::Instant;
use openraft::async_runtime::watch::WatchReceiver;

use super::Group;
use crate::members::Follower;
use crate::raft::machine::Machine;

impl<M: Machine> Group<M> {
    /// The other members; empty where this replica does not lead.
    pub(crate) fn followers(&self) -> Vec<Follower> {
        let members = self.members();
        let raft = self.instances.current();
        let metrics = raft.data_metrics();
        let metrics = metrics.borrow_watched();
        let Some(replication) = &metrics.replication else {
            return Vec::new();
        };
        let end = metrics.last_log.map_or(0, |last| last.index + 1);
        let bounds = &self.settings;
        let others = replication
            .iter()
            .filter(|(id, _)| **id != self.replica.get());
        let followers = others.map(|(id, matched)| {
            let replica = ReplicaId::new(*id);
            let lag = end.saturating_sub(matched.map_or(0, |matched| matched.index + 1));
            let answered = metrics.heartbeat.as_ref().and_then(|sent| *sent.get(id)?);
            let silent_for = answered.map(|sent| sent.elapsed());
            let is_in_sync = lag <= bounds.in_sync_lag_max
                && silent_for.is_some_and(|silence| silence <= bounds.in_sync_silence_max);
            Follower {
                replica,
                is_voter: members.voters.contains(&replica),
                matched: matched.map(|matched| LogIndex::new(matched.index)),
                lag,
                silent_for,
                is_in_sync,
            }
        });
        followers.collect()
    }

    /// The voters that keep up, this replica first; empty where it does not lead.
    pub(super) fn in_sync(&self) -> Vec<ReplicaId> {
        let leadership = self.leadership.borrow().clone();
        if leadership.leader != Some(self.replica) {
            return Vec::new();
        }
        let own = leadership.members.voters.contains(&self.replica);
        let mut in_sync: Vec<_> = own.then_some(self.replica).into_iter().collect();
        if leadership.members.voters.len() > in_sync.len() {
            let others = self.followers().into_iter();
            let others = others.filter(|other| other.is_voter && other.is_in_sync);
            in_sync.extend(others.map(|other| other.replica));
        }
        in_sync
    }

    /// Whether a quorum has answered this leader so lately that no other can have been elected since, unless a voter
    /// was started anew in between.
    pub(crate) fn is_confirmed(&self) -> bool {
        let leadership = self.leadership.borrow();
        self.instances.leads_confirmed(&leadership, self.replica)
    }
}
