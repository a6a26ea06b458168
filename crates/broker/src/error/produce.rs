//! Why a batch is not acknowledged.

use model::batch::InvalidBatch;
use model::{Offset, PartitionIndex, ProducerId, TopicName};
use thiserror::Error;

use super::{ChangeError, PartitionError};

/// Why a batch is not acknowledged. But for [`ProduceError::OutcomeUnknown`], nothing of it was written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ProduceError {
    /// The partition does not serve.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// The batch breaks a rule.
    #[error("a batch for partition {partition} of topic `{topic}` is refused: {reason}")]
    Invalid {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The rule.
        reason: InvalidBatch,
    },
    /// The topic is missing and could not be created.
    #[error("topic `{topic}` does not exist and was not created: {reason}")]
    NotCreated {
        /// The topic.
        topic: TopicName,
        /// Why not.
        reason: ChangeError,
    },
    /// A batch before this one is missing.
    #[error(
        "producer {producer} must go on with sequence {expected} in partition {partition} of topic `{topic}`, the batch has {found}: a batch before it was lost"
    )]
    OutOfOrderSequence {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The producer.
        producer: ProducerId,
        /// The sequence number that comes next.
        expected: i32,
        /// The batch's.
        found: i32,
    },
    /// It was written so long ago that its offset is forgotten.
    #[error(
        "producer {producer} must go on with sequence {expected} in partition {partition} of topic `{topic}`, the batch has {found}: it was written before"
    )]
    DuplicateSequence {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The producer.
        producer: ProducerId,
        /// The sequence number that comes next.
        expected: i32,
        /// The batch's.
        found: i32,
    },
    /// A newer incarnation of the producer has taken over.
    #[error(
        "producer {producer} is at epoch {current_epoch} in partition {partition} of topic `{topic}`, the batch has the older {found}"
    )]
    Fenced {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The producer.
        producer: ProducerId,
        /// The newest epoch.
        current_epoch: i16,
        /// The batch's.
        found: i16,
    },
    /// It was to be written at one offset only, and would have got another.
    #[error(
        "a batch for partition {partition} of topic `{topic}` was to be written at offset {expected}, the log goes on at {actual}; read what came in between, and decide again"
    )]
    LogMovedOn {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The offset asked for.
        expected: Offset,
        /// The offset that it would have got.
        actual: Offset,
    },
    /// The disk is full.
    #[error(
        "a batch for partition {partition} of topic `{topic}` needs {needed} bytes of disk, {free} are free; delete records or enlarge the disk"
    )]
    NoSpace {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// What the batch needs, in bytes.
        needed: u64,
        /// What there is, in bytes.
        free: u64,
    },
    /// Too much waits to be committed.
    #[error(
        "partition {partition} of topic `{topic}` has {bytes} uncommitted bytes, the limit is {limit}; send more slowly"
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
    /// Leadership was lost, or the partition stopped, between the append and its commit.
    #[error(
        "whether a batch for partition {partition} of topic `{topic}` was written is unknown; a producer with sequence numbers may safely send it again"
    )]
    OutcomeUnknown {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
    },
}
