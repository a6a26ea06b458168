//! The log's positions in memory, and the invariant among them. No I/O.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::batch::Batch;
use model::{LogId, LogIndex, Offset, Term};

use super::{LogEnds, LogSettings, OnDurable, OnFailure, SegmentInfo};
use crate::error::SyncFailed;
use crate::noted_ends::End;
use crate::segment::{ActiveSegment, SealedSegment, SegmentFacts, SegmentFile};
use crate::space::Unwritten;
use crate::start_file::LogStart;
use crate::tail_cache::TailCache;
use crate::term_table::TermTable;

/// An entry that has its place but is not written yet.
pub(super) struct Staged {
    pub(super) segment: Arc<SegmentFile>,
    pub(super) position: u64,
    pub(super) batch: Batch,
    /// Behind it.
    pub(super) end: End,
    /// Counts its bytes as used until they are.
    pub(super) _unwritten: Unwritten,
}

/// Somebody who waits for an end to become durable.
pub(super) struct Waiting {
    pub(super) end_index: LogIndex,
    /// Whether it is an append (to be dropped when cut off) or a sync of whatever there is.
    pub(super) is_append: bool,
    pub(super) call: OnDurable,
}

pub(super) struct State {
    pub(super) settings: LogSettings,
    pub(super) start: Option<LogStart>,
    pub(super) first: End,
    pub(super) sealed: VecDeque<SealedSegment>,
    pub(super) active: Option<ActiveSegment>,
    pub(super) end: End,
    pub(super) last: Option<LogId>,
    pub(super) written: End,
    pub(super) durable: End,
    pub(super) terms: Arc<TermTable>,
    /// Whether the term table must be written before the next batch.
    pub(super) terms_dirty: bool,
    pub(super) tail: TailCache,
    pub(super) staged: Vec<Staged>,
    pub(super) waiting: VecDeque<Waiting>,
    /// Whether the log stands in the flush queue, or is being worked on.
    pub(super) queued: bool,
    /// Counts truncations and purges: a read that failed across one is no damage.
    pub(super) cuts: u64,
    /// Whether it is noted durably that the log may acknowledge what is not synced: until then it does not.
    pub(super) may_be_lax: bool,
    /// Written and not yet synced, in bytes: `page-cache` only.
    pub(super) unsynced_bytes: u64,
    pub(super) failed: Option<SyncFailed>,
    /// Who is told once it has failed.
    pub(super) on_failure: Option<OnFailure>,
}

impl State {
    pub(super) fn ends(&self) -> LogEnds {
        LogEnds {
            first_index: self.first.index,
            purged: self.start.map(|start| start.purged),
            first_offset: self.first.offset,
            last: self.last,
            end_index: self.end.index,
            end_offset: self.end.offset,
            durable_index: self.durable.index,
            durable_offset: self.durable.offset,
        }
    }

    pub(super) fn term_at(&self, index: LogIndex) -> Option<Term> {
        match self.start {
            Some(start) if start.purged.index == index => Some(start.purged.term),
            _ if index < self.first.index || index >= self.end.index => None,
            _ => self.terms.term_at(index),
        }
    }

    /// All segments' facts, ascending.
    pub(super) fn facts(&self) -> impl DoubleEndedIterator<Item = &SegmentFacts> {
        let sealed = self.sealed.iter().map(|segment| &segment.facts);
        sealed.chain(self.active.as_ref().map(|active| &active.facts))
    }

    pub(super) fn segment_infos(&self) -> Vec<SegmentInfo> {
        let sealed = self.sealed.iter().map(|s| (&s.facts, &s.file, true));
        let active = self.active.iter().map(|a| (&a.facts, &a.file, false));
        sealed
            .chain(active)
            .map(|(facts, file, sealed)| SegmentInfo {
                base_offset: facts.name.base_offset,
                base_index: facts.name.base_index,
                end_offset: facts.end_offset,
                end_index: facts.end_index,
                bytes: facts.bytes,
                max_timestamp: facts.max_timestamp,
                first_append: facts.first_append,
                last_append: facts.last_append,
                sealed,
                damaged: file.damaged.load(Ordering::Relaxed),
            })
            .collect()
    }

    /// The failure, if the log has stopped.
    pub(super) fn check(&self) -> Result<(), SyncFailed> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// The order of the log's pointers; a breach is our bug.
    pub(super) fn debug_check(&self) {
        debug_assert!(self.first <= self.durable || self.first.index >= self.end.index);
        debug_assert!(
            self.durable <= self.written,
            "durable end above the written one"
        );
        debug_assert!(self.written <= self.end, "written end above the end");
        debug_assert!(
            self.facts()
                .next_back()
                .is_none_or(|f| f.end_index == self.end.index && f.end_offset == self.end.offset),
            "the last segment ends elsewhere than the log"
        );
    }

    /// The least term an appended entry may have.
    pub(super) fn last_term(&self) -> Term {
        self.last.map_or(Term::ZERO, |last| last.term)
    }

    pub(super) fn offset_after_start(&self) -> Offset {
        self.start.map_or(self.first.offset, |start| start.offset)
    }
}
