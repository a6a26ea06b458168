//! Reads records by offset; waits for them where there are not enough yet.

mod confirm;
mod read;
mod wait;

pub(crate) use read::{read_error, stored_error};

use std::time::Duration;

use bytes::Bytes;
use model::{Offset, PartitionIndex, TopicName};
use tokio::sync::OwnedSemaphorePermit;

use crate::FetchError;

/// What to read, and how long to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// Served in this order until `bytes_max` is reached.
    pub partitions: Vec<FetchPartition>,
    /// How long to wait for `bytes_min`; cut to the broker's own limit.
    pub wait_max: Duration,
    /// Answer as soon as there are this many bytes; 0 counts as 1.
    pub bytes_min: u64,
    /// The most bytes of all partitions; `None`, or more than the broker's limit: that limit. The first batch
    /// comes whole, however large.
    pub bytes_max: Option<u64>,
}

/// From where to read one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The first offset wanted.
    pub offset: Offset,
    /// The most bytes of this partition; `None`: as many as the request allows.
    pub bytes_max: Option<u64>,
}

/// What was read. Keep it until the bytes have been sent: the broker bounds how many there are under way.
#[derive(Debug)]
pub struct FetchAnswer {
    /// One for each partition asked for, in the same order.
    pub partitions: Vec<Result<FetchedPartition, FetchError>>,
    /// Gives the bytes back to the broker's budget when it is dropped.
    pub permit: FetchPermit,
}

/// A part of the broker's budget for answers under way.
#[derive(Debug, Default)]
pub struct FetchPermit {
    _permit: Option<OwnedSemaphorePermit>,
}

/// What was read of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchedPartition {
    /// Runs of whole, adjoining v2 batches as stored: slices of the segment's map. The first batch may begin
    /// before the offset asked for.
    pub batches: Vec<Bytes>,
    /// The bytes of all runs.
    pub bytes: u64,
    /// Where to read on.
    pub next_offset: Offset,
    /// The offset behind the last record that may be read. Until there are transactions, the last stable
    /// offset is the same.
    pub high_watermark: Offset,
    /// The first offset there is.
    pub log_start: Offset,
}
