//! The threads that write and sync: several dirty logs at a time, one round per log at a time.
//!
//! A log is queued once however much is staged; a round takes everything staged by the time it begins.
//! A second kind of thread notes durable ends in the journal when nothing moved for a while.
//!
//! Without threads the owner of the directory does their work: it is called when there is some.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::log::LogInner;

/// How long durable ends may wait to be noted.
pub(crate) const NOTE_INTERVAL: Duration = Duration::from_millis(100);

/// Called when there is work for whoever stands in for the threads. Must not block nor call the directory.
pub type OnFlushWork = Box<dyn Fn(FlushWork) + Send + Sync>;

/// What the threads would do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushWork {
    /// Write and sync the logs that are dirty.
    Round,
    /// After a while: note the durable ends, and try again what waits for space.
    Notes,
}

#[derive(Default)]
pub(crate) struct FlushQueue {
    state: Mutex<QueueState>,
    work: Condvar,
    note: Condvar,
    owner: OnceLock<OnFlushWork>,
}

#[derive(Default)]
struct QueueState {
    dirty: VecDeque<Arc<LogInner>>,
    /// Logs that wait for space, to be tried again with the next notes.
    later: Vec<Arc<LogInner>>,
    stopped: bool,
    ends_moved: bool,
}

impl FlushQueue {
    /// Hands a log to the next free thread. The log sees to it that it is queued once.
    pub(crate) fn push(&self, log: Arc<LogInner>) {
        self.state.lock().dirty.push_back(log);
        self.work.notify_one();
        self.call_owner(FlushWork::Round);
    }

    /// Hands a log to a thread after a while.
    pub(crate) fn push_later(&self, log: Arc<LogInner>) {
        self.state.lock().later.push(log);
        self.note.notify_one();
        self.call_owner(FlushWork::Notes);
    }

    /// Says that a durable end has moved and wants to be noted.
    pub(crate) fn ends_moved(&self) {
        let mut state = self.state.lock();
        if !state.ends_moved {
            state.ends_moved = true;
            self.note.notify_one();
            drop(state);
            self.call_owner(FlushWork::Notes);
        }
    }

    /// Has the owner called from now on. Only the first one counts.
    pub(crate) fn set_owner(&self, owner: OnFlushWork) {
        self.owner.get_or_init(|| owner);
    }

    fn call_owner(&self, work: FlushWork) {
        if let Some(owner) = self.owner.get() {
            owner(work);
        }
    }

    pub(crate) fn stop(&self) {
        self.state.lock().stopped = true;
        self.work.notify_all();
        self.note.notify_all();
    }

    /// The work of one sync thread.
    pub(crate) fn run(&self) {
        while let Some(log) = self.next() {
            log.run_queued_round();
        }
    }

    /// One round of each log that is dirty now, in the order in which they became so.
    pub(crate) fn run_dirty(&self) {
        let dirty = std::mem::take(&mut self.state.lock().dirty);
        for log in dirty {
            log.run_queued_round();
        }
    }

    /// What the noting thread does once per interval, without the sync itself.
    pub(crate) fn begin_notes(&self) {
        let mut state = self.state.lock();
        state.ends_moved = false;
        let later = std::mem::take(&mut state.later);
        let waiting = !later.is_empty();
        state.dirty.extend(later);
        drop(state);
        if waiting {
            self.work.notify_all();
            self.call_owner(FlushWork::Round);
        }
    }

    fn next(&self) -> Option<Arc<LogInner>> {
        let mut state = self.state.lock();
        loop {
            if let Some(log) = state.dirty.pop_front() {
                return Some(log);
            }
            if state.stopped {
                return None;
            }
            self.work.wait(&mut state);
        }
    }

    /// The work of the noting thread: `sync` once per interval in which ends moved.
    pub(crate) fn run_notes(&self, sync: impl Fn()) {
        let mut state = self.state.lock();
        while !state.stopped {
            if !state.ends_moved && state.later.is_empty() {
                self.note.wait(&mut state);
                continue;
            }
            // Woken early to stop, or by the first log that is to be tried later: a little sooner does not matter.
            self.note.wait_for(&mut state, NOTE_INTERVAL);
            drop(state);
            self.begin_notes();
            sync();
            state = self.state.lock();
        }
    }
}
