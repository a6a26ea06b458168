//! Appending: an entry gets its place at once; writing and syncing follow.

use std::sync::Arc;

use model::batch::Batch;
use model::{Durability, LogId, LogIndex, Timestamp};

use super::state::{Staged, State, Waiting};
use super::{Appended, Log, LogInner, OnDurable};
use crate::error::AppendError;
use crate::noted_ends::End;
use crate::segment::{ActiveSegment, SegmentFacts, SegmentFile, SegmentName, SparseIndex};
use crate::space::{NoSpace, SpaceReservation};
use crate::term_table::TermStart;

/// A `page-cache` log is synced in the background each time this much was written, in bytes.
const BACKGROUND_SYNC_BYTES: u64 = 32 << 20;

impl Log {
    /// Appends stamped entries from `first_index`, all or none. They can be read by index when this returns;
    /// `on_durable` is called in the order of the appends, in `page-cache` mode before this returns, unless a segment or
    /// a term begins with them: what that takes is synced, and not on the caller's thread. On a full disk both wait until
    /// there is space.
    /// An empty log that was never purged takes any first index.
    ///
    /// # Errors
    /// [`AppendError`]; `on_durable` is then dropped, except after a failed write, which it is told.
    pub fn append(
        &self,
        first_index: LogIndex,
        batches: Vec<Batch>,
        on_durable: OnDurable,
    ) -> Result<Appended, AppendError> {
        self.append_as(first_index, batches, on_durable, false)
    }

    /// As [`Log::append`], but whatever the log's durability `on_durable` is called once the entries are synced.
    ///
    /// # Errors
    /// [`AppendError`], as for [`Log::append`].
    pub fn append_synced(
        &self,
        first_index: LogIndex,
        batches: Vec<Batch>,
        on_durable: OnDurable,
    ) -> Result<Appended, AppendError> {
        self.append_as(first_index, batches, on_durable, true)
    }

    fn append_as(
        &self,
        first_index: LogIndex,
        batches: Vec<Batch>,
        on_durable: OnDurable,
        is_synced: bool,
    ) -> Result<Appended, AppendError> {
        let now = self.inner.shared.clock.now();
        let mut state = self.inner.state.lock();
        state.check()?;
        check(&state, first_index, &batches)?;
        if state.end.index != first_index {
            begin_at(&mut state, first_index);
        }
        let active = |state: &State| state.active.as_ref().map(|active| active.facts.name);
        let before = active(&state);
        for batch in batches {
            self.inner.place(&mut state, batch, now);
        }
        let begins = state.terms_dirty || active(&state) != before;
        state.debug_check();
        let appended = Appended {
            end_index: state.end.index,
            end_offset: state.end.offset,
        };
        let is_lax = !is_synced && state.settings.durability == Durability::PageCache;
        if is_lax && state.may_be_lax && state.waiting.is_empty() && !begins {
            drop(state);
            self.inner.write_inline(appended.end_index, on_durable);
        } else {
            state.waiting.push_back(Waiting {
                end_index: appended.end_index,
                is_append: true,
                call: on_durable,
            });
            self.inner.kick(&mut state);
        }
        Ok(appended)
    }

    /// Promises `bytes` of disk space to a proposal or a received append, before it enters Raft.
    ///
    /// # Errors
    /// [`NoSpace`]: the disk is as good as full. It may be asked again at any time.
    pub fn reserve(&self, bytes: u64) -> Result<SpaceReservation, NoSpace> {
        let shared = &self.inner.shared;
        shared
            .budget
            .reserve(&*shared.disk, &self.inner.path, bytes)
    }
}

