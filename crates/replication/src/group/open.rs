//! Opens what a group has on disk, and founds one that has nothing. All of this blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::Arc;

use model::batch::control::{self, ControlKind};
use model::{LogIndex, Offset, ReplicaId, Term, Timestamp};
use openraft::EmptyNode;
use segment_log::{Log, NoSpace, OpenLogError, ReadLogError};

use super::{Newcomer, Opening, Surroundings};
use crate::doubt::is_sole_voter;
use crate::error::OpenGroupError;
use crate::members::GroupStart;
use crate::peer::GroupId;
use crate::raft::apply::Applied;
use crate::raft::machine::Machine;
use crate::raft::membership;
use crate::raft::recover::recover;
use crate::raft::shared::{GroupVotes, Shared};
use crate::raft::types::Membership;

/// Opens the group's log, and recovers the state that it was left with.
pub(super) fn open_shared<M: Machine>(
    around: &Surroundings,
    opening: Opening,
    machine: M,
) -> Result<Arc<Shared<M>>, OpenGroupError> {
    let log = around.directory.open_log(&opening.path, opening.settings);
    let log = log.map_err(|error| open_error(around, error))?;
    if let GroupId::State(_) = opening.id {
        verify(&log)?;
    }
    let votes = GroupVotes {
        votes: around.votes.clone(),
        key: opening.key.into(),
    };
    let contents = |source| OpenGroupError::Contents { source };
    let has_voted = votes.votes.read(&votes.key).map_err(contents)?.is_some();
    let is_untouched = log.ends().last.is_none() && !has_voted;
    if let GroupStart::Found(voters) = &opening.start
        && is_untouched
    {
        found(around, &log, voters)?;
    }
    let joins = opening.start == GroupStart::Join && log.ends().last.is_none();
    let disk = around.directory.disk().clone();
    let newcomer = Newcomer::open(disk, log.path(), joins).map_err(contents)?;
    if !has_voted && !newcomer.is_new() {
        refuse_forgotten_vote(&log)?;
    }
    let (applied, snapshot): (Applied<M>, _) = recover(&log, machine)?;
    if let Some(since) = log.doubt() {
        let replica = around.settings.replica;
        let is_alone = !newcomer.is_new()
            && is_sole_voter(&log, &applied.position, replica).map_err(contents)?;
        start_in_doubt(&log, since, has_voted, is_alone)?;
    }
    let opened = log.clone();
    let shared = Shared::new(
        log,
        votes,
        around.clock.clone(),
        applied,
        snapshot,
        around.pace.clone(),
        newcomer,
    );
    let shared = shared.map_err(|source| met_damage(&opened, source));
    Ok(Arc::new(shared?))
}

/// Damage is told apart from all else that stops an opening: others may have what is missing.
pub(super) fn met_damage(log: &Log, source: std::io::Error) -> OpenGroupError {
    match log.damaged_files().into_iter().next() {
        Some(file) => OpenGroupError::Damaged { file, source },
        None => OpenGroupError::Contents { source },
    }
}

/// No leader's entry is appended before the vote for its term is saved: a log with one, and without a vote, is that of a
/// replica which has forgotten whom it voted for.
fn refuse_forgotten_vote(log: &Log) -> Result<(), OpenGroupError> {
    match log.ends().last {
        Some(last) if last.term > Term::ZERO => Err(OpenGroupError::VoteLost {
            path: log.path().to_owned(),
            term: last.term,
        }),
        _ => Ok(()),
    }
}

/// Ends a doubt that need not be waited out.
fn start_in_doubt(
    log: &Log,
    since: u64,
    has_voted: bool,
    is_alone: bool,
) -> Result<(), OpenGroupError> {
    // Nothing is ever acknowledged before a vote is saved.
    if has_voted && !is_alone {
        let state = "it is being looked at".to_owned();
        return Err(OpenGroupError::InDoubt { since, state });
    }
    if has_voted {
        tracing::warn!(log = %log.path().display(), since, end = %log.ends().end_offset, "the only voter starts after a power cut: records that it acknowledged on `page-cache` may be lost");
    }
    let ended = log.end_doubt().map_err(std::io::Error::other);
    ended.map_err(|source| OpenGroupError::Contents { source })
}

/// Reads a state group's log whole. It is small, and what an old segment holds may be needed at any moment.
fn verify(log: &Log) -> Result<(), OpenGroupError> {
    let damage = match log.verify(LogIndex::ZERO..log.ends().end_index) {
        Ok(damages) => damages.into_iter().next(),
        Err(ReadLogError::Io { file, source }) if segment_log::passes(&source) => {
            let source = io::Error::new(source.kind(), source);
            return Err(OpenLogError::Io { path: file, source }.into());
        }
        Err(error) => return Err(unreadable(error, log)),
    };
    let Some(damage) = damage else { return Ok(()) };
    Err(OpenGroupError::Log(OpenLogError::Damaged {
        file: damage.file,
        byte: damage.byte,
        reason: damage.reason,
        first_missing: damage.missing.start,
        noted_end: damage.missing.end,
    }))
}

fn unreadable(error: ReadLogError, log: &Log) -> OpenGroupError {
    let (reason, ends) = (error.to_string(), log.ends());
    let (ReadLogError::Damaged { file, .. } | ReadLogError::Io { file, .. }) = error;
    OpenGroupError::Log(OpenLogError::Damaged {
        file,
        byte: 0,
        reason,
        first_missing: ends.first_index,
        noted_end: ends.durable_index,
    })
}

/// Writes a group's first entry, its members: byte for byte the same on every replica, for it stands in all their logs
/// without a leader having sent it.
fn found(around: &Surroundings, log: &Log, voters: &[ReplicaId]) -> Result<(), OpenGroupError> {
    let failed = |reason: String| OpenGroupError::Raft { reason };
    let ids: BTreeSet<u64> = voters.iter().map(|voter| voter.get()).collect();
    let nodes = ids.iter().map(|id| (*id, EmptyNode {}));
    let nodes: BTreeMap<_, _> = nodes.collect();
    let members = Membership::new(vec![ids], nodes).map_err(|error| failed(error.to_string()))?;
    let members = membership::encode(&members);
    let never = Timestamp::from_millis(0);
    let mut first = control::encode(ControlKind::Membership, &members, never);
    first.stamp(Offset::ZERO, Term::ZERO);
    let appended = log.append(LogIndex::ZERO, vec![first], Box::new(drop));
    appended.map_err(|error| failed(error.to_string()))?;
    log.sync().map_err(|error| match error.is_final {
        true => failed(error.to_string()),
        false => OpenGroupError::NoSpace(no_space(around, log.path().to_owned())),
    })
}

/// A full disk is told apart: it can be tried again once there is space.
fn open_error(around: &Surroundings, error: OpenLogError) -> OpenGroupError {
    match error {
        OpenLogError::Io { path, source } if source.kind() == ErrorKind::StorageFull => {
            OpenGroupError::NoSpace(no_space(around, path))
        }
        error => error.into(),
    }
}

fn no_space(around: &Surroundings, path: std::path::PathBuf) -> NoSpace {
    NoSpace {
        needed: 1,
        free: around.directory.disk().free_bytes().unwrap_or(0),
        kept_back: 0,
        path,
    }
}
