//! The state that a log is opened with: as of its newest checkpoint. What is behind it is applied by openraft.

use std::io;

use model::LogIndex;
use segment_log::{CheckpointError, Log};

use super::apply::Applied;
use super::machine::Machine;
use super::shared::StoredSnapshot;
use crate::error::OpenGroupError;

/// Reads the newest state that may be taken, and the snapshot. Blocks.
///
/// # Errors
/// Nothing that is stored leads up to the first entry of the log.
pub(crate) fn recover<M: Machine>(
    log: &Log,
    machine: M,
) -> Result<(Applied<M>, Option<StoredSnapshot>), OpenGroupError> {
    let mut applied = Applied::new(machine);
    let snapshot = stored_snapshot(log)?;
    let newest = newest_checkpoint(log)?;
    let last = |stored: &&StoredSnapshot| stored.position.last;
    if let Some(state) = newest.iter().chain(&snapshot).max_by_key(last) {
        applied.restore(&state.bytes).map_err(contents)?;
    }
    let ends = log.ends();
    let next = applied.position.next();
    if next < ends.first_index {
        let reason = format!(
            "its entries below {} are deleted, and its newest checkpoint stands at {next}",
            ends.first_index
        );
        return Err(contents(reason));
    }
    applied.machine.purged_below(ends.first_offset);
    if let Some(snapshot) = &snapshot {
        // Where the purge up to there was cut short, openraft makes up for it.
        applied
            .machine
            .purged_below(snapshot.position.high_watermark);
    }
    Ok((applied, snapshot))
}

/// The snapshot. A damaged one is replaced by the oldest checkpoint: it was made of a checkpoint, which lives as long as
/// the segment that the log begins with.
fn stored_snapshot(log: &Log) -> Result<Option<StoredSnapshot>, OpenGroupError> {
    let damaged = match log.read_snapshot() {
        Ok(None) => return Ok(None),
        Ok(Some(bytes)) => {
            let snapshot = StoredSnapshot::read(bytes).ok_or_else(|| {
                contents("its snapshot is in a form that this version does not know")
            })?;
            return Ok(Some(snapshot));
        }
        Err(error @ CheckpointError::Damaged { .. }) => error,
        Err(error) => return Err(error.into()),
    };
    for base in usable_bases(log)? {
        if let Some(snapshot) = checkpoint_of(log, base)? {
            tracing::error!(error = %damaged, %base, "snapshot replaced by a checkpoint");
            log.write_snapshot(&snapshot.bytes)?;
            return Ok(Some(snapshot));
        }
    }
    match log.ends().purged {
        // Every entry is there: nothing is missing but time.
        None => Ok(None),
        Some(_) => Err(damaged.into()),
    }
}

fn newest_checkpoint(log: &Log) -> Result<Option<StoredSnapshot>, OpenGroupError> {
    for base in usable_bases(log)?.into_iter().rev() {
        if let Some(found) = checkpoint_of(log, base)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The bases of checkpoints of entries that the log holds, ascending. One beyond its end must not be taken: openraft would
/// wipe the log to close the gap.
fn usable_bases(log: &Log) -> Result<Vec<LogIndex>, OpenGroupError> {
    let first = log.ends().first_index;
    let mut bases = log.checkpoints()?;
    bases.retain(|base| *base >= first);
    Ok(bases)
}

/// The checkpoint at a base, if it is sound and of this log.
fn checkpoint_of(log: &Log, base: LogIndex) -> Result<Option<StoredSnapshot>, OpenGroupError> {
    let found = StoredSnapshot::at_base(log, base)?;
    let is_of_this_log = |found: &StoredSnapshot| {
        found.position.last.is_some_and(|last| {
            let term = log.term_at(LogIndex::new(last.index));
            last.index + 1 == base.get() && term.is_some_and(|t| t.get() == *last.leader_id)
        })
    };
    let usable = found.filter(is_of_this_log);
    if usable.is_none() {
        tracing::warn!(log = %log.path().display(), %base, "checkpoint passed over");
    }
    Ok(usable)
}

fn contents(reason: impl Into<String>) -> OpenGroupError {
    OpenGroupError::Contents {
        source: io::Error::other(reason.into()),
    }
}
