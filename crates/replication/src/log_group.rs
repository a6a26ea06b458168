//! A partition's group: its segment files are its Raft log.

use std::sync::Arc;

use model::batch::Batch;
use model::{Offset, Timestamp};
use segment_log::{Fetched, Log, ReadFromError, ReadLogError};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::answer::AnswerSink;
use crate::error::{ProposeError, ReadIndexError};
use crate::status::{GroupEnds, GroupStatus};

/// A handle to a log group. Clones share it.
#[derive(Clone)]
pub struct LogGroup {
    log: Log,
    ends: watch::Receiver<GroupEnds>,
    home: Handle,
}

impl LogGroup {
    /// Hands a validated batch to Raft, behind everything that was proposed before. The outcome goes to `sink` with
    /// `tag`, exactly once; an error here is the outcome, and `sink` is not called.
    ///
    /// # Errors
    /// [`ProposeError`]: nothing was written.
    pub async fn propose(
        &self,
        _batch: Batch,
        _sink: &Arc<dyn AnswerSink>,
        _tag: u64,
    ) -> Result<(), ProposeError> {
        Err(ProposeError::NotLeader { leader: None })
    }

    /// Moves the log start to `to`, but not above the high watermark and never back; producers silent since before
    /// `producers_idle_since` are forgotten. Returns the log start in force then.
    ///
    /// # Errors
    /// [`ProposeError`].
    pub async fn set_log_start(
        &self,
        _to: Offset,
        _producers_idle_since: Timestamp,
    ) -> Result<Offset, ProposeError> {
        Err(ProposeError::NotLeader { leader: None })
    }

    /// Waits until this replica serves the group, or the group has stopped; returns the status then.
    pub async fn serving(&self) -> GroupStatus {
        self.status()
    }

    /// The group now.
    pub fn status(&self) -> GroupStatus {
        let ends = *self.ends.borrow();
        GroupStatus {
            leader: None,
            term: model::Term::ZERO,
            serves: false,
            high_watermark: ends.high_watermark,
            log_start: ends.log_start,
            log_end: self.log.ends().end_offset,
            voters: Vec::new(),
            in_sync: Vec::new(),
            stopped: None,
        }
    }

    /// Changes when the high watermark or the log start moves; internal entries wake nobody.
    pub fn watch(&self) -> watch::Receiver<GroupEnds> {
        self.ends.clone()
    }

    /// The high watermark, confirmed by a quorum to be the newest: for ListOffsets(latest).
    ///
    /// # Errors
    /// [`ReadIndexError`].
    pub async fn latest(&self) -> Result<Offset, ReadIndexError> {
        Err(ReadIndexError::NotLeader { leader: None })
    }

    /// Committed record batches from the one that holds `from`, about `max_bytes` of them, the first one whole
    /// however large; empty between the high watermark and the log end. Blocks on the disk unless
    /// [`LogGroup::is_hot`].
    ///
    /// # Errors
    /// [`ReadFromError`]: below the group's log start, above the log end, or the disk.
    pub fn read(&self, from: Offset, max_bytes: usize) -> Result<Fetched, ReadFromError> {
        let ends = *self.ends.borrow();
        self.log.read_from(from, ends.high_watermark, max_bytes)
    }

    /// Whether a read from here is served from memory, and need not be moved to a blocking thread.
    pub fn is_hot(&self, from: Offset) -> bool {
        self.log.is_hot(from)
    }

    /// The first committed batch, not wholly below the log start, whose largest timestamp is `wanted` or later: its
    /// base offset (which may be below the log start) and that timestamp. Blocks.
    ///
    /// # Errors
    /// [`ReadLogError`]: damage, or the disk refused.
    pub fn offset_for_timestamp(
        &self,
        wanted: Timestamp,
    ) -> Result<Option<(Offset, Timestamp)>, ReadLogError> {
        let ends = *self.ends.borrow();
        self.log.offset_for_timestamp(wanted, ends.high_watermark)
    }

    /// The log below: segments, rolling, settings. Read records through [`LogGroup::read`].
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The runtime that the group lives on.
    pub fn runtime(&self) -> &Handle {
        &self.home
    }
}
