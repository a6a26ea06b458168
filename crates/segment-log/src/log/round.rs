//! A round: write what is staged, sync, complete who waits, in order. And what happens when that fails.

use std::sync::Arc;

use super::state::Waiting;
use super::{Log, LogInner, OnDurable};
use crate::error::SyncFailed;
use crate::noted_ends::End;

impl Log {
    /// Makes everything appended so far durable, whatever the log's durability. Blocks.
    ///
    /// # Errors
    /// [`SyncFailed`], then and for ever after.
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
        // The log's failure, if any, has been told to everybody who waits.
        let _ = self.sync();
        let mut state = self.state.lock();
        state.queued = false;
        if state.failed.is_none() && !(state.staged.is_empty() && state.waiting.is_empty()) {
            self.kick(&mut state);
        }
    }

    pub(crate) fn sync(&self) -> Result<(), SyncFailed> {
        let _round = self.round.lock();
        match self.write_and_sync() {
            Ok(end) => {
                self.complete(end);
                Ok(())
            }
            Err(failed) => {
                self.latch(failed.clone());
                Err(failed)
            }
        }
    }

    /// Makes everything durable and refuses more.
    pub(crate) fn close(&self) -> Result<(), SyncFailed> {
        self.sync()?;
        let closed = std::io::Error::other("the data directory was closed");
        let closed = self.failure(&self.path, closed);
        self.state.lock().failed.get_or_insert(closed.clone());
        // What was staged since is told that it will not be durable.
        let waiting = std::mem::take(&mut self.state.lock().waiting);
        for waiting in waiting {
            (waiting.call)(Err(closed.clone()));
        }
        Ok(())
    }

    /// Under the round lock: returns the end that is durable now.
    fn write_and_sync(&self) -> Result<End, SyncFailed> {
        let (file, written, durable) = {
            let mut writer = self.writer.lock();
            let file = self.write_staged(&mut writer)?;
            let state = self.state.lock();
            let path = writer.current.as_ref().map(|c| c.segment.path.clone());
            (file.zip(path), state.written, state.durable)
        };
        if let Some((file, path)) = file
            && durable < written
        {
            file.sync().map_err(|error| self.failure(&path, error))?;
        }
        Ok(written)
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

    /// Stops the log for good and tells everybody who waits. The first failure stays.
    pub(super) fn latch(&self, failed: SyncFailed) {
        let waiting = {
            let mut state = self.state.lock();
            if state.failed.is_none() {
                tracing::error!(log = %self.path.display(), error = %failed, "the log has stopped");
                state.failed = Some(failed.clone());
            }
            std::mem::take(&mut state.waiting)
        };
        for waiting in waiting {
            (waiting.call)(Err(failed.clone()));
        }
    }

    /// Stops a log whose files are about to be deleted.
    pub(crate) fn retire(&self) {
        let _round = self.round.lock();
        let _writer = self.writer.lock();
        let gone = std::io::Error::new(std::io::ErrorKind::NotFound, "the log is being deleted");
        self.latch(self.failure(&self.path, gone));
    }
}
