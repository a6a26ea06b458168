//! Why records are not deleted from the front of a partition.

use model::{Offset, PartitionIndex, TopicName};
use thiserror::Error;

use super::PartitionError;

/// Why records are not deleted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DeleteRecordsError {
    /// The partition does not serve.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// Records that are not committed cannot be deleted.
    #[error(
        "records of partition {partition} of topic `{topic}` cannot be deleted below offset {wanted}: its high watermark is {high_watermark}; use at most that"
    )]
    AboveHighWatermark {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The offset asked for.
        wanted: Offset,
        /// The offset behind the last committed record.
        high_watermark: Offset,
    },
    /// The disk is too full to write down what is deleted.
    #[error(
        "deleting records of partition {partition} of topic `{topic}` needs {needed} bytes of disk, {free} are free; free some by other means first"
    )]
    NoSpace {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// What is needed, in bytes.
        needed: u64,
        /// What there is, in bytes.
        free: u64,
    },
    /// Too much waits to be committed.
    #[error(
        "partition {partition} of topic `{topic}` has {bytes} uncommitted bytes, the limit is {limit}; try again"
    )]
    TooManyUncommitted {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// How much waits, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// Leadership was lost, or the partition stopped, in between.
    #[error(
        "whether records of partition {partition} of topic `{topic}` were deleted is unknown; it is safe to try again"
    )]
    OutcomeUnknown {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
    },
}
