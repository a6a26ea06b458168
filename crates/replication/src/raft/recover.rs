//! The state that a log is opened with: as of its newest checkpoint. What is behind it is applied by openraft.

use std::io;

use model::{LogIndex, Offset};
use segment_log::Log;

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
    let newest = newest_checkpoint(log)?;
    if let Some(newest) = &newest {
        applied.restore(&newest.bytes).map_err(contents)?;
    }
    let (snapshot, lost) = stored_snapshot(log, applied.machine.keeps_log_from())?;
    let last = |stored: &StoredSnapshot| stored.position.last;
    if let Some(newer) = snapshot
        .as_ref()
        .filter(|snapshot| last(snapshot) > newest.as_ref().and_then(last))
    {
        applied.restore(&newer.bytes).map_err(contents)?;
    }
    let ends = log.ends();
    let next = applied.position.next();
    // openraft would make what is applied the snapshot, and the log be deleted up to there: records with it that everybody
    // else still serves.
    let keeps = applied.machine.keeps_log_from().is_some();
    let is_without = snapshot.is_none() && ends.purged.is_some() && keeps;
    if next < ends.first_index || is_without {
        return Err(OpenGroupError::StateLost {
            file: log.snapshot_file(),
            reason: lost.unwrap_or_else(|| {
                format!(
                    "there is no such file, and the newest checkpoint stands before entry {next}"
                )
            }),
            first: ends.first_index,
        });
    }
    applied.machine.purged_below(ends.first_offset);
    if let Some(snapshot) = &snapshot {
        // Where the purge up to there was cut short, openraft makes up for it.
        applied
            .machine
            .purged_below(snapshot.position.high_watermark);
    }
    check(log, &applied, snapshot.as_ref())?;
    Ok((applied, snapshot))
}

/// Checks the order of what is stored: purged ≤ P, and log start ≤ high watermark. The rest holds by what is taken above.
fn check<M: Machine>(
    log: &Log,
    applied: &Applied<M>,
    snapshot: Option<&StoredSnapshot>,
) -> Result<(), OpenGroupError> {
    let first = log.ends().first_index;
    if let Some(short) = snapshot.filter(|snapshot| snapshot.position.next() < first) {
        let next = short.position.next();
        return Err(contents(format!(
            "its snapshot stands before entry {next}, and the log begins at {first}"
        )));
    }
    let (log_start, high_watermark) = applied.readable();
    if log_start > high_watermark {
        return Err(contents(format!(
            "its log start {log_start} lies above its high watermark {high_watermark}"
        )));
    }
    Ok(())
}

/// The snapshot, and why the one that is stored is lost, if so. A lost one is replaced by the oldest checkpoint: it was
/// made of a checkpoint, which lives as long as the segment that the log begins with. Not by a later one where records
/// before that are needed, for the log is deleted up to the snapshot.
fn stored_snapshot(
    log: &Log,
    keeps_from: Option<Offset>,
) -> Result<(Option<StoredSnapshot>, Option<String>), OpenGroupError> {
    let lost = match log.read_snapshot() {
        Ok(None) => return Ok((None, None)),
        Ok(Some(bytes)) => {
            let snapshot = StoredSnapshot::read(bytes).ok_or_else(|| {
                contents("its snapshot is in a form that this version does not know")
            })?;
            return Ok((Some(snapshot), None));
        }
        Err(error) if error.is_loss() => error,
        Err(error) => return Err(error.into()),
    };
    let first = log.ends().first_index;
    let segments = log.segments();
    let is_needed = |base: LogIndex| {
        let mut before = segments.iter().filter(|segment| segment.base_index < base);
        base > first
            && keeps_from.is_some_and(|from| before.any(|segment| segment.end_offset > from))
    };
    for base in usable_bases(log)? {
        if let Some(snapshot) = checkpoint_of(log, base)?.filter(|_| !is_needed(base)) {
            tracing::error!(error = %lost, %base, "snapshot replaced by a checkpoint");
            log.write_snapshot(&snapshot.bytes)?;
            return Ok((Some(snapshot), None));
        }
    }
    // Where the log begins with its first entry, nothing is missing but time.
    Ok((None, Some(lost.to_string())))
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
