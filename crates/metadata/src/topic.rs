//! A topic: its identity, where its partitions are, its configs.

use std::collections::BTreeMap;

use model::{PartitionIndex, ReplicaId, TopicId, TopicName};

use crate::config::{ConfigDescription, ConfigError, TopicConfig, describe};
use crate::doubt::Doubt;
use crate::refusal::Refusal;
use crate::replication_factor::ReplicationFactor;

/// Where a proposer wants a partition's replicas. The first is the one preferred to lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The partition's replicas, each once.
    pub replicas: Vec<ReplicaId>,
}

/// Where one partition's replicas are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// Where they shall be, each once; the first is the one preferred to lead.
    pub replicas: Vec<ReplicaId>,
    /// Those that shall go, and stay until the move to `replicas` is completed.
    pub removing: Vec<ReplicaId>,
    /// Counts the changes of `replicas` since the topic was created.
    pub epoch: u64,
    /// The epoch whose move was completed last.
    pub settled_epoch: u64,
    /// Where they were at the settled epoch; empty unless they move.
    pub moved_from: Vec<ReplicaId>,
    /// About how many replicas a broker had when the partition was created. All replicas beat at the pace that follows
    /// from it: they must agree on how long a silence means that a leader is gone.
    pub neighbours: u64,
    /// The replicas that may have forgotten what they acknowledged, ascending.
    pub doubts: Vec<Doubt>,
}

impl Partition {
    /// A partition that was just placed.
    pub fn new(placement: &Placement, neighbours: u64) -> Self {
        Self {
            replicas: placement.replicas.clone(),
            neighbours,
            ..Self::default()
        }
    }

    /// Whether its replicas are not yet where they shall be.
    pub fn is_moving(&self) -> bool {
        self.settled_epoch < self.epoch
    }

    /// Whether a replica belongs to it, for good or until the move is completed. Files of any other are deleted.
    pub fn holds(&self, replica: ReplicaId) -> bool {
        self.replicas.contains(&replica) || self.removing.contains(&replica)
    }

    /// The replicas that come in a move that is under way.
    pub fn adding(&self) -> impl Iterator<Item = ReplicaId> {
        let new = |replica: &ReplicaId| self.is_moving() && !self.moved_from.contains(replica);
        self.replicas.iter().copied().filter(new)
    }

    /// The first members of its group; empty once a move was completed. A replica among them without files has never
    /// had any, and founds the group with them; any other waits until the group's leader comes to it.
    pub fn founders(&self) -> &[ReplicaId] {
        match (self.epoch, self.settled_epoch) {
            (0, _) => &self.replicas,
            (_, 0) => &self.moved_from,
            _ => &[],
        }
    }

    /// Begins a move.
    pub(crate) fn reassign(&mut self, replicas: Vec<ReplicaId>) {
        if !self.is_moving() {
            self.moved_from = self.replicas.clone();
        }
        let before = std::mem::replace(&mut self.replicas, replicas);
        for replica in before {
            if !self.holds(replica) {
                self.removing.push(replica);
            }
        }
        let kept = std::mem::take(&mut self.removing);
        let gone = |replica: &ReplicaId| !self.replicas.contains(replica);
        self.removing = kept.into_iter().filter(gone).collect();
        self.epoch += 1;
        self.forget_doubts_of_others();
    }

    /// Ends the move, whose members the group has.
    pub(crate) fn settle(&mut self) {
        self.removing.clear();
        self.moved_from.clear();
        self.settled_epoch = self.epoch;
        self.forget_doubts_of_others();
    }

    /// The doubt of a replica about this partition.
    pub fn doubt_of(&self, replica: ReplicaId) -> Option<&Doubt> {
        self.doubts.iter().find(|doubt| doubt.replica == replica)
    }

    fn forget_doubts_of_others(&mut self) {
        let mut doubts = std::mem::take(&mut self.doubts);
        doubts.retain(|doubt| self.holds(doubt.replica));
        self.doubts = doubts;
    }
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
    pub(crate) fn add_partitions(&mut self, added: &[Placement], neighbours: u64) {
        let added = added.iter();
        self.partitions
            .extend(added.map(|placement| Partition::new(placement, neighbours)));
    }

    /// All partitions, to be changed.
    pub(crate) fn partitions_mut(&mut self) -> impl Iterator<Item = &mut Partition> {
        self.partitions.iter_mut()
    }

    /// One partition, to be changed.
    pub(crate) fn partition_mut(&mut self, index: PartitionIndex) -> Option<&mut Partition> {
        self.partitions.get_mut(usize::try_from(index.get()).ok()?)
    }

    /// The same topic with another number of replicas.
    pub(crate) fn with_replication_factor(
        &self,
        replication_factor: ReplicationFactor,
    ) -> Result<Self, ConfigError> {
        self.config.check_quorum(replication_factor)?;
        Ok(Self {
            replication_factor,
            ..self.clone()
        })
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

    /// One partition.
    ///
    /// # Errors
    /// [`Refusal::UnknownPartition`].
    pub(crate) fn require_partition(&self, index: PartitionIndex) -> Result<&Partition, Refusal> {
        self.partition(index)
            .ok_or_else(|| Refusal::UnknownPartition {
                topic: self.name.clone(),
                partition: index.get(),
                partitions: self.partition_count(),
            })
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
