//! Judges a received append before it enters Raft, where every error is final. No I/O but a look at the log's ends.

use model::batch::control::{self, ControlKind};
use model::batch::{Batch, BatchError};
use model::{LogId, LogIndex, Offset, Term};
use segment_log::planted::{self, Bug};
use thiserror::Error;

use super::entry;
use super::proposal::LogStart;
use super::types::{Entry, RaftLogId, from_raft};
use super::wire::Append;
use crate::answer;

/// Most entries, and bytes of entries, in one append; a single larger entry is let through.
const ENTRIES_MAX: usize = 4096;
const BYTES_MAX: u64 = 16 << 20;

/// Why an append is not taken. Nothing of it was.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum AppendRefusal {
    #[error(
        "the append is under the vote of replica {candidate} in term {term}, its sender is {from}"
    )]
    NotOfTheLeader {
        from: u64,
        candidate: u64,
        term: u64,
    },
    #[error(
        "the append holds {entries} entries of {bytes} bytes; the limits are {ENTRIES_MAX} and {BYTES_MAX}"
    )]
    TooLarge { entries: usize, bytes: u64 },
    #[error("entry {index}: {error}")]
    Unsound { index: u64, error: BatchError },
    #[error("entry {index} has no records and is none of Raft's own")]
    Empty { index: u64 },
    #[error(
        "entry {index} has term {found:?}, it must be {least} or later and not above the leader's {most}"
    )]
    WrongTerm {
        index: u64,
        least: u64,
        found: Option<u64>,
        most: u64,
    },
    #[error("entry {index} must have the base offset {expected}, it has {found}")]
    WrongOffset {
        index: u64,
        expected: Offset,
        found: Offset,
    },
    #[error("entry {index}, one of Raft's own, makes no sense to this version: {reason}")]
    Senseless { index: u64, reason: String },
    #[error("entry {index} of term {found} contradicts what is committed here up to {committed}")]
    ContradictsCommitted {
        index: u64,
        found: u64,
        committed: u64,
    },
}

/// What the local log says of entries.
pub(crate) trait LocalLog {
    /// The term of an entry that is here.
    fn term_at(&self, index: LogIndex) -> Option<Term>;
    /// The last entry known to be committed: it and those before are never cut off.
    fn committed(&self) -> Option<RaftLogId>;
}

/// The index of the first entry of an append.
pub(crate) fn first_index(append: &Append) -> u64 {
    append.prev.map_or(0, |prev| prev.index + 1)
}

/// Checks what can be checked without the local log, and makes entries of the batches.
///
/// # Errors
/// [`AppendRefusal`].
pub(crate) fn entries(append: &Append, from: u64) -> Result<Vec<Entry>, AppendRefusal> {
    let leader = append.vote.leader_id;
    if !append.vote.committed || leader.voted_for != from {
        return Err(AppendRefusal::NotOfTheLeader {
            from,
            candidate: leader.voted_for,
            term: leader.term,
        });
    }
    let batches = &append.batches;
    let bytes = batches.iter().map(|batch| batch.total_bytes() as u64).sum();
    if batches.len() > 1 && (batches.len() > ENTRIES_MAX || bytes > BYTES_MAX) {
        let entries = batches.len();
        return Err(AppendRefusal::TooLarge { entries, bytes });
    }
    let mut least = append.prev.map_or(0, |prev| *prev.leader_id);
    let mut offset = None;
    let mut entries = Vec::with_capacity(batches.len());
    for (index, batch) in (first_index(append)..).zip(batches) {
        let header = batch.header();
        let sound = match planted::has(Bug::SkipFollowerChecks) {
            true => Ok(()),
            false => batch.check_crc(),
        };
        sound.map_err(|error| AppendRefusal::Unsound { index, error })?;
        let found = header.term().map(Term::get);
        let in_order = found.filter(|term| (least..=leader.term).contains(term));
        least = in_order.ok_or(AppendRefusal::WrongTerm {
            index,
            least,
            found,
            most: leader.term,
        })?;
        let expected = offset.unwrap_or(header.base_offset());
        check_offset(index, batch, expected)?;
        offset = Some(header.end_offset());
        check_contents(index, batch)?;
        let entry = entry::from_batch(LogIndex::new(index), batch.clone());
        entries.push(entry.map_err(|error| senseless(index, error.to_string()))?);
    }
    Ok(entries)
}

/// Whether an entry has the offset that it must have.
///
/// # Errors
/// [`AppendRefusal::WrongOffset`].
pub(crate) fn check_offset(
    index: u64,
    batch: &Batch,
    expected: Offset,
) -> Result<(), AppendRefusal> {
    let found = batch.header().base_offset();
    if found == expected {
        return Ok(());
    }
    Err(AppendRefusal::WrongOffset {
        index,
        expected,
        found,
    })
}

/// Refuses what would fail when it is applied.
fn check_contents(index: u64, batch: &Batch) -> Result<(), AppendRefusal> {
    let header = batch.header();
    if !header.is_internal() {
        let has_records = header.record_count() > 0 && header.last_offset_delta() >= 0;
        return has_records
            .then_some(())
            .ok_or(AppendRefusal::Empty { index });
    }
    let decoded = control::decode(batch);
    let (kind, payload) = decoded.map_err(|error| senseless(index, error.to_string()))?;
    let makes_sense = match kind {
        // Members are decoded with the entry.
        ControlKind::Blank | ControlKind::Membership | ControlKind::Command => true,
        ControlKind::Answer => answer::decode(&payload).is_some(),
        ControlKind::LogStart => LogStart::decode(&payload).is_some(),
    };
    let refusal = || senseless(index, format!("the payload of a {kind:?}"));
    makes_sense.then_some(()).ok_or_else(refusal)
}

fn senseless(index: u64, reason: String) -> AppendRefusal {
    AppendRefusal::Senseless { index, reason }
}

/// Where a checked append touches the local log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Junction {
    /// The entry before is not here: Raft answers with a conflict.
    Gap,
    /// Every entry is here already.
    Nothing,
    /// This one of its entries is the first that is not here: whatever is at its index is cut off.
    At(usize),
}

/// Finds where the append touches the local log.
///
/// # Errors
/// [`AppendRefusal::ContradictsCommitted`].
pub(crate) fn junction(
    append: &Append,
    entries: &[Entry],
    local: &impl LocalLog,
) -> Result<Junction, AppendRefusal> {
    let committed = local.committed();
    let is_here = |id: RaftLogId| {
        let wanted = from_raft(id).ok();
        let here = local.term_at(LogIndex::new(id.index));
        let same = here.is_some() && here == wanted.map(|LogId { term, .. }| term);
        match committed.filter(|committed| id.index <= committed.index) {
            // What is purged has no term any more.
            Some(_) if same || here.is_none() => Ok(true),
            Some(committed) => Err(AppendRefusal::ContradictsCommitted {
                index: id.index,
                found: *id.leader_id,
                committed: committed.index,
            }),
            None => Ok(same),
        }
    };
    if let Some(prev) = append.prev
        && !is_here(prev)?
    {
        return Ok(Junction::Gap);
    }
    for (at, entry) in entries.iter().enumerate() {
        if !is_here(entry.log_id)? {
            return Ok(Junction::At(at));
        }
    }
    Ok(Junction::Nothing)
}

#[cfg(test)]
mod tests;
