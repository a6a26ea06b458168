//! Cutting the log at its front: the new start is durable before a file goes. Beyond the end it is a reset.

use std::sync::Arc;

use model::{LogId, Offset};

use super::write::Writer;
use super::{Log, LogInner};
use crate::error::{PurgeError, SyncFailed};
use crate::noted_ends::End;
use crate::segment::SegmentFile;
use crate::start_file::{LogStart, START_FILE};
use crate::term_table::TermTable;

impl Log {
    /// Forgets entries up to and including `upto`, and deletes segments that hold no others. `offset_after` is the
    /// offset behind that entry. Beyond the log's end, everything goes and the log continues there. Blocks.
    /// At or below what is purged already, nothing happens.
    ///
    /// # Errors
    /// [`PurgeError::Failed`]: the log has stopped, if it says so, else nothing was done.
    pub fn purge(&self, upto: LogId, offset_after: Offset) -> Result<(), PurgeError> {
        let start = LogStart {
            purged: upto,
            offset: offset_after,
        };
        let _round = self.inner.round.lock();
        let mut writer = self.inner.writer.lock();
        let outcome = self.inner.move_start(&mut writer, start);
        if let Err(failed) = &outcome {
            self.inner.latch(failed);
        }
        Ok(outcome?)
    }
}

impl LogInner {
    fn move_start(&self, writer: &mut Writer, start: LogStart) -> Result<(), SyncFailed> {
        let written = self.write_staged(writer);
        let (is_done, is_reset, needs_more) = {
            let state = self.state.lock();
            let index = start.purged.index;
            let is_reset = index >= state.end.index;
            let needs_more = !is_reset && index >= state.written.index;
            // A log that did not begin at zero learns what stood before it.
            let says_start = state.start.is_none() && state.first.index == index.next();
            let is_done = state.first.index > index && !says_start;
            (is_done, is_reset, needs_more)
        };
        // A purge frees space: it does not wait for entries that wait for space.
        if let Err(failed) = written
            && (failed.is_final || needs_more)
        {
            return Err(failed);
        }
        if is_done {
            return Ok(());
        }
        let disk = &*self.shared.disk;
        if is_reset {
            self.lower_noted(None)?;
        }
        self.shared
            .with_ballast(|| start.write(disk, &self.path))
            .map_err(|error| SyncFailed::of_write(&self.beside(START_FILE), error))?;
        let gone = if is_reset {
            writer.current = None;
            self.reset(start)
        } else {
            self.trim(start)
        };
        for segment in &gone {
            self.remove_segment_files(segment)?;
            segment.close();
        }
        if !gone.is_empty() {
            disk.sync_directory(&self.path)
                .map_err(|error| self.failure(&self.path, error))?;
        }
        Ok(())
    }

    fn reset(&self, start: LogStart) -> Vec<Arc<SegmentFile>> {
        let mut state = self.state.lock();
        let end = behind(start);
        state.cuts += 1;
        state.start = Some(start);
        state.staged.clear();
        state.waiting.retain_mut(|waiting| {
            waiting.end_index = end.index;
            !waiting.is_append
        });
        state.tail.restart(end.index);
        state.terms = Arc::new(TermTable::default());
        state.terms_dirty = false;
        state.last = Some(start.purged);
        (state.first, state.end, state.written, state.durable) = (end, end, end, end);
        let mut gone: Vec<_> = state.sealed.drain(..).map(|sealed| sealed.file).collect();
        gone.extend(state.active.take().map(|active| active.file));
        gone
    }

    fn trim(&self, start: LogStart) -> Vec<Arc<SegmentFile>> {
        let mut state = self.state.lock();
        let first = behind(start);
        state.cuts += 1;
        state.start = Some(start);
        state.first = first;
        // What is purged was committed: it needs no sync of ours any more.
        state.durable = state.durable.max(first);
        let count = state
            .sealed
            .partition_point(|sealed| sealed.facts.end_index <= first.index);
        let gone = state
            .sealed
            .drain(..count)
            .map(|sealed| sealed.file)
            .collect();
        // Entries below the start are still in the first segment, and walked over.
        let kept = state
            .facts()
            .next()
            .map_or(first.index, |facts| facts.name.base_index);
        Arc::make_mut(&mut state.terms).trim(kept);
        state.debug_check();
        gone
    }
}

fn behind(start: LogStart) -> End {
    End {
        index: start.purged.index.next(),
        offset: start.offset,
    }
}
