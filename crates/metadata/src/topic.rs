//! A topic: its identity, where its partitions are, its configs.

use std::collections::BTreeMap;

use model::{PartitionIndex, ReplicaId, TopicId, TopicName};

use crate::config::{ConfigDescription, ConfigError, TopicConfig, describe};
use crate::replication_factor::ReplicationFactor;

/// Where one partition's replicas are. The first is the one preferred to lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The partition's replicas, each once.
    pub replicas: Vec<ReplicaId>,
}

/// One incarnation of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    id: TopicId,
    name: TopicName,
    replication_factor: ReplicationFactor,
    partitions: Vec<Partition>,
    overrides: BTreeMap<String, String>,
    /// What `overrides` mean: derived, never stored.
    config: TopicConfig,
}

impl Topic {
    /// A topic whose overrides have been read and compared with its quorum.
    pub(crate) fn new(
        id: TopicId,
        name: TopicName,
        replication_factor: ReplicationFactor,
        partitions: Vec<Partition>,
        overrides: BTreeMap<String, String>,
    ) -> Result<Self, ConfigError> {
        let config = TopicConfig::from_overrides(&overrides)?;
        config.check_quorum(replication_factor)?;
        Ok(Self {
            id,
            name,
            replication_factor,
            partitions,
            overrides,
            config,
        })
    }

    /// The same topic with other overrides.
    pub(crate) fn with_overrides(
        &self,
        overrides: BTreeMap<String, String>,
    ) -> Result<Self, ConfigError> {
        let topic = self.clone();
        Self::new(
            topic.id,
            topic.name,
            topic.replication_factor,
            topic.partitions,
            overrides,
        )
    }

    /// Adds partitions behind the last one.
    pub(crate) fn add_partitions(&mut self, added: &[Partition]) {
        self.partitions.extend_from_slice(added);
    }

    /// The incarnation's id.
    pub fn id(&self) -> TopicId {
        self.id
    }

    /// The topic's name.
    pub fn name(&self) -> &TopicName {
        &self.name
    }

    /// How many replicas each partition was placed on.
    pub fn replication_factor(&self) -> ReplicationFactor {
        self.replication_factor
    }

    /// The partitions, in order: the first is partition 0.
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// How many partitions there are.
    pub fn partition_count(&self) -> u32 {
        u32::try_from(self.partitions.len()).unwrap_or(u32::MAX)
    }

    /// One partition; `None` if the topic has no such one.
    pub fn partition(&self, index: PartitionIndex) -> Option<&Partition> {
        self.partitions.get(usize::try_from(index.get()).ok()?)
    }

    /// The configs as they were set, by name.
    pub fn overrides(&self) -> &BTreeMap<String, String> {
        &self.overrides
    }

    /// What the configs mean.
    pub fn config(&self) -> &TopicConfig {
        &self.config
    }

    /// Every config of the topic, set or not, for users.
    pub fn describe_configs(&self) -> Vec<ConfigDescription> {
        describe(&self.overrides, self.replication_factor)
    }
}
