//! Whether the broker serves everything it holds, and if not, what is missing and why.

use std::fmt;

use model::{Offset, PartitionIndex, TopicName};

use crate::PartitionError;

/// Whether every local partition is recovered, has a leader that serves, and shows everything that was durable
/// before the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// How many partitions are local.
    pub partitions: usize,
    /// Why the cluster's metadata does not serve, where it does not.
    pub metadata: Option<String>,
    /// Those that are not ready, by topic name and partition.
    pub not_ready: Vec<NotReady>,
}

impl Readiness {
    /// Whether nothing is missing.
    pub fn is_ready(&self) -> bool {
        self.metadata.is_none() && self.not_ready.is_empty()
    }
}

/// A partition that is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReady {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// Why.
    pub reason: NotReadyReason,
}

/// Why a partition is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotReadyReason {
    /// It is being opened, could not be opened, or has stopped.
    Unusable(PartitionError),
    /// Nobody leads it.
    NoLeader,
    /// Its leader has not yet committed an entry of its own term.
    LeaderNotYetServing,
    /// Its high watermark lies below what was durable before the start.
    Behind {
        /// The high watermark.
        high_watermark: Offset,
        /// The end that was durable.
        durable_end: Offset,
    },
}

impl fmt::Display for NotReadyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(error) => error.fmt(f),
            Self::NoLeader => f.write_str("it has no leader"),
            Self::LeaderNotYetServing => f.write_str("its leader does not serve yet"),
            Self::Behind {
                high_watermark,
                durable_end,
            } => write!(
                f,
                "its high watermark is {high_watermark}, records were durable up to {durable_end}"
            ),
        }
    }
}
