//! Hands the leadership of a partition to another broker, on request.

use model::{BrokerId, PartitionIndex, ReplicaId, TopicName};
use replication::TransferError;

use crate::partitions::LocalPartition;
use crate::{Broker, TransferLeadershipError};

impl Broker {
    /// Hands a partition's leadership on, to the broker named or to the best of those in sync, and waits until it
    /// leads; returns who does then. Only its leader can: see [`Broker::leader_of`].
    ///
    /// # Errors
    /// [`TransferLeadershipError`].
    pub async fn transfer_leadership(
        &self,
        topic: &TopicName,
        partition: PartitionIndex,
        to: Option<BrokerId>,
    ) -> Result<BrokerId, TransferLeadershipError> {
        let located = self.locate(topic, partition).await?;
        let local = located.partition;
        let status = local.serving()?;
        let here = self.settings.identity.broker;
        let chosen = match to {
            Some(to) if to == here => return Ok(here),
            Some(to) => self.replica_of(topic, partition, to)?,
            None => {
                let placed = located.topic.topic.partition(partition);
                let replicas = placed.map_or(&[][..], |placed| &placed.replicas);
                let next = self.next_leader(replicas, &status.in_sync);
                next.ok_or_else(|| TransferLeadershipError::NobodyElse {
                    topic: topic.clone(),
                    partition,
                })?
            }
        };
        let transferred = local.group.transfer_leadership(chosen).await;
        transferred.map_err(|error| self.not_transferred(&local, chosen, error))?;
        self.broker_of(chosen)
            .ok_or_else(|| local.not_leader(None).into())
    }

    /// The replica that a broker has of a partition.
    fn replica_of(
        &self,
        topic: &TopicName,
        partition: PartitionIndex,
        broker: BrokerId,
    ) -> Result<ReplicaId, TransferLeadershipError> {
        let found = self.state(|state| {
            let replica = state.broker(broker)?.replica;
            let placed = state.topic_named(topic)?.partition(partition)?;
            placed.holds(replica).then_some(replica)
        });
        found.ok_or_else(|| TransferLeadershipError::NoReplica {
            topic: topic.clone(),
            partition,
            broker,
        })
    }

    /// The first of `replicas` that is in sync, reachable, may lead, and is not here.
    pub(crate) fn next_leader(
        &self,
        replicas: &[ReplicaId],
        in_sync: &[ReplicaId],
    ) -> Option<ReplicaId> {
        let may = |replica: &&ReplicaId| {
            **replica != self.replica() && in_sync.contains(replica) && self.may_lead(**replica)
        };
        replicas.iter().find(may).copied()
    }

    /// Whether the broker of a replica is there and is meant to lead.
    pub(crate) fn may_lead(&self, replica: ReplicaId) -> bool {
        let known = self.state(|state| {
            let broker = state.broker_of_replica(replica)?;
            Some((broker.id, broker.state))
        });
        known.is_some_and(|(id, state)| {
            let leaves = || self.neighbours.load(id).is_some_and(|load| load.is_leaving);
            let is_there = || self.neighbours.is_reachable(id) && !leaves();
            state.may_lead() && (replica == self.replica() || is_there())
        })
    }

    fn not_transferred(
        &self,
        local: &LocalPartition,
        to: ReplicaId,
        error: TransferError,
    ) -> TransferLeadershipError {
        match error {
            TransferError::NotLeader { leader } => local.not_leader(leader).into(),
            other => TransferLeadershipError::Refused {
                topic: local.topic.clone(),
                partition: local.partition,
                broker: self.broker_of(to),
                reason: other.to_string(),
            },
        }
    }
}
