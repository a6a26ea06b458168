//! Shows the cluster and its brokers.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use metadata::{BrokerState, Doubt, DoubtState, Partition, Refusal};
use model::{BrokerId, ClusterId, DiskEpoch, DiskId, PartitionIndex, ReplicaId};
use replication::peer::GroupId;

use crate::Broker;
use crate::neighbours::BrokerLoad;
use crate::partitions::LocalPartition;

/// The cluster as this broker knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    /// The cluster's id; `None` before it has formed.
    pub cluster: Option<ClusterId>,
    /// The broker that answers.
    pub broker: BrokerId,
    /// Every broker, sorted by id.
    pub brokers: Vec<BrokerDescription>,
    /// How many topics there are.
    pub topics: u64,
    /// How many partitions there are.
    pub partitions: u64,
    /// How many partitions have fewer replicas in sync than they should have, as far as this broker knows.
    pub under_replicated: u64,
    /// How many partitions nobody leads, as far as this broker knows.
    pub leaderless: u64,
    /// How many partitions have a replica that may have forgotten what it acknowledged before a power cut.
    pub in_doubt: u64,
    /// How many have a replica that has started with what was left after one, by an operator's leave.
    pub lossy: u64,
}

/// A broker as this broker knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerDescription {
    /// Its number.
    pub id: BrokerId,
    /// Where clients reach its gRPC API: `host:port`.
    pub grpc_address: String,
    /// Where brokers reach it: `host:port`.
    pub peer_address: String,
    /// Its failure domain, where the operator names one.
    pub rack: Option<String>,
    /// What the operator wants of it.
    pub state: BrokerState,
    /// Whether the broker that answers hears from it. Where not, its numbers are old, or not known.
    pub is_reachable: bool,
    /// How many partitions it leads.
    pub leaders: u64,
    /// How many partitions have a replica on it, those on their way to it included.
    pub replicas: u64,
    /// The bytes of its logs, as it told last.
    pub disk_bytes: Option<u64>,
}

/// Counted over all partitions.
#[derive(Debug, Default)]
struct Counts {
    leaders: HashMap<ReplicaId, u64>,
    replicas: HashMap<ReplicaId, u64>,
    under_replicated: u64,
    leaderless: u64,
    in_doubt: u64,
    lossy: u64,
}

/// How many replicas a partition should have in sync: those that it is to have, and in a move no more than it had before.
/// A replica that has yet to arrive is no reason to worry, and one that takes another's place counts like that one. (As in
/// Kafka, which leaves out those that a reassignment adds.)
pub(crate) fn should_be_in_sync(partition: &Partition) -> usize {
    let wanted = partition.replicas.len();
    match partition.is_moving() {
        true => wanted.min(partition.moved_from.len()),
        false => wanted,
    }
}

impl Broker {
    /// Whether another broker may speak as a replica, on this disk and at this start of it, as far as the metadata is
    /// known here.
    ///
    /// # Errors
    /// [`Refusal`]: the disk was replaced, is another broker's, is an older copy of itself, or its broker has left.
    pub fn judge_peer(
        &self,
        broker: BrokerId,
        disk: DiskId,
        start: (u64, DiskEpoch),
        replica: ReplicaId,
    ) -> Result<(), Refusal> {
        self.state(|state| state.judge_peer(broker, disk, start, replica))
    }

    /// The cluster as this broker knows it.
    pub fn describe_cluster(&self) -> ClusterDescription {
        let counts = self.count_partitions();
        let own = self.load();
        self.state(|state| ClusterDescription {
            cluster: state.cluster(),
            broker: self.settings.identity.broker,
            brokers: state
                .brokers()
                .map(|broker| self.describe_broker(broker, &counts, own))
                .collect(),
            topics: state.topic_count() as u64,
            partitions: state.partition_count(),
            under_replicated: counts.under_replicated,
            leaderless: counts.leaderless,
            in_doubt: counts.in_doubt,
            lossy: counts.lossy,
        })
    }

