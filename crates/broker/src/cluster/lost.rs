//! Partitions that nobody can lead any more: their replicas' disks were replaced, and those that are left are no quorum.

use metadata::{Partition, Topic};
use model::{PartitionIndex, TopicName};

use crate::{Broker, PartitionError};

impl Broker {
    /// What happened to a partition without a leader, where it will not get one by itself.
    pub fn why_leaderless(
        &self,
        topic: &TopicName,
        partition: PartitionIndex,
    ) -> Option<PartitionError> {
        if self.leader_of(topic, partition).is_some() {
            return None;
        }
        let found = self.state(|state| state.topic_named(topic).cloned())?;
        self.lost(&found, partition, found.partition(partition)?)
    }

    /// Whether too many of the replicas that knew a partition's records are gone with their disks.
    pub(crate) fn lost(
        &self,
        topic: &Topic,
        index: PartitionIndex,
        partition: &Partition,
    ) -> Option<PartitionError> {
        // A replaced disk makes a move, which only a leader could complete.
        let knew = &partition.moved_from;
        let gone = knew
            .iter()
            .filter(|replica| self.broker_of(**replica).is_none())
            .count();
        let quorum = knew.len() / 2 + 1;
        (gone > 0 && knew.len() - gone < quorum).then(|| PartitionError::Lost {
            topic: topic.name().clone(),
            partition: index,
            gone,
            of: knew.len(),
        })
    }
}
