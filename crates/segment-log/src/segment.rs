//! One segment: a file of adjoining batches, and what is known about it.
//!
//! It knows files and batch headers. It knows neither the log it belongs to nor who reads it.

pub(crate) mod facts;
pub(crate) mod file;
pub(crate) mod name;
pub(crate) mod scan;
pub(crate) mod sparse_index;
pub(crate) mod verified;

use std::sync::Arc;

use model::{Timestamp, batch::BatchHeader};

pub(crate) use facts::SegmentFacts;
pub(crate) use file::SegmentFile;
pub(crate) use name::SegmentName;
pub(crate) use sparse_index::{IndexEntry, SparseIndex};

/// The segment that is appended to. There is no way back from [`ActiveSegment::seal`] but truncation.
#[derive(Debug)]
pub(crate) struct ActiveSegment {
    pub(crate) facts: SegmentFacts,
    pub(crate) index: SparseIndex,
    pub(crate) file: Arc<SegmentFile>,
}

/// A full segment: nothing is ever added to it.
#[derive(Clone, Debug)]
pub(crate) struct SealedSegment {
    pub(crate) facts: SegmentFacts,
    pub(crate) file: Arc<SegmentFile>,
}

impl ActiveSegment {
    /// Counts a batch that was placed at the end; returns its position.
    pub(crate) fn place(&mut self, header: &BatchHeader, now: Timestamp, interval: u64) -> u64 {
        let position = self.facts.bytes;
        self.index.note(
            IndexEntry {
                index: self.facts.end_index,
                offset: header.base_offset(),
                position,
                max_timestamp_before: self.facts.max_timestamp,
            },
            interval,
        );
        self.facts.count(header);
        self.facts.first_append = self.facts.first_append.or(Some(now));
        self.facts.last_append = Some(now);
        position
    }

    /// Ends the segment. Its index stays with the file's handle for as long as that is open.
    pub(crate) fn seal(self) -> SealedSegment {
        self.file.keep_index(self.index);
        SealedSegment {
            facts: self.facts,
            file: self.file,
        }
    }
}
