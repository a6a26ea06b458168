//! How long the disk takes, and how often it fails: looked up once.

use metrics::{Counter, Histogram, counter, histogram};

/// The figures of one data directory.
pub(crate) struct Meters {
    /// Writing one run of entries to a segment, without syncing it.
    pub(crate) append_seconds: Histogram,
    /// Syncing a segment.
    pub(crate) sync_seconds: Histogram,
    /// Logs that have stopped for good because a write or a sync failed.
    pub(crate) failed_syncs: Counter,
}

impl Meters {
    /// The figures of the recorder that is installed now.
    pub(crate) fn new() -> Self {
        Self {
            append_seconds: histogram!("strandline_append_seconds"),
            sync_seconds: histogram!("strandline_sync_seconds"),
            failed_syncs: counter!("strandline_failed_syncs_total"),
        }
    }
}
