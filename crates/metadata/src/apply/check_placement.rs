//! Checks what a proposer has placed: counts against the limits, replicas against the brokers.

use model::ReplicaId;

use crate::broker::Broker;
use crate::refusal::Refusal;
use crate::replication_factor::ReplicationFactor;
use crate::state::{ClusterState, Formed};
use crate::topic::Placement;

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
        let stays = |broker: &&Broker| !broker.state.is_leaving();
        let brokers = self.brokers().filter(stays).count() as u64;
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
        partitions: &[Placement],
        wanted: ReplicationFactor,
    ) -> Result<(), Refusal> {
        for (partition, placed) in (first..).zip(partitions) {
            self.check_replicas(partition, &placed.replicas, wanted, &[])?;
        }
        Ok(())
    }

    /// Checks the replicas of one partition, which has `current` ones: those may stay where they are.
    pub(super) fn check_replicas(
        &self,
        partition: u32,
        replicas: &[ReplicaId],
        wanted: ReplicationFactor,
        current: &[ReplicaId],
    ) -> Result<(), Refusal> {
        if replicas.len() != usize::from(wanted.get()) {
            return Err(Refusal::WrongReplicaCount {
                partition,
                replicas: replicas.len() as u64,
                wanted: u64::from(wanted.get()),
            });
        }
        for (place, replica) in replicas.iter().copied().enumerate() {
            let Some(bearer) = self.broker_of_replica(replica) else {
                return Err(Refusal::UnknownReplica { partition, replica });
            };
            if replicas.iter().take(place).any(|other| *other == replica) {
                return Err(Refusal::ReplicaTwice { partition, replica });
            }
            if bearer.state.is_leaving() && !current.contains(&replica) {
                return Err(Refusal::BrokerLeaves {
                    partition,
                    broker: bearer.id,
                    state: bearer.state,
                });
            }
        }
        Ok(())
    }
}
