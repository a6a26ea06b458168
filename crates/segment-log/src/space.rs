//! Space is promised before a proposal enters Raft, because every storage error inside is final.
//!
//! One budget per data directory: what the filesystem said was free, less what was promised since. The
//! filesystem is asked again once an eighth of the answer, or 1 MiB, has been promised:
//! others fill the disk too.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use thiserror::Error;

use crate::disk::Disk;

/// Kept free for Raft's own entries, journals, indexes and term tables, in bytes.
const SLACK_BYTES: u64 = 1 << 20;
/// The most that is promised on one answer of the filesystem, in bytes.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// There is not enough space.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{} needs {needed} bytes, {free} are free and {SLACK_BYTES} of them are kept back; delete data or enlarge the disk", path.display())]
pub struct NoSpace {
    /// What was asked for, in bytes.
    pub needed: u64,
    /// What the filesystem has, less what is promised to others, in bytes.
    pub free: u64,
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

#[derive(Debug, Default)]
pub(crate) struct SpaceBudget {
    state: Mutex<BudgetState>,
}

#[derive(Debug, Default)]
struct BudgetState {
    /// The filesystem's last answer.
    free: u64,
    /// Promised since that answer, used or not.
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
        }
    }

    pub(crate) fn reserve(
        self: &Arc<Self>,
        disk: &dyn Disk,
        log: &std::path::Path,
        bytes: u64,
    ) -> Result<SpaceReservation, NoSpace> {
        let mut state = self.state.lock();
        let most = (state.free / 8).min(ANSWER_BYTES_MAX);
        if state.since_answer.saturating_add(bytes) > most {
            // An unreadable answer counts as a full disk: nothing may enter that could then fail.
            state.free = free_bytes(disk).unwrap_or(0);
            state.since_answer = state.promised;
        }
        let needed = state
            .since_answer
            .saturating_add(bytes)
            .saturating_add(SLACK_BYTES);
        if needed > state.free {
            return Err(NoSpace {
                needed: bytes,
                free: state.free.saturating_sub(state.since_answer),
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

    /// How far a file may be zero-filled ahead without taking space that others were promised.
    pub(crate) fn step_bytes_max(&self) -> u64 {
        self.state.lock().free / 64
    }
}

fn free_bytes(disk: &dyn Disk) -> io::Result<u64> {
    disk.free_bytes()
}
