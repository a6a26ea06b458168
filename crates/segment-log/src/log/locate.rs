//! Finds the segment and the index entry that a read starts from.

use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{LogIndex, Offset, Timestamp};

use super::LogInner;
use super::state::State;
use crate::disk::DiskFile;
use crate::error::{ReadLogError, passes};
use crate::segment::scan::{Cursor, Depth, Visited, Walked, walk};
use crate::segment::{IndexEntry, SegmentFacts, SegmentFile, SparseIndex};
use crate::term_table::TermTable;

/// What a read looks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    Index(LogIndex),
    Offset(Offset),
    Timestamp(Timestamp),
}

impl Wanted {
    fn entry(self, index: &SparseIndex) -> Option<IndexEntry> {
        match self {
            Self::Index(wanted) => index.at_or_before_index(wanted),
            Self::Offset(wanted) => index.at_or_before_offset(wanted),
            Self::Timestamp(wanted) => index.before_timestamp(wanted),
        }
    }
}

/// A segment picked under the lock; what follows happens outside of it.
pub(super) struct Located {
    pub(super) facts: SegmentFacts,
    pub(super) segment: Arc<SegmentFile>,
    /// The entry, where the segment is active.
    active_entry: Option<Option<IndexEntry>>,
    pub(super) terms: Arc<TermTable>,
    interval: u64,
    cuts: u64,
}

/// A segment ready to be read, and where to begin.
pub(super) struct Opened {
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) from: Cursor,
    /// Behind the last written batch.
    pub(super) limit: u64,
}

impl State {
    /// The last segment that begins at or before `wanted`; for a timestamp, the first that may hold it
    /// and ends above `above`.
    pub(super) fn locate(&self, wanted: Wanted, above: Offset) -> Option<Located> {
        let before = |facts: &SegmentFacts| match wanted {
            Wanted::Index(index) => facts.name.base_index <= index,
            Wanted::Offset(offset) => facts.name.base_offset <= offset,
            Wanted::Timestamp(wanted) => {
                facts.max_timestamp < Some(wanted) || facts.end_offset <= above
            }
        };
        let at = if let Wanted::Timestamp(_) = wanted {
            self.sealed
                .iter()
                .position(|s| !before(&s.facts))
                .unwrap_or(self.sealed.len())
        } else if self
            .active
            .as_ref()
            .is_some_and(|active| before(&active.facts))
        {
            self.sealed.len()
        } else {
            self.sealed
                .partition_point(|s| before(&s.facts))
                .checked_sub(1)?
        };
        let located = |facts: &SegmentFacts, segment: &Arc<SegmentFile>, active_entry| Located {
            facts: *facts,
            segment: segment.clone(),
            active_entry,
            terms: self.terms.clone(),
            interval: self.settings.index_interval_bytes,
            cuts: self.cuts,
        };
        match (self.sealed.get(at), &self.active) {
            (Some(sealed), _) => Some(located(&sealed.facts, &sealed.file, None)),
            (None, Some(active)) => {
                let entry = wanted.entry(&active.index);
                Some(located(&active.facts, &active.file, Some(entry)))
            }
            (None, None) => None,
        }
    }
}

impl LogInner {
    /// Opens what was located. `None` where nothing of it is written yet.
    pub(super) fn open(
        &self,
        at: &Located,
        wanted: Wanted,
    ) -> Result<Option<Opened>, ReadLogError> {
        let io = |source: io::Error| ReadLogError::Io {
            file: at.segment.path.clone(),
            source: Arc::new(source),
        };
        let limit = at.segment.written().min(at.facts.bytes);
        if limit == 0 {
            return Ok(None);
        }
        self.shared.used(&at.segment);
        let (file, entry) = match (at.active_entry, at.segment.handle()) {
            (Some(entry), Some(file)) => (file, entry),
            (Some(_), None) => return Ok(None),
            (None, _) => {
                let disk = &*self.shared.disk;
                let (open, now) = at
                    .segment
                    .open_sealed(disk, &at.facts, &at.terms, at.interval)
                    .map_err(io)?;
                if now {
                    self.shared.opened(&at.segment);
                }
                (open.file, wanted.entry(&open.index))
            }
        };
        let base = at.facts.name;
        let from = entry.map_or(
            Cursor {
                index: base.base_index,
                offset: base.base_offset,
                position: 0,
            },
            |entry| Cursor {
                index: entry.index,
                offset: entry.offset,
                position: entry.position,
            },
        );
        // A file shorter than its batches is damage that the walk would not meet.
        if file.length() < limit {
            return Err(self.damage(
                at,
                file.length(),
                "the file ends before its batches do".to_owned(),
            ));
        }
        Ok(Some(Opened { file, from, limit }))
    }

    /// Walks over what was opened, as far as it is sound.
    pub(super) fn walk(
        &self,
        at: &Located,
        opened: &Opened,
        depth: Depth<'_>,
        visit: impl FnMut(Visited) -> ControlFlow<()>,
    ) -> Result<Walked, ReadLogError> {
        walk(
            &*opened.file,
            opened.from,
            opened.limit,
            &at.terms,
            depth,
            visit,
        )
        .map_err(|source| ReadLogError::Io {
            file: at.segment.path.clone(),
            source: Arc::new(source),
        })
    }

    /// Marks the segment and makes the error.
    pub(super) fn damage(&self, at: &Located, byte: u64, reason: String) -> ReadLogError {
        ReadLogError::Damaged {
            file: at.segment.path.clone(),
            byte,
            reason,
        }
    }

    /// A failed read's outcome: nothing, where a truncation or purge came between; else the error.
    pub(super) fn unless_cut<T: Default>(
        &self,
        at: &Located,
        outcome: Result<T, ReadLogError>,
    ) -> Result<T, ReadLogError> {
        match outcome {
            Err(_) if self.state.lock().cuts != at.cuts => Ok(T::default()),
            Err(error) => {
                if let ReadLogError::Damaged { file, byte, reason } = &error {
                    at.segment.damaged.store(true, Ordering::Relaxed);
                    // It may have been sound when it was first read: from now on every read checks again.
                    at.segment.verified.lock().forget_from(*byte);
                    tracing::error!(file = %file.display(), byte, reason, "damage met");
                }
                if let ReadLogError::Io { file, source } = &error
                    && !passes(source)
                {
                    at.segment.damaged.store(true, Ordering::Relaxed);
                    tracing::error!(file = %file.display(), error = %source, "a file cannot be read");
                }
                Err(error)
            }
            Ok(_) if self.state.lock().cuts != at.cuts => Ok(T::default()),
            ok => ok,
        }
    }

    /// Whether a truncation or purge came since.
    pub(super) fn is_cut(&self, at: &Located) -> bool {
        self.state.lock().cuts != at.cuts
    }

    /// A file beside the log's segments.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}
