//! Finds offsets: the first, the one behind the last, or the first at a time.

use model::{Offset, PartitionIndex, Timestamp, TopicName};

/// Which offset of which partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetQuery {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// Which offset.
    pub at: OffsetAt,
}

/// Which offset is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetAt {
    /// The first there is.
    Earliest,
    /// The one behind the last record that may be read, confirmed by a quorum.
    Latest,
    /// The first record with this timestamp or a later one.
    Timestamp(Timestamp),
}

/// An offset that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundOffset {
    /// The offset.
    pub offset: Offset,
    /// The record's timestamp; only where a timestamp was asked for.
    pub timestamp: Option<Timestamp>,
}
