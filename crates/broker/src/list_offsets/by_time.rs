//! Finds the first record at a time or later: the log's index names the batch, the record is looked up in it.

use std::sync::Arc;

use bytes::Bytes;
use model::batch::{Batch, Records};
use model::limits::DECOMPRESSED_BYTES_MAX;
use model::{Offset, Timestamp, TimestampType};
use replication::ReadFromError;

use super::FoundOffset;
use crate::fetch::{read_error, stored_error};
use crate::partitions::LocalPartition;
use crate::{ListOffsetsError, PartitionError};

/// How much is read at a time where the first batch does not hold the record.
const CHUNK_BYTES: usize = 1 << 20;

type Found = Result<Option<FoundOffset>, ListOffsetsError>;

/// The first committed record, at or above the log start, with the timestamp `wanted` or a later one.
pub(super) async fn first_at(partition: Arc<LocalPartition>, wanted: Timestamp) -> Found {
    let looked_up = tokio::task::spawn_blocking(move || look_up(&partition, wanted)).await;
    looked_up.unwrap_or(Err(PartitionError::ShuttingDown.into()))
}

fn look_up(partition: &LocalPartition, wanted: Timestamp) -> Found {
    let (topic, number) = (&partition.topic, partition.partition);
    let located = partition.group.offset_for_timestamp(wanted);
    let located = located.map_err(|error| stored_error(topic, number, error))?;
    let Some((base, _)) = located else {
        return Ok(None);
    };
    let mut log_start = partition.group.status().log_start;
    let mut from = base.max(log_start);
    // One batch, as a rule. More only where the record in it was deleted, or its header lies about its times.
    let mut bytes_max = 1;
    loop {
        let read = match partition.group.read(from, bytes_max) {
            Err(ReadFromError::BelowLogStart { log_start: now, .. }) if now > from => {
                // What was located is deleted meanwhile: the first record that is not is looked for.
                (from, log_start) = (now, now);
                continue;
            }
            read => read.map_err(|error| read_error(topic, number, error))?,
        };
        for run in read.batches {
            if let Some(found) = first_in_run(partition, run, wanted, log_start)? {
                return Ok(Some(found));
            }
        }
        if read.next_offset <= from {
            return Ok(None);
        }
        from = read.next_offset;
        bytes_max = CHUNK_BYTES;
    }
}

fn first_in_run(
    partition: &LocalPartition,
    mut run: Bytes,
    wanted: Timestamp,
    log_start: Offset,
) -> Found {
    while !run.is_empty() {
        // What the log returns are whole batches, checked; anything else would be its bug.
        let Ok(batch) = Batch::split_off(&mut run) else {
            return Ok(None);
        };
        if batch.header().max_timestamp() < wanted {
            continue;
        }
        let found = first_in_batch(&batch, wanted, log_start);
        let found = found.map_err(|reason| ListOffsetsError::Records {
            topic: partition.topic.clone(),
            partition: partition.partition,
            reason,
        })?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn first_in_batch(
    batch: &Batch,
    wanted: Timestamp,
    log_start: Offset,
) -> Result<Option<FoundOffset>, model::batch::RecordError> {
    let header = batch.header();
    if header.timestamp_type() == TimestampType::LogAppendTime {
        // All of its records have the same.
        return Ok(Some(FoundOffset {
            offset: header.base_offset().max(log_start),
            timestamp: Some(header.max_timestamp()),
        }));
    }
    for record in Records::of(batch, DECOMPRESSED_BYTES_MAX)? {
        let record = record?;
        if record.timestamp >= wanted && record.offset >= log_start {
            return Ok(Some(FoundOffset {
                offset: record.offset,
                timestamp: Some(record.timestamp),
            }));
        }
    }
    Ok(None)
}
