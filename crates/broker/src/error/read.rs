//! Why records are not read, and offsets not found.

use std::path::PathBuf;

use model::batch::RecordError;
use model::{Offset, PartitionIndex, TopicName};
use thiserror::Error;

use super::PartitionError;

/// Why a partition's records are not read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FetchError {
    /// The partition does not serve.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// The records were deleted.
    #[error(
        "offset {wanted} of partition {partition} of topic `{topic}` is below its log start {log_start}; read from there"
    )]
    BelowLogStart {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The offset asked for.
        wanted: Offset,
        /// The first offset there is.
        log_start: Offset,
    },
    /// The records do not exist.
    #[error(
        "offset {wanted} of partition {partition} of topic `{topic}` is above its log end {log_end}; read from there"
    )]
    AboveLogEnd {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The offset asked for.
        wanted: Offset,
        /// The offset behind the last record.
        log_end: Offset,
    },
    /// Stored bytes are not what was written.
    #[error(
        "partition {partition} of topic `{topic}` is damaged: {} at byte {byte}: {reason}; restore the file, or read on behind it", file.display()
    )]
    Damaged {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The file, relative to the data directory.
        file: PathBuf,
        /// Where in it.
        byte: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The disk refused.
    #[error("partition {partition} of topic `{topic}`: {} cannot be read: {reason}", file.display())]
    Unreadable {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The file, relative to the data directory.
        file: PathBuf,
        /// What the operating system said.
        reason: String,
    },
}

/// Why an offset is not found.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ListOffsetsError {
    /// The partition does not serve, or its bytes cannot be read.
    #[error(transparent)]
    Read(#[from] FetchError),
    /// The batch at the time asked for has records that cannot be decoded.
    #[error("partition {partition} of topic `{topic}`: {reason}")]
    Records {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// What is wrong with them.
        reason: RecordError,
    },
}

impl From<PartitionError> for ListOffsetsError {
    fn from(error: PartitionError) -> Self {
        Self::Read(error.into())
    }
}