    /// Where clients reach a broker's gRPC API.
    pub fn grpc_address_of(&self, broker: BrokerId) -> Option<String> {
        self.state(|state| Some(state.broker(broker)?.grpc_address.clone()))
    }

    /// What this broker bears.
    pub(crate) fn load(&self) -> BrokerLoad {
        let open = self.partitions.open();
        let leads =
            |partition: &LocalPartition| partition.group.status().leader == Some(self.replica());
        BrokerLoad {
            disk_bytes: open.iter().map(|(_, partition)| partition.bytes()).sum(),
            replicas: open.len() as u64,
            leaders: open.iter().filter(|(_, one)| leads(one)).count() as u64,
            is_leaving: self.leaving.load(Ordering::Acquire) || !self.may_lead(self.replica()),
        }
    }

    fn describe_broker(
        &self,
        broker: &metadata::Broker,
        counts: &Counts,
        own: BrokerLoad,
    ) -> BrokerDescription {
        let is_this = broker.id == self.settings.identity.broker;
        let load = if is_this {
            Some(own)
        } else {
            self.neighbours.load(broker.id)
        };
        let count = |of: &HashMap<ReplicaId, u64>| of.get(&broker.replica).copied();
        BrokerDescription {
            id: broker.id,
            grpc_address: broker.grpc_address.clone(),
            peer_address: broker.peer_address.clone(),
            rack: broker.rack.clone(),
            state: broker.state,
            // One that has not told of itself yet has not told what it leads either.
            is_reachable: load.is_some() && (is_this || self.neighbours.is_reachable(broker.id)),
            leaders: count(&counts.leaders).unwrap_or(0),
            replicas: count(&counts.replicas).unwrap_or(0),
            disk_bytes: load.map(|load| load.disk_bytes),
        }
    }

    fn count_partitions(&self) -> Counts {
        let topics: Vec<_> = self.state(|state| state.topics().cloned().collect());
        let mut counts = Counts::default();
        for topic in topics {
            for (index, partition) in (0..).zip(topic.partitions()) {
                for replica in &partition.replicas {
                    *counts.replicas.entry(*replica).or_default() += 1;
                }
                let is_lost = |doubt: &Doubt| doubt.state == DoubtState::Lost;
                let doubts = &partition.doubts;
                counts.in_doubt += u64::from(doubts.iter().any(|doubt| !is_lost(doubt)));
                counts.lossy += u64::from(doubts.iter().any(is_lost));
                let group = GroupId::Log {
                    topic: topic.id(),
                    partition: PartitionIndex::new(index),
                };
                let view = self.leader_view(topic.name(), group);
                let view = view.filter(|view| self.hears(view.leader));
                match &view {
                    Some(view) => *counts.leaders.entry(view.leader).or_default() += 1,
                    None => counts.leaderless += 1,
                }
                let in_sync = view.map_or(0, |view| view.in_sync.len());
                counts.under_replicated += u64::from(in_sync < should_be_in_sync(partition));
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[u64]) -> Vec<ReplicaId> {
        ids.iter().copied().map(ReplicaId::new).collect()
    }

    #[test]
    fn a_move_asks_for_no_more_replicas_in_sync_than_there_were_and_are_to_be() {
        let moving = |from: &[u64], to: &[u64]| Partition {
            replicas: ids(to),
            moved_from: ids(from),
            epoch: 1,
            ..Partition::default()
        };
        assert_eq!(should_be_in_sync(&moving(&[0, 1, 2], &[3, 1, 2])), 3);
        assert_eq!(should_be_in_sync(&moving(&[0], &[0, 1, 2])), 1);
        assert_eq!(should_be_in_sync(&moving(&[0, 1, 2], &[0])), 1);
        let settled = Partition {
            settled_epoch: 1,
            moved_from: Vec::new(),
            ..moving(&[0], &[0, 1, 2])
        };
        assert_eq!(should_be_in_sync(&settled), 3);
    }
}
