//! What a group's log store, state machine and handle share.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use model::{Clock, LogIndex, Offset};
use parking_lot::{Mutex, RwLock};
use segment_log::planted::{self, Bug};
use segment_log::{CheckpointError, HeaderAt, Log};
use tokio::sync::{Notify, watch};

use super::apply::Applied;
use super::checkpoint::Position;
use super::decide;
use super::entry;
use super::machine::Machine;
use super::pace::Pace;
use super::types::{RaftLogId, to_raft};
use super::votes::Votes;
use super::waiting::Waiting;
use crate::group::{Newcomer, Settled};
use crate::process;
use crate::producers::Producers;
use crate::status::GroupEnds;

/// How many headers are read from the disk at a time.
pub(crate) const HEADERS_AT_ONCE: usize = 4096;

/// A group's row among the votes.
#[derive(Clone)]
pub(crate) struct GroupVotes {
    pub(crate) votes: Arc<Votes>,
    pub(crate) key: Arc<[u8]>,
}

/// The snapshot as it is stored.
#[derive(Clone)]
pub(crate) struct StoredSnapshot {
    pub(crate) position: Position,
    pub(crate) bytes: Bytes,
}

impl StoredSnapshot {
    /// `None` where the bytes make no sense.
    pub(crate) fn read(bytes: Bytes) -> Option<Self> {
        let position = Position::decode(&mut &bytes[..])?;
        Some(Self { position, bytes })
    }

