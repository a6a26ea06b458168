//! Who votes on the cluster's metadata, and who only learns it.
//!
//! Three brokers vote, five where there are five, all where there are fewer than three: those with the lowest numbers
//! that do not leave. Every other broker learns. A broker that has not come yet, but is one of the first, counts: the
//! group was founded with it.

use std::collections::BTreeSet;

use model::{BrokerId, ReplicaId};

use crate::broker::BrokerState;
use crate::state::ClusterState;

/// The members that the groups of the cluster's state shall have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataMembers {
    /// Those that vote.
    pub voters: BTreeSet<ReplicaId>,
    /// Those that only learn.
    pub learners: BTreeSet<ReplicaId>,
}

/// How many of so many brokers vote.
const fn voters_of(brokers: usize) -> usize {
    match brokers {
        0..3 => brokers,
        3 | 4 => 3,
        _ => 5,
    }
}

/// The voters that the metadata group of a cluster of `initial_brokers` is founded with.
pub fn founding_voters(initial_brokers: u32) -> Vec<ReplicaId> {
    let voters = voters_of(usize::try_from(initial_brokers).unwrap_or(usize::MAX));
    (0..voters as u64).map(ReplicaId::new).collect()
}

impl ClusterState {
    /// The members that the metadata group shall have now; nobody before the cluster has formed.
    pub fn metadata_members(&self) -> MetadataMembers {
        let mut initial = self.formed.map_or(0, |formed| formed.initial_brokers);
        if initial == 1 && !self.brokers.is_empty() {
            // A broker that forms a cluster alone may have any number: it comes first of all.
            initial = 0;
        }
        let absent = (0..initial)
            .map(BrokerId::new)
            .filter(|broker| !self.brokers.contains_key(broker))
            .map(|broker| {
                let replica = ReplicaId::new(u64::from(broker.get()));
                (broker, replica, BrokerState::Active)
            });
        let known = self
            .brokers()
            .map(|broker| (broker.id, broker.replica, broker.state));
        let mut all: Vec<_> = known.chain(absent).collect();
        all.retain(|(_, _, state)| *state != BrokerState::Decommissioned);
        all.sort_unstable_by_key(|(broker, _, state)| (state.is_leaving(), *broker));
        let staying = all.iter().filter(|(_, _, state)| !state.is_leaving());
        let voters = voters_of(staying.count());
        let replica = |(_, replica, _): &(_, ReplicaId, _)| *replica;
        MetadataMembers {
            voters: all.iter().take(voters).map(replica).collect(),
            learners: all.iter().skip(voters).map(replica).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::tests::{cluster_of, form, register};
    use crate::command::Command;
    use crate::limits::Limits;

    fn ids(replicas: &BTreeSet<ReplicaId>) -> Vec<u64> {
        replicas.iter().map(|replica| replica.get()).collect()
    }

    fn members(state: &ClusterState) -> (Vec<u64>, Vec<u64>) {
        let members = state.metadata_members();
        (ids(&members.voters), ids(&members.learners))
    }

    #[test]
    fn three_vote_or_five_where_there_are_five() {
        for (brokers, voters) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 5), (9, 5)] {
            let (voting, learning) = members(&cluster_of(brokers));
            assert_eq!(voting, (0..voters).collect::<Vec<_>>());
            assert_eq!(learning, (voters..u64::from(brokers)).collect::<Vec<_>>());
            let founding = founding_voters(u32::from(brokers));
            assert_eq!(founding.len() as u64, voters);
        }
    }

    #[test]
    fn brokers_that_have_not_come_yet_count() {
        let mut state = ClusterState::new();
        assert_eq!(members(&state), (vec![], vec![]));
        state.apply(&form(3, Limits::default())).unwrap();
        assert_eq!(members(&state), (vec![0, 1, 2], vec![]));
        state.apply(&register(1, 1, 1)).unwrap();
        assert_eq!(members(&state), (vec![0, 1, 2], vec![]));
    }

    #[test]
    fn a_lone_broker_may_have_any_number() {
        let mut state = ClusterState::new();
        state.apply(&form(1, Limits::default())).unwrap();
        assert_eq!(members(&state), (vec![0], vec![]));
        state.apply(&register(5, 5, 1)).unwrap();
        assert_eq!(members(&state), (vec![1], vec![]));
    }

    #[test]
    fn a_replaced_disk_votes_under_its_new_id_and_who_leaves_votes_no_more() {
        let mut state = cluster_of(4);
        state.apply(&register(1, 10, 1)).unwrap();
        assert_eq!(members(&state), (vec![0, 2, 4], vec![3]));
        let leave = Command::DecommissionBroker(BrokerId::new(0));
        state.apply(&leave).unwrap();
        // It bore nothing: it is gone at once.
        assert_eq!(members(&state), (vec![2, 3, 4], vec![]));
    }
}
