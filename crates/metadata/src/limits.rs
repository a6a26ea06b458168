//! How large the cluster's state may grow.
//!
//! The limits are part of the replicated state (settings of one broker would let replicas disagree about
//! a command). Each has a ceiling that no setting exceeds.

/// Most partitions of one topic, brokers and so on, in force in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most partitions of one topic.
    pub partitions_per_topic: u32,
    /// Most partitions of all topics together.
    pub partitions: u32,
    /// Most topics.
    pub topics: u32,
    /// Most registered brokers.
    pub brokers: u32,
}

impl Limits {
    /// What no setting exceeds.
    pub const CEILING: Self = Self {
        partitions_per_topic: 100_000,
        partitions: 1_000_000,
        topics: 1_000_000,
        brokers: 1_000,
    };

    /// The first limit that is 0 or above its ceiling: its name, its value, its ceiling.
    pub(crate) fn out_of_bounds(&self) -> Option<(&'static str, u32, u32)> {
        let ceiling = Self::CEILING;
        [
            (
                "partitions_per_topic",
                self.partitions_per_topic,
                ceiling.partitions_per_topic,
            ),
            ("partitions", self.partitions, ceiling.partitions),
            ("topics", self.topics, ceiling.topics),
            ("brokers", self.brokers, ceiling.brokers),
        ]
        .into_iter()
        .find(|(_, value, ceiling)| !(1..=*ceiling).contains(value))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            partitions_per_topic: 10_000,
            partitions: 200_000,
            topics: 100_000,
            brokers: 100,
        }
    }
}

/// The longest address or rack of a broker, in bytes.
pub const ADDRESS_BYTES_MAX: usize = 512;

/// Most disks remembered as replaced.
pub const RETIRED_DISKS_MAX: usize = 10_000;

/// How many deleted topics are remembered, so that a late retry does not create one of them again.
pub const DELETED_TOPICS_REMEMBERED: usize = 1_024;

/// Most producer ids allocated by one command.
pub const PRODUCER_IDS_PER_BLOCK_MAX: u64 = 1_000_000;

/// The first producer id that Kafka's signed 64-bit field cannot hold.
pub const PRODUCER_ID_END: u64 = i64::MAX as u64;
