//! Collects records into one open batch for each partition.

use std::collections::BTreeMap;

use model::batch::{BatchBuilder, Codec, HEADER_BYTES};
use model::{PartitionIndex, Timestamp};

use super::record::{LineRecord, RecordShape};

/// Most bytes of all open batches together.
const OPEN_BYTES_MAX: usize = 32 << 20;

/// The open batches.
#[derive(Debug)]
pub(super) struct OpenBatches {
    codec: Codec,
    batch_bytes_max: usize,
    open: BTreeMap<PartitionIndex, OpenBatch>,
    open_bytes: usize,
}

/// A batch that takes more records.
#[derive(Debug)]
pub(super) struct OpenBatch {
    pub(super) builder: BatchBuilder,
    /// The number of its first line.
    pub(super) first_line: u64,
}

impl OpenBatches {
    pub(super) fn new(codec: Codec, batch_bytes_max: usize) -> Self {
        Self {
            codec,
            batch_bytes_max,
            open: BTreeMap::new(),
            open_bytes: 0,
        }
    }

    /// Whether another record would make the partition's batch too large: it goes first.
    pub(super) fn is_too_full_for(&self, partition: PartitionIndex, record_bytes: usize) -> bool {
        let grown = |batch: &OpenBatch| batch.builder.plain_bytes() + record_bytes;
        self.open
            .get(&partition)
            .is_some_and(|batch| grown(batch) > self.batch_bytes_max)
    }

    /// Whether the partition's batch is as large as it should get.
    pub(super) fn is_full(&self, partition: PartitionIndex) -> bool {
        self.open
            .get(&partition)
            .is_some_and(|batch| batch.builder.plain_bytes() >= self.batch_bytes_max)
    }

    /// Whether all batches together have become too large to be kept any longer.
    pub(super) fn are_too_many(&self) -> bool {
        self.open_bytes > OPEN_BYTES_MAX
    }

    /// Adds a line.
    pub(super) fn push(
        &mut self,
        partition: PartitionIndex,
        line: u64,
        record: &LineRecord,
        shape: &RecordShape,
    ) {
        let codec = self.codec;
        let batch = self.open.entry(partition).or_insert_with(|| OpenBatch {
            builder: BatchBuilder::new(codec),
            first_line: line,
        });
        let before = batch.builder.plain_bytes();
        shape.push(
            &mut batch.builder,
            record,
            Timestamp::from_system_time(std::time::SystemTime::now()),
        );
        self.open_bytes += batch.builder.plain_bytes() - before;
    }

    /// Takes the partition's batch.
    pub(super) fn take(&mut self, partition: PartitionIndex) -> Option<OpenBatch> {
        let batch = self.open.remove(&partition)?;
        let records_bytes = batch.builder.plain_bytes() - HEADER_BYTES;
        self.open_bytes = self.open_bytes.saturating_sub(records_bytes);
        Some(batch)
    }

    /// A partition that has an open batch; the one whose first line is the earliest.
    pub(super) fn earliest(&self) -> Option<PartitionIndex> {
        self.open
            .iter()
            .min_by_key(|(_, batch)| batch.first_line)
            .map(|(partition, _)| *partition)
    }

    /// The first line that is not sent yet, if any waits.
    pub(super) fn first_line(&self) -> Option<u64> {
        self.open.values().map(|batch| batch.first_line).min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}