    /// The checkpoint at a base, if it is there and sound. Blocks.
    ///
    /// # Errors
    /// The disk refused.
    pub(crate) fn at_base(log: &Log, base: LogIndex) -> Result<Option<Self>, CheckpointError> {
        match log.read_checkpoint(base) {
            Ok(bytes) => Ok(bytes.and_then(Self::read)),
            Err(error) if error.is_loss() => {
                tracing::error!(%error, "checkpoint passed over");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// A group's state.
pub(crate) struct Shared<M> {
    pub(crate) log: Log,
    pub(crate) votes: GroupVotes,
    pub(crate) clock: Arc<dyn Clock>,
    /// The first entry behind the state that the group was opened with.
    pub(crate) opened_at: LogIndex,
    pub(crate) applied: RwLock<Applied<M>>,
    /// The producers as of the log's very end.
    pub(crate) tail: Mutex<Producers>,
    pub(crate) committed: Mutex<Option<RaftLogId>>,
    pub(crate) snapshot: Mutex<Option<StoredSnapshot>>,
    /// States as of segment bases, to be stored.
    pub(crate) checkpoints: Mutex<Vec<(LogIndex, Bytes)>>,
    /// Wakes the keeper: a checkpoint is to be stored, or the log start has moved.
    pub(crate) keeper: Notify,
    /// The log was truncated: segment bases known before may be gone.
    bases_moved: AtomicBool,
    /// Shared with readers of the log, which outlive nothing.
    pub(crate) stopping: Arc<AtomicBool>,
    /// The log has failed for good.
    pub(crate) log_failed: Arc<Notify>,
    pub(crate) newcomer: Arc<Newcomer>,
    /// As a leader: which of the others are no newcomers.
    pub(crate) settled: Arc<Settled>,
    /// Entries up to here are not sent any more: who lacks them is sent the snapshot.
    pub(crate) not_sent_below: Arc<AtomicU64>,
    /// Of feeding followers from the disk.
    pub(crate) pace: Arc<Pace>,
    /// Who waits for answers to proposals.
    pub(crate) waiting: Arc<Waiting>,
    pub(crate) ends: watch::Sender<GroupEnds>,
    /// The term of the last applied entry.
    pub(crate) term: watch::Sender<u64>,
    /// Counts applied commands.
    pub(crate) commands: watch::Sender<u64>,
}

impl<M: Machine> Shared<M> {
    pub(crate) fn new(
        log: Log,
        votes: GroupVotes,
        clock: Arc<dyn Clock>,
        applied: Applied<M>,
        snapshot: Option<StoredSnapshot>,
        pace: Arc<Pace>,
        newcomer: Newcomer,
    ) -> io::Result<Self> {
        let (log_start, high_watermark) = applied.readable();
        let term = applied.position.last.map_or(0, |last| *last.leader_id);
        let mut committed = votes.votes.committed(&votes.key)?;
        if !planted::has(Bug::TrustCommitted) {
            // It was noted without the log, whose end may be lost. What is committed and not here would pass for purged.
            committed = committed.min(log.ends().last.map(to_raft));
        }
        let log_failed = Arc::new(Notify::new());
        let tell = log_failed.clone();
        // Kept for whoever waits later.
        log.on_failure(Box::new(move || tell.notify_one()));
        let shared = Self {
            committed: Mutex::new(committed),
            log,
            votes,
            clock,
            opened_at: applied.position.next(),
            applied: RwLock::new(applied),
            tail: Mutex::default(),
            snapshot: Mutex::new(snapshot),
            checkpoints: Mutex::default(),
            keeper: Notify::new(),
            bases_moved: AtomicBool::new(true),
            stopping: Arc::default(),
            log_failed,
            newcomer: Arc::new(newcomer),
            settled: Arc::default(),
            not_sent_below: Arc::default(),
            pace,
            waiting: Arc::default(),
            ends: watch::Sender::new(GroupEnds {
                log_start,
                high_watermark,
            }),
            term: watch::Sender::new(term),
            commands: watch::Sender::new(0),
        };
        shared.rebuild_tail()?;
        Ok(shared)
    }

    /// Folds the producers over every entry behind the applied ones, and learns what must have been committed. Blocks.
    ///
    /// # Errors
    /// The disk refused, or the log does not go on where the state stands.
    pub(crate) fn rebuild_tail(&self) -> io::Result<()> {
        let (mut tail, from, behind) = {
            let applied = self.applied.read();
            let position = &applied.position;
            let producers = applied.machine.producers();
            (producers, position.next(), position.high_watermark)
        };
        if planted::has(Bug::ForgetProducersOfTheTail) {
            *self.tail.lock() = tail;
            return Ok(());
        }
        let ends = self.log.ends();
        if from == ends.end_index {
            adjoins(from, behind, ends.end_offset)?;
        }
        let mut range = from.max(ends.first_index)..ends.end_index;
        let mut changes = Changes::default();
        while range.start < range.end {
            let headers = self.read_headers(range.clone())?;
            let Some(last) = headers.last() else { break };
            range.start = last.index.next();
            if let Some(next) = headers.first().filter(|next| next.index == from) {
                adjoins(from, behind, next.header.base_offset())?;
            }
            for header in &headers {
                decide::note(&mut tail, header)?;
                changes.note(header)?;
            }
        }
        *self.tail.lock() = tail;
        let mut committed = self.committed.lock();
        *committed = (*committed).max(changes.settled);
        Ok(())
    }

    /// Blocks.
    pub(crate) fn read_headers(&self, range: Range<LogIndex>) -> io::Result<Vec<HeaderAt>> {
        let headers = self.log.read_headers(range, HEADERS_AT_ONCE);
        headers.map_err(io::Error::other)
    }

    /// Shows what was applied to those who wait for it. Internal entries wake nobody.
    pub(crate) fn publish(&self) {
        let ((log_start, high_watermark), last) = {
            let applied = self.applied.read();
            (applied.readable(), applied.position.last)
        };
        let now = GroupEnds {
            log_start,
            high_watermark,
        };
        let mut trimmed = false;
        self.ends.send_if_modified(|ends| {
            trimmed = ends.log_start != now.log_start;
            std::mem::replace(ends, now) != now
        });
        if trimmed {
            self.keeper.notify_one();
        }
        let term = last.map_or(0, |last| *last.leader_id);
        self.term
            .send_if_modified(|known| std::mem::replace(known, term) != term);
    }

    /// From now on nothing is waited for any more.
    pub(crate) fn stop_waiting(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Says that segment bases known before may be gone.
    pub(crate) fn forget_bases(&self) {
        self.bases_moved.store(true, Ordering::Release);
    }

    /// Whether that was said since this was asked last.
    pub(crate) fn bases_moved(&self) -> bool {
        self.bases_moved.swap(false, Ordering::AcqRel)
    }
}

/// Checks that the log goes on at `next` with the offset behind the state.
fn adjoins(next: LogIndex, behind: Offset, found: Offset) -> io::Result<()> {
    match found == behind {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "the state before entry {next} ends at offset {behind}, and the log goes on there with {found}: they do not belong together"
        ))),
    }
}

/// The changes of members in a stretch of the log. A leader proposes one only once the one before is committed.
#[derive(Default)]
struct Changes {
    settled: Option<RaftLogId>,
    newest: Option<RaftLogId>,
}

impl Changes {
    fn note(&mut self, at: &HeaderAt) -> io::Result<()> {
        if let Some(id) = entry::change_of_members(at)? {
            self.settled = self.newest.replace(id);
        }
        Ok(())
    }
}

/// Runs what blocks on a thread made for it.
pub(crate) async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match process::blocking(act).await {
        Ok(outcome) => outcome,
        Err(error) => Err(io::Error::other(error)),
    }
}
