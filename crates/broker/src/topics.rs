//! Creates, shows, changes and deletes topics.

mod accept_loss;
mod create;
mod create_partitions;
mod delete;
mod delete_records;
mod describe;
mod update;

use std::collections::BTreeMap;

use metadata::plan::TopicWarning;
use metadata::{ConfigDescription, DoubtState};
use model::{BrokerId, Offset, PartitionIndex, Term, TopicId, TopicName};

use crate::PartitionError;

pub use accept_loss::AcceptedLoss;

/// A topic as a user asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTopic {
    /// Its name.
    pub name: TopicName,
    /// How many partitions it has; `None`: the broker's default.
    pub partitions: Option<u32>,
    /// How many replicas each has; `None`: 3, or as many as there are brokers.
    pub replication_factor: Option<u16>,
    /// The configs it overrides.
    pub configs: BTreeMap<String, String>,
    /// Only check; create nothing.
    pub validate_only: bool,
}

/// A topic that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// The topic; where nothing was to be created, as it would be.
    pub topic: TopicDescription,
    /// What the user may not expect.
    pub warning: Option<TopicWarning>,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: TopicName,
    /// This incarnation; `None` for a topic that was only checked.
    pub id: Option<TopicId>,
    /// How many replicas each partition was placed on.
    pub replication_factor: u16,
    /// The partitions, in order.
    pub partitions: Vec<PartitionDescription>,
    /// Every config, set or not; empty where configs were not asked for.
    pub configs: Vec<ConfigDescription>,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionDescription {
    /// Its number.
    pub partition: PartitionIndex,
    /// Who leads; `None` where nobody does.
    pub leader: Option<BrokerId>,
    /// Who holds a replica; the first is preferred to lead.
    pub replicas: Vec<BrokerId>,
    /// Those in sync with the leader.
    pub in_sync: Vec<BrokerId>,
    /// The first offset there is.
    pub log_start: Offset,
    /// The offset behind the last record that may be read.
    pub high_watermark: Offset,
    /// The leader's term.
    pub term: Term,
    /// Whose replica comes in a move that is under way; among `replicas`.
    pub adding: Vec<BrokerId>,
    /// Whose replica goes in it; not among `replicas`.
    pub removing: Vec<BrokerId>,
    /// How often the replicas were assigned anew.
    pub epoch: u64,
    /// Bytes on this broker's disk.
    pub bytes: u64,
    /// Why it does not serve here, where it does not.
    pub problem: Option<PartitionError>,
    /// The replicas that may have forgotten, or have lost, what they acknowledged before a power cut.
    pub doubts: Vec<ReplicaDoubt>,
}

/// A replica that was on `page-cache` in a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaDoubt {
    /// The replica's broker.
    pub broker: BrokerId,
    /// The run of its data directory at which that arose.
    pub since: u64,
    /// What has become of it.
    pub state: DoubtState,
}

/// A page of topics, sorted by name, without their configs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicListing {
    /// The topics.
    pub topics: Vec<TopicDescription>,
    /// Ask for the page after this name to go on; `None` on the last page.
    pub next_after: Option<TopicName>,
}

/// Topics asked for by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicsAndGaps {
    /// Those that exist, without their configs.
    pub topics: Vec<TopicDescription>,
    /// The names that no topic has.
    pub unknown: Vec<TopicName>,
}