/// Whether all of the batches adjoin the log and each other.
fn check(state: &State, first_index: LogIndex, batches: &[Batch]) -> Result<(), AppendError> {
    let untouched = state.start.is_none() && state.first.index == state.end.index;
    if first_index != state.end.index && !untouched {
        return Err(AppendError::WrongIndex {
            end: state.end.index,
            first: first_index,
        });
    }
    let (mut index, mut offset, mut least) = (first_index, state.end.offset, state.last_term());
    for batch in batches {
        let header = batch.header();
        let found = header.base_offset();
        if found != offset {
            return Err(AppendError::WrongOffset {
                index,
                expected: offset,
                found,
            });
        }
        match header.term() {
            Some(term) if term >= least => least = term,
            found => {
                return Err(AppendError::WrongTerm {
                    index,
                    least,
                    found,
                });
            }
        }
        offset = header.end_offset();
        index = index.next();
    }
    Ok(())
}

/// Lets an empty log begin at any index.
fn begin_at(state: &mut State, index: LogIndex) {
    let end = End {
        index,
        offset: state.end.offset,
    };
    (state.first, state.end, state.written, state.durable) = (end, end, end, end);
    state.tail.restart(index);
}

impl LogInner {
    /// Gives a batch its place: segment, position, index entries, term.
    fn place(&self, state: &mut State, batch: Batch, now: Timestamp) {
        let header = *batch.header();
        let index = state.end.index;
        self.roll_for(state, batch.total_bytes() as u64);
        let interval = state.settings.index_interval_bytes;
        let base = SegmentName {
            base_index: index,
            base_offset: state.end.offset,
        };
        let active = state.active.get_or_insert_with(|| ActiveSegment {
            facts: SegmentFacts::empty(base),
            index: SparseIndex::default(),
            file: Arc::new(SegmentFile::new(&self.path, base, 0)),
        });
        let position = active.place(&header, now, interval);
        let total = batch.total_bytes() as u64;
        // What this process writes needs no check when it is read back.
        active.file.verified.lock().add(position..position + total);
        let segment = active.file.clone();
        if let Some(term) = header.term() {
            if state.terms.last().is_none_or(|last| last.term < term) {
                let start = TermStart {
                    term,
                    index,
                    offset: header.base_offset(),
                };
                Arc::make_mut(&mut state.terms).push(start);
                state.terms_dirty = true;
            }
            state.last = Some(LogId { term, index });
        }
        state.tail.push(batch.clone());
        state.end = End {
            index: index.next(),
            offset: header.end_offset(),
        };
        state.staged.push(Staged {
            segment,
            position,
            batch,
            end: state.end,
            _unwritten: self.shared.budget.unwritten(total),
        });
    }

    /// Seals the active segment if a batch of `bytes` does not fit it.
    fn roll_for(&self, state: &mut State, bytes: u64) {
        let full = state.active.as_ref().is_some_and(|active| {
            active.facts.bytes > 0 && active.facts.bytes + bytes > state.settings.segment_bytes
        });
        if full && let Some(active) = state.active.take() {
            state.sealed.push_back(active.seal());
        }
    }

    /// Writes what is staged on the caller's thread and answers; syncing happens in the background.
    fn write_inline(self: &Arc<Self>, end_index: LogIndex, on_durable: OnDurable) {
        let outcome = self.write_staged(&mut self.writer.lock());
        if let Err(failed) = &outcome {
            self.latch(failed);
        }
        match outcome {
            Err(failed) if !failed.is_final => {
                let mut state = self.state.lock();
                state.waiting.push_back(Waiting {
                    end_index,
                    is_append: true,
                    call: on_durable,
                });
                return self.kick(&mut state);
            }
            outcome => on_durable(outcome.map(|_| ())),
        }
        let mut state = self.state.lock();
        if state.unsynced_bytes >= BACKGROUND_SYNC_BYTES {
            state.unsynced_bytes = 0;
            self.kick(&mut state);
        }
    }

    /// Puts the log into the flush queue, once.
    pub(super) fn kick(self: &Arc<Self>, state: &mut State) {
        if !state.queued {
            state.queued = true;
            self.shared.queue.push(self.clone());
        }
    }
}
