//! Space is promised before a proposal enters Raft, because every storage error inside is final.
//!
//! One budget per data directory: what the filesystem said was free, less what was promised, zero-filled ahead or
//! staged since. The filesystem is asked again once an eighth of the answer, or 1 MiB, is spoken for: others fill the
//! disk too.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use thiserror::Error;

use crate::disk::Disk;

mod ballast;

pub(crate) use ballast::Ballast;

/// Kept free for Raft's own entries, journals, indexes and term tables, in bytes: this, and more per open log.
const SLACK_BYTES: u64 = 1 << 20;
/// A block of an entry and one of a small file.
const SLACK_BYTES_PER_LOG: u64 = 8 << 10;
/// The most that is promised on one answer of the filesystem, in bytes.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// There is not enough space.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{} needs {needed} bytes, {free} are free and {kept_back} of them are kept back; delete data or enlarge the disk", path.display())]
pub struct NoSpace {
    /// What was asked for, in bytes.
    pub needed: u64,
    /// What the filesystem has, less what is promised to others, in bytes.
    pub free: u64,
    /// What is kept back for the logs' own small writes, in bytes.
    pub kept_back: u64,
    /// The log, relative to the data directory.
    pub path: PathBuf,
}

/// Space promised to one append. Dropped when the append was made or given up.
#[derive(Debug)]
pub struct SpaceReservation {
    budget: Arc<SpaceBudget>,
    bytes: u64,
}

impl SpaceReservation {
    /// How many bytes are promised.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for SpaceReservation {
    fn drop(&mut self) {
        let mut state = self.budget.state.lock();
        state.promised = state.promised.saturating_sub(self.bytes);
    }
}

/// Bytes that have their place in a log but are not in its file yet.
#[derive(Debug)]
pub(crate) struct Unwritten {
    budget: Arc<SpaceBudget>,
    bytes: u64,
}

impl Drop for Unwritten {
    fn drop(&mut self) {
        self.budget
            .unwritten
            .fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
pub(crate) struct SpaceBudget {
    state: Mutex<BudgetState>,
    unwritten: AtomicU64,
    logs: AtomicU64,
}

#[derive(Debug, Default)]
struct BudgetState {
    /// The filesystem's last answer.
    free: u64,
    /// Spoken for since that answer, used or not.
    since_answer: u64,
    /// Promised and neither used nor given up.
    promised: u64,
}

impl SpaceBudget {
    /// A budget that knows what is free now.
    pub(crate) fn of(disk: &dyn Disk) -> Self {
        let free = free_bytes(disk).unwrap_or(0);
        let state = BudgetState {
            free,
            ..BudgetState::default()
        };
        Self {
            state: Mutex::new(state),
            ..Self::default()
        }
    }

    pub(crate) fn reserve(
        self: &Arc<Self>,
        disk: &dyn Disk,
        log: &std::path::Path,
        bytes: u64,
    ) -> Result<SpaceReservation, NoSpace> {
        let mut state = self.state.lock();
        self.ask_if_due(&mut state, disk, bytes);
        let kept_back = self.slack();
        if !state.has(bytes, kept_back) {
            // Much may have been freed since it was asked.
            self.ask(&mut state, disk);
        }
        if !state.has(bytes, kept_back) {
            return Err(NoSpace {
                needed: bytes,
                free: state.free.saturating_sub(state.since_answer),
                kept_back,
                path: log.to_owned(),
            });
        }
        state.since_answer += bytes;
        state.promised += bytes;
        Ok(SpaceReservation {
            budget: self.clone(),
            bytes,
        })
    }

    /// Takes space to be zero-filled ahead; `false` where others were promised it.
    pub(crate) fn take_ahead(&self, disk: &dyn Disk, bytes: u64) -> bool {
        let mut state = self.state.lock();
        self.ask_if_due(&mut state, disk, bytes);
        let fits = state.has(bytes, self.slack());
        if fits {
            state.since_answer += bytes;
        }
        fits
    }

    /// Counts bytes that will be written soon.
    pub(crate) fn unwritten(self: &Arc<Self>, bytes: u64) -> Unwritten {
        self.unwritten.fetch_add(bytes, Ordering::Relaxed);
        Unwritten {
            budget: self.clone(),
            bytes,
        }
    }

    /// How far a file may be zero-filled ahead without taking space that others were promised.
    pub(crate) fn step_bytes_max(&self) -> u64 {
        self.state.lock().free / 64
    }

    pub(crate) fn log_opened(&self) {
        self.logs.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn log_closed(&self) {
        self.logs.fetch_sub(1, Ordering::Relaxed);
    }

    fn slack(&self) -> u64 {
        SLACK_BYTES + SLACK_BYTES_PER_LOG * self.logs.load(Ordering::Relaxed)
    }

    /// Asks the filesystem again, if much was spoken for since it was asked last.
    fn ask_if_due(&self, state: &mut BudgetState, disk: &dyn Disk, bytes: u64) {
        let most = (state.free / 8).min(ANSWER_BYTES_MAX);
        if state.since_answer.saturating_add(bytes) > most {
            self.ask(state, disk);
        }
    }

    fn ask(&self, state: &mut BudgetState, disk: &dyn Disk) {
        // An unreadable answer counts as a full disk: nothing may enter that could then fail.
        state.free = free_bytes(disk).unwrap_or(0);
        state.since_answer = state.promised + self.unwritten.load(Ordering::Relaxed);
    }
}

impl BudgetState {
    fn has(&self, bytes: u64, kept_back: u64) -> bool {
        let needed = self.since_answer.saturating_add(bytes);
        needed.saturating_add(kept_back) <= self.free
    }
}

/// Whether a disk refused for want of space.
pub(crate) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

fn free_bytes(disk: &dyn Disk) -> io::Result<u64> {
    disk.free_bytes()
}
