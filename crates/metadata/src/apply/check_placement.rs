//! Checks what a proposer has placed: counts against the limits, replicas against the brokers.

use model::ReplicaId;

use crate::refusal::Refusal;
use crate::replication_factor::ReplicationFactor;
use crate::state::{ClusterState, Formed};
use crate::topic::Partition;

impl ClusterState {
    /// Checks that a topic of `have` partitions may have `added` more.
    pub(crate) fn check_partition_count(
        &self,
        formed: Formed,
        have: u64,
        added: u64,
    ) -> Result<(), Refusal> {
        let limits = formed.limits;
        let wanted = have.saturating_add(added);
        if !(1..=u64::from(limits.partitions_per_topic)).contains(&wanted) {
            return Err(Refusal::BadPartitionCount {
                wanted,
                limit: limits.partitions_per_topic,
            });
        }
        if self.partitions_total.saturating_add(added) > u64::from(limits.partitions) {
            return Err(Refusal::TooManyPartitions {
                wanted: added,
                have: self.partitions_total,
                limit: limits.partitions,
            });
        }
        Ok(())
    }

    /// Checks that there are brokers enough for so many replicas.
    pub(crate) fn check_replication_factor(
        &self,
        wanted: ReplicationFactor,
    ) -> Result<(), Refusal> {
        let brokers = self.brokers.len() as u64;
        let wanted = u64::from(wanted.get());
        if wanted > brokers {
            return Err(Refusal::ReplicationFactorTooLarge { wanted, brokers });
        }
        Ok(())
    }

    /// Checks that each partition, counted from `first`, has `wanted` different replicas that brokers
    /// bear.
    pub(super) fn check_placement(
        &self,
        first: u32,
        partitions: &[Partition],
        wanted: ReplicationFactor,
    ) -> Result<(), Refusal> {
        let mut borne: Vec<ReplicaId> = self.brokers.values().map(|b| b.replica).collect();
        borne.sort_unstable();
        for (partition, placed) in (first..).zip(partitions) {
            let replicas = &placed.replicas;
            if replicas.len() != usize::from(wanted.get()) {
                return Err(Refusal::WrongReplicaCount {
                    partition,
                    replicas: replicas.len() as u64,
                    wanted: u64::from(wanted.get()),
                });
            }
            for (place, replica) in replicas.iter().copied().enumerate() {
                if borne.binary_search(&replica).is_err() {
                    return Err(Refusal::UnknownReplica { partition, replica });
                }
                if replicas.iter().take(place).any(|other| *other == replica) {
                    return Err(Refusal::ReplicaTwice { partition, replica });
                }
            }
        }
        Ok(())
    }
}
