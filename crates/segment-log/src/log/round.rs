//! A round: write what is staged, sync, complete who waits, in order. And what happens when that fails.

use std::sync::Arc;
use std::time::Instant;

use model::Durability;

use super::state::Waiting;
use super::{Log, LogInner, OnDurable};
use crate::error::SyncFailed;
use crate::noted_ends::End;
use crate::planted::{self, Bug};

impl Log {
    /// Makes everything appended so far durable, whatever the log's durability. Blocks.
    ///
    /// # Errors
    /// [`SyncFailed`]; a final one then and for ever after, see [`SyncFailed::is_final`].
    pub fn sync(&self) -> Result<(), SyncFailed> {
        self.inner.sync()
    }

    /// As [`Log::sync`], but returns at once and calls back; from a sync thread, or here where all is durable.
    pub fn sync_then(&self, done: OnDurable) {
        let mut state = self.inner.state.lock();
        if let Err(failed) = state.check() {
            drop(state);
            return done(Err(failed));
        }
        if state.durable == state.end && state.waiting.is_empty() {
            drop(state);
            return done(Ok(()));
        }
        let end_index = state.end.index;
        state.waiting.push_back(Waiting {
            end_index,
            is_append: false,
            call: done,
        });
        self.inner.kick(&mut state);
    }
}

impl LogInner {
    /// What a sync thread does with a log from the queue.
    pub(crate) fn run_queued_round(self: &Arc<Self>) {
        // A final failure has been told to everybody who waits.
        let outcome = self.sync();
        let mut state = self.state.lock();
        state.queued = false;
        if state.failed.is_some() || (state.staged.is_empty() && state.waiting.is_empty()) {
            return;
        }
        match outcome {
            Ok(()) => self.kick(&mut state),
            Err(error) => {
                tracing::warn!(log = %self.path.display(), %error, "entries wait");
                state.queued = true;
                self.shared.queue.push_later(self.clone());
            }
        }
    }

    pub(crate) fn sync(&self) -> Result<(), SyncFailed> {
        let _round = self.round.lock();
        self.note_laxness();
        let outcome = self.write_and_sync().and_then(|(end, outcome)| {
            self.complete(end);
            outcome
        });
        if let Err(failed) = &outcome {
            self.latch(failed);
        }
        outcome
    }

    /// Makes everything durable and refuses more.
    pub(crate) fn close(&self) -> Result<(), SyncFailed> {
        let outcome = self.sync();
        let closed = std::io::Error::other("the data directory was closed");
        let closed = self.failure(&self.path, closed);
        self.state.lock().failed.get_or_insert(closed.clone());
        // What was staged since is told that it will not be durable.
        let waiting = std::mem::take(&mut self.state.lock().waiting);
        for waiting in waiting {
            (waiting.call)(Err(closed.clone()));
        }
        outcome
    }

    /// Under the round lock: returns the end that is durable now, and whether everything was written.
    fn write_and_sync(&self) -> Result<(End, Result<(), SyncFailed>), SyncFailed> {
        let (current, written, durable, outcome) = {
            let mut writer = self.writer.lock();
            let outcome = self.write_staged(&mut writer).map(|_| ());
            if let Err(failed) = &outcome
                && failed.is_final
            {
                return Err(failed.clone());
            }
            let state = self.state.lock();
            let current = writer.current.as_ref();
            let current = current.map(|c| (c.file.clone(), c.segment.path.clone()));
            (current, state.written, state.durable, outcome)
        };
        if let Some((file, path)) = current
            && durable < written
        {
            let began = Instant::now();
            let synced = file.sync();
            if !planted::has(Bug::IgnoreFailedSync) {
                synced.map_err(|error| self.failure(&path, error))?;
            }
            self.shared.meters.sync_seconds.record(began.elapsed());
        }
        Ok((written, outcome))
    }

    fn complete(&self, end: End) {
        let done: Vec<Waiting> = {
            let mut state = self.state.lock();
            // A write on another thread may have failed meanwhile: then nothing completes any more.
            if state.failed.is_some() {
                return;
            }
            state.durable = state.durable.max(end);
            state.unsynced_bytes = 0;
            state.debug_check();
            let count = state.waiting.partition_point(|w| w.end_index <= end.index);
            state.waiting.drain(..count).collect()
        };
        for waiting in done {
            (waiting.call)(Ok(()));
        }
        self.note(end);
    }

    /// Where the log is to acknowledge what is not synced, notes that durably; until that is done it goes on syncing.
    fn note_laxness(&self) {
        let is_to_be = {
            let state = self.state.lock();
            state.settings.durability == Durability::PageCache && !state.may_be_lax
        };
        // In doubt, it has acknowledged so before.
        if !is_to_be || self.shared.runs.doubt_of(&self.path).is_some() {
            return;
        }
        match self.shared.runs.settle(&self.path, true) {
            Ok(()) => self.state.lock().may_be_lax = true,
            Err(error) => {
                tracing::warn!(log = %self.path.display(), %error, "every append is synced, for it cannot be noted that some are not");
            }
        }
    }

    /// A log that is given up may hold bytes which a power cut takes although the run ends well.
    pub(crate) fn note_unsynced(&self) {
        let is_unsynced = {
            let state = self.state.lock();
            state.durable < state.written || !state.staged.is_empty()
        };
        if is_unsynced {
            self.shared.runs.leave_unsynced(&self.path);
        }
    }

    /// Notes how far the log is durable now.
    pub(crate) fn note_durable(&self) {
        let durable = self.state.lock().durable;
        self.note(durable);
    }

    /// Notes the durable end; the note is synced later.
    pub(super) fn note(&self, end: End) {
        if self.shared.noted.of(&self.path) == Some(end) {
            return;
        }
        match self.shared.noted.note(&self.path, end) {
            Ok(()) => self.shared.queue.ends_moved(),
            Err(error) => tracing::error!(log = %self.path.display(), %error, "end not noted"),
        }
    }

    /// After a final failure: stops the log for good and tells everybody who waits. The first failure stays.
    pub(super) fn latch(&self, failed: &SyncFailed) {
        if failed.is_final {
            self.stop(failed, || self.shared.meters.failed_syncs.increment(1));
            let told = self.state.lock().on_failure.take();
            if let Some(tell) = told {
                tell();
            }
        }
    }

    /// Refuses everything from now on; `first` is called where nothing had stopped the log before.
    fn stop(&self, failed: &SyncFailed, first: impl FnOnce()) {
        let waiting = {
            let mut state = self.state.lock();
            if state.failed.is_none() {
                tracing::error!(log = %self.path.display(), error = %failed, "the log has stopped");
                first();
                state.failed = Some(failed.clone());
            }
            std::mem::take(&mut state.waiting)
        };
        for waiting in waiting {
            (waiting.call)(Err(failed.clone()));
        }
    }

    /// Stops a log whose files are about to be deleted or repaired.
    pub(crate) fn retire(&self, reason: &'static str) {
        let _round = self.round.lock();
        let _writer = self.writer.lock();
        let gone = std::io::Error::new(std::io::ErrorKind::NotFound, reason);
        self.stop(&self.failure(&self.path, gone), || ());
    }
}
