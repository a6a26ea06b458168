//! The state that a log is opened with: as of its newest checkpoint. What is behind it is applied by openraft.

use std::io;

use model::LogIndex;
use segment_log::{CheckpointError, Log};

use super::apply::Applied;
use super::checkpoint::Position;
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
    let state = match (&newest, &snapshot) {
        (Some((position, bytes)), Some(snapshot)) if position.last > snapshot.position.last => {
            Some(bytes)
        }
        (_, Some(snapshot)) => Some(&snapshot.bytes),
        (Some((_, bytes)), None) => Some(bytes),
        (None, None) => None,
    };
    if let Some(state) = state {
        applied.restore(state).map_err(contents)?;
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
    Ok((applied, snapshot))
}

fn stored_snapshot(log: &Log) -> Result<Option<StoredSnapshot>, OpenGroupError> {
    let Some(bytes) = log.read_snapshot()? else {
        return Ok(None);
    };
    let position = Position::decode(&mut &bytes[..])
        .ok_or_else(|| contents("its snapshot is in a form that this version does not know"))?;
    Ok(Some(StoredSnapshot { position, bytes }))
}

/// The newest checkpoint of entries that the log holds. One beyond its end must not be taken: openraft would wipe the log
/// to close the gap.
fn newest_checkpoint(log: &Log) -> Result<Option<(Position, bytes::Bytes)>, OpenGroupError> {
    let ends = log.ends();
    let usable = |base: &LogIndex| *base >= ends.first_index;
    for base in log.checkpoints()?.into_iter().rev().filter(usable) {
        let bytes = match log.read_checkpoint(base) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => continue,
            Err(error @ CheckpointError::Damaged { .. }) => {
                tracing::error!(%error, "checkpoint passed over");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let position = Position::decode(&mut &bytes[..]);
        let of_this_log = |position: &Position| {
            position.last.is_some_and(|last| {
                let term = log.term_at(LogIndex::new(last.index));
                last.index + 1 == base.get() && term.is_some_and(|t| t.get() == *last.leader_id)
            })
        };
        if let Some(position) = position.filter(of_this_log) {
            return Ok(Some((position, bytes)));
        }
        tracing::warn!(log = %log.path().display(), %base, "checkpoint of another log passed over");
    }
    Ok(None)
}

fn contents(reason: impl Into<String>) -> OpenGroupError {
    OpenGroupError::Contents {
        source: io::Error::other(reason.into()),
    }
}
