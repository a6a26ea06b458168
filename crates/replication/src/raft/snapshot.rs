//! Checkpoints and the snapshot: tiny, lagging, and durable before anything is purged. All of this blocks.
//!
//! A checkpoint is the state as of a segment's base. The one at the base up to which the log may go becomes the snapshot.

use std::io;

use bytes::Bytes;
use model::LogIndex;
use segment_log::CheckpointError;
use segment_log::planted::{self, Bug};

use super::checkpoint::Position;
use super::machine::Machine;
use super::shared::{Shared, StoredSnapshot};
use super::types::{RaftLogId, from_raft};

impl<M: Machine> Shared<M> {
    /// Stores the state as of a segment's base. A failure costs time at the next start, and keeps segments from going;
    /// false: it is worth another try.
    pub(crate) fn store_checkpoint(&self, base: LogIndex, state: &[u8]) -> bool {
        // What is applied may be ahead of what the disk has: after a power cut, openraft would take the difference for
        // a hole and wipe the log.
        let stored = self.log.sync().map_err(io::Error::other).and_then(|()| {
            match self.log.write_checkpoint(base, state) {
                // Truncated or purged meanwhile.
                Err(CheckpointError::NoSuchBase { .. }) => Ok(()),
                outcome => outcome.map_err(io::Error::other),
            }
        });
        if let Err(error) = &stored {
            tracing::warn!(log = %self.log.path().display(), %base, %error, "checkpoint not stored");
        }
        if let Some(committed) = *self.committed.lock() {
            let row = &self.votes;
            if let Err(error) = row.votes.note_committed(&row.key, committed) {
                tracing::warn!(log = %self.log.path().display(), %error, "committed entry not noted");
            }
        }
        stored.is_ok()
    }

    /// Makes the checkpoint at the newest base that nothing below is needed of the snapshot. Returns the last log id of
    /// the snapshot while the log is not purged up to it: also where a broker was stopped in between.
    ///
    /// # Errors
    /// The disk refused for now.
    pub(crate) fn advance_snapshot(&self) -> Result<Option<RaftLogId>, CheckpointError> {
        if let Some(newer) = self.newer_snapshot()? {
            self.keep_snapshot(newer)?;
        }
        let last = self.snapshot.lock().as_ref().and_then(|s| s.position.last);
        let purged = self.log.ends().purged.map(|purged| purged.index.get());
        Ok(last.filter(|last| purged < Some(last.index)))
    }

    fn newer_snapshot(&self) -> Result<Option<StoredSnapshot>, CheckpointError> {
        let keeps_from = self.applied.read().machine.keeps_log_from();
        let snapshot = self.snapshot.lock().as_ref().and_then(|s| s.position.last);
        let above = snapshot.map_or(0, |last| last.index + 1);
        let segments = self.log.segments();
        let unneeded = segments.iter().rev().filter(|segment| {
            let needed = keeps_from.is_some_and(|from| segment.base_offset > from);
            !needed && segment.base_index.get() > above
        });
        let stored = match segments.last() {
            Some(last) if last.base_index.get() > above => self.log.checkpoints()?,
            _ => return Ok(None),
        };
        for segment in unneeded.filter(|segment| stored.contains(&segment.base_index)) {
            if let Some(found) = StoredSnapshot::at_base(&self.log, segment.base_index)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Stores a snapshot, unless there is a newer one: it never goes backwards.
    fn keep_snapshot(&self, snapshot: StoredSnapshot) -> Result<(), CheckpointError> {
        let mut current = self.snapshot.lock();
        let newest = current.as_ref().and_then(|stored| stored.position.last);
        if newest.is_some() && newest >= snapshot.position.last {
            return Ok(());
        }
        if !planted::has(Bug::PurgeBeforeSnapshot) {
            self.log.write_snapshot(&snapshot.bytes)?;
        }
        *current = Some(snapshot);
        Ok(())
    }

    /// Makes what is applied now the snapshot.
    pub(crate) fn snapshot_applied(&self) -> io::Result<()> {
        let (position, bytes) = {
            let applied = self.applied.read();
            (applied.position.clone(), applied.encode())
        };
        // As with a checkpoint.
        self.log.sync().map_err(io::Error::other)?;
        let kept = self.keep_snapshot(StoredSnapshot { position, bytes });
        kept.map_err(io::Error::other)
    }

    /// Replaces the state by a leader's.
    ///
    /// # Errors
    /// The disk refused, or the snapshot makes no sense, or stands before what is applied here: nothing may go back.
    pub(crate) fn install_snapshot(&self, bytes: Bytes) -> io::Result<()> {
        let senseless = |reason| io::Error::other(format!("the leader's snapshot: {reason}"));
        let position = Position::decode(&mut &bytes[..])
            .ok_or_else(|| senseless("the position makes no sense".to_owned()))?;
        let (last, behind) = (position.last, position.high_watermark);
        let applied = self.applied.read().position.clone();
        if last < applied.last || behind < applied.high_watermark {
            return Err(senseless(format!(
                "it stands at {last:?} and offset {behind}, before {:?} and offset {} that are applied here",
                applied.last, applied.high_watermark
            )));
        }
        let snapshot = StoredSnapshot {
            position,
            bytes: bytes.clone(),
        };
        self.keep_snapshot(snapshot).map_err(io::Error::other)?;
        // openraft purges later: meanwhile the state would be seen ahead of its log.
        if let Some(last) = last
            && last.index >= self.log.ends().end_index.get()
        {
            let purged = self.log.purge(from_raft(last)?, behind);
            purged.map_err(io::Error::other)?;
        }
        {
            let mut applied = self.applied.write();
            applied.restore(&bytes).map_err(senseless)?;
            let behind = applied.position.high_watermark;
            applied.machine.purged_below(behind);
        }
        self.forget_bases();
        self.rebuild_tail()?;
        self.publish();
        Ok(())
    }
}
