//! Reads what there is now of several partitions.

use std::sync::Arc;

use model::{Offset, PartitionIndex, TopicName};
use replication::{ReadFromError, ReadLogError};

use super::{FetchPartition, FetchedPartition};
use crate::FetchError;
use crate::partitions::LocalPartition;

/// A partition that was found, and what is wanted of it; or why it does not serve.
pub(super) type Wanted = Result<(Arc<LocalPartition>, FetchPartition), FetchError>;

/// What was read of all partitions.
#[derive(Debug, Default)]
pub(super) struct ReadOnce {
    pub(super) partitions: Vec<Result<FetchedPartition, FetchError>>,
    pub(super) bytes: u64,
}

impl ReadOnce {
    pub(super) fn has_errors(&self) -> bool {
        self.partitions.iter().any(Result::is_err)
    }
}

/// Reads in the order given, at most `bytes_max` but for the first batch. What is not in memory is read on a
/// blocking thread.
pub(super) async fn read_all(wanted: &Arc<Vec<Wanted>>, bytes_max: u64) -> ReadOnce {
    let is_hot = wanted.iter().flatten().all(|(partition, wanted)| {
        // At the end there is nothing to read.
        let ends = *partition.group.watch().borrow();
        wanted.offset >= ends.high_watermark || partition.group.is_hot(wanted.offset)
    });
    if is_hot {
        return read_in_order(wanted, bytes_max);
    }
    let shared = wanted.clone();
    let read = tokio::task::spawn_blocking(move || read_in_order(&shared, bytes_max)).await;
    // The runtime is shutting down: as good as having read nothing.
    read.unwrap_or_else(|_| ReadOnce {
        partitions: wanted
            .iter()
            .map(|_| Err(crate::PartitionError::ShuttingDown.into()))
            .collect(),
        bytes: 0,
    })
}

fn read_in_order(wanted: &[Wanted], bytes_max: u64) -> ReadOnce {
    let mut all = ReadOnce::default();
    for wanted in wanted {
        let left = bytes_max.saturating_sub(all.bytes);
        let read = match wanted {
            // Only the very first batch may exceed the limit.
            Ok((partition, wanted)) => read_one(partition, wanted, left, all.bytes == 0),
            Err(error) => Err(error.clone()),
        };
        all.bytes += read.as_ref().map_or(0, |read| read.bytes);
        all.partitions.push(read);
    }
    all
}

fn read_one(
    partition: &LocalPartition,
    wanted: &FetchPartition,
    left: u64,
    is_first: bool,
) -> Result<FetchedPartition, FetchError> {
    partition.check_serves()?;
    let bytes_max = left.min(wanted.bytes_max.unwrap_or(u64::MAX));
    let mut fetched = FetchedPartition {
        next_offset: wanted.offset,
        ..FetchedPartition::default()
    };
    if left == 0 && !is_first {
        (fetched.log_start, fetched.high_watermark) = ends(partition);
        return Ok(fetched);
    }
    let read = partition
        .group
        .read(
            wanted.offset,
            usize::try_from(bytes_max).unwrap_or(usize::MAX),
        )
        .map_err(|error| read_error(&partition.topic, partition.partition, error))?;
    // Taken behind the read: the ends cover what was read.
    (fetched.log_start, fetched.high_watermark) = ends(partition);
    let bytes = read.bytes as u64;
    if is_first || bytes <= left {
        fetched.batches = read.batches;
        fetched.bytes = bytes;
        fetched.next_offset = read.next_offset;
    }
    Ok(fetched)
}

fn ends(partition: &LocalPartition) -> (Offset, Offset) {
    let ends = *partition.group.watch().borrow();
    (ends.log_start, ends.high_watermark)
}

/// A log's read error in the words of the topic and partition.
pub(crate) fn read_error(
    topic: &TopicName,
    partition: PartitionIndex,
    error: ReadFromError,
) -> FetchError {
    let topic = topic.clone();
    match error {
        ReadFromError::BelowLogStart { wanted, log_start } => FetchError::BelowLogStart {
            topic,
            partition,
            wanted,
            log_start,
        },
        ReadFromError::AboveEnd { wanted, end } => FetchError::AboveLogEnd {
            topic,
            partition,
            wanted,
            log_end: end,
        },
        ReadFromError::Stored(error) => stored_error(&topic, partition, error),
    }
}

/// Damage, or a disk that refuses, in the words of the topic and partition.
pub(crate) fn stored_error(
    topic: &TopicName,
    partition: PartitionIndex,
    error: ReadLogError,
) -> FetchError {
    let topic = topic.clone();
    match error {
        ReadLogError::Damaged { file, byte, reason } => FetchError::Damaged {
            topic,
            partition,
            file,
            byte,
            reason,
        },
        ReadLogError::Io { file, source } => FetchError::Unreadable {
            topic,
            partition,
            file,
            reason: source.to_string(),
        },
    }
}
