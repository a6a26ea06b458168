//! Finds an open partition by topic and number.

use std::sync::Arc;
use std::time::Duration;

use model::{PartitionIndex, TopicName};
use tokio::time::timeout;

use super::slot::Local;
use super::{LocalPartition, OpenTopic, Partitions};
use crate::{Broker, PartitionError};

/// How long a request waits for a topic that was just created to be open.
const OPENING_WAIT_MAX: Duration = Duration::from_secs(10);

/// An open partition and its topic.
#[derive(Clone, Debug)]
pub(crate) struct Located {
    pub(crate) topic: Arc<OpenTopic>,
    pub(crate) partition: Arc<LocalPartition>,
}

impl Partitions {
    /// The partition as the table has it now.
    pub(crate) fn find(
        &self,
        name: &TopicName,
        partition: PartitionIndex,
    ) -> Result<Located, PartitionError> {
        let found = self.topics.read().get(name).cloned();
        let Some(topic) = found else {
            return Err(PartitionError::UnknownTopic {
                topic: name.clone(),
            });
        };
        let slot = usize::try_from(partition.get())
            .ok()
            .and_then(|at| topic.slots.get(at));
        let Some(slot) = slot else {
            return Err(PartitionError::UnknownPartition {
                topic: name.clone(),
                partition,
                partitions: topic.topic.partition_count(),
            });
        };
        match slot.local() {
            Some(Local::Open(partition)) => Ok(Located { topic, partition }),
            Some(Local::Failed { error, .. }) => Err(error),
            Some(Local::Opening) => Err(PartitionError::Opening {
                topic: name.clone(),
                partition,
            }),
            None => Err(PartitionError::NotLeader {
                topic: name.clone(),
                partition,
                leader: None,
            }),
        }
    }
}

impl Broker {
    /// The partition, if need be after the table has caught up with the cluster's state.
    pub(crate) async fn locate(
        &self,
        name: &TopicName,
        partition: PartitionIndex,
    ) -> Result<Located, PartitionError> {
        self.locate_here(name, partition)
            .await
            .map_err(|mut error| {
                if let PartitionError::NotLeader { leader, .. }
                | PartitionError::BeingRepaired { leader, .. } = &mut error
                {
                    *leader = leader.or_else(|| self.leader_of(name, partition));
                }
                // Another replica may serve all the same.
                if matches!(error, PartitionError::InDoubt { .. })
                    && let Some(leader) = self.leader_of(name, partition)
                    && leader != self.settings.identity.broker
                {
                    return PartitionError::NotLeader {
                        topic: name.clone(),
                        partition,
                        leader: Some(leader),
                    };
                }
                error
            })
    }

    async fn locate_here(
        &self,
        name: &TopicName,
        partition: PartitionIndex,
    ) -> Result<Located, PartitionError> {
        if self.is_stopping() {
            return Err(PartitionError::ShuttingDown);
        }
        let found = self.partitions.find(name, partition);
        let may_come = matches!(
            found,
            Err(PartitionError::UnknownTopic { .. }
                | PartitionError::UnknownPartition { .. }
                | PartitionError::Opening { .. })
        );
        if !may_come {
            let found = found?;
            // Nobody else's vote is needed there, and nobody says that the topic was deleted, or this disk given up.
            if !self.is_registered() && found.partition.group.members().voters.len() <= 1 {
                self.joined()?;
            }
            return Ok(found);
        }
        self.joined()?;
        self.caught_up().await;
        self.partitions.find(name, partition)
    }

    /// Waits (bounded) until everything applied by now shows in the table.
    pub(crate) async fn caught_up(&self) {
        let applied = *self.metadata.applied().borrow();
        let mut reconciled = self.partitions.reconciled.subscribe();
        let mut stopping = self.stopping();
        let wait = async {
            tokio::select! {
                _ = reconciled.wait_for(|reconciled| *reconciled >= applied) => {}
                _ = stopping.wait_for(|stopping| *stopping) => {}
            }
        };
        // Who comes too early looks, and is told that the partition is being opened.
        let _ = timeout(OPENING_WAIT_MAX, wait).await;
    }
}
