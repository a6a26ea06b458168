//! Who leads: a replica here knows best, else what leaders tell.

use model::{BrokerId, PartitionIndex, ReplicaId, TopicName};
use replication::GroupStatus;
use replication::peer::GroupId;

use crate::Broker;
use crate::neighbours::LeaderView;

impl Broker {
    /// The broker that leads a partition, as far as this one knows.
    pub fn leader_of(&self, topic: &TopicName, partition: PartitionIndex) -> Option<BrokerId> {
        let local = self.partitions.find(topic, partition).ok();
        if let Some(found) = &local
            && found.partition.group.serves()
            && found.partition.group.is_confirmed()
        {
            // Nobody can know better: so it is with nearly every batch, and nothing else need be looked at.
            return Some(self.settings.identity.broker);
        }
        let id = self.state(|state| Some(state.topic_named(topic)?.id()))?;
        let group = GroupId::Log {
            topic: id,
            partition,
        };
        let own = local.map(|found| found.partition.group.leader());
        let own = own.and_then(|(leader, term)| Some((leader?, term)));
        let told = self.neighbours.leader(group);
        let told = told.map(|told| (told.leader, told.term));
        // In one term there is one leader: this replica's word is as good as any.
        let leader = match (own, told) {
            (Some(own), Some(told)) if told.1 > own.1 => told,
            (own, told) => own.or(told)?,
        };
        self.broker_of(leader.0)
    }

    /// Whether a leader is there: without a quorum its followers elect no other, and go on taking it for the leader when
    /// its broker has died.
    pub(crate) fn hears(&self, leader: ReplicaId) -> bool {
        let broker = self.broker_of(leader);
        leader == self.replica()
            || broker.is_some_and(|broker| self.neighbours.is_reachable(broker))
    }

    /// What is known of a partition's leader: what the leader itself says where it is here or has told, else whom the
    /// replica here follows.
    pub(crate) fn leader_view(&self, topic: &TopicName, group: GroupId) -> Option<LeaderView> {
        let GroupId::Log { partition, .. } = group else {
            return self.neighbours.leader(group);
        };
        let local = self.partitions.find(topic, partition).ok();
        let own = local.map(|found| found.partition.group.status());
        let told = self.neighbours.leader(group);
        newest(own.as_ref().and_then(of_status), told)
    }
}

/// What a replica's status says of its leader.
pub(crate) fn of_status(status: &GroupStatus) -> Option<LeaderView> {
    Some(LeaderView {
        leader: status.leader?,
        term: status.term,
        in_sync: status.in_sync.clone(),
    })
}

/// The view of the newer term; in the same term the one that knows who is in sync.
fn newest(own: Option<LeaderView>, told: Option<LeaderView>) -> Option<LeaderView> {
    match (own, told) {
        (Some(own), Some(told)) => {
            let is_newer = told.term > own.term;
            let knows_more = told.term == own.term && own.in_sync.is_empty();
            Some(if is_newer || knows_more { told } else { own })
        }
        (own, told) => own.or(told),
    }
}

#[cfg(test)]
mod tests {
    use model::Term;

    use super::*;

    fn view(leader: u64, term: u64, in_sync: &[u64]) -> Option<LeaderView> {
        Some(LeaderView {
            leader: ReplicaId::new(leader),
            term: Term::new(term).unwrap(),
            in_sync: in_sync.iter().copied().map(ReplicaId::new).collect(),
        })
    }

    #[test]
    fn the_newer_term_is_believed_and_in_one_term_the_leader_itself() {
        let (old, new) = (view(0, 3, &[0]), view(1, 4, &[]));
        assert_eq!(newest(old.clone(), new.clone()), new);
        assert_eq!(newest(new.clone(), old.clone()), new);
        let (follower, leader) = (view(1, 4, &[]), view(1, 4, &[1, 2]));
        assert_eq!(newest(follower, leader.clone()), leader);
        assert_eq!(newest(leader.clone(), new), leader);
        assert_eq!(newest(None, old.clone()), old);
        assert_eq!(newest(None, None), None);
    }
}
