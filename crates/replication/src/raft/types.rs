//! The types openraft is instantiated with, and conversions to the model's.

use std::io;

use bytes::Bytes;
use model::{LogId, LogIndex, Term};
use openraft::impls::{BoxedErrorSource, InlineBatch, leader_id_std};
use openraft::{EmptyNode, RaftTypeConfig, Vote as RaftVote};

pub(crate) use super::payload::Payload;
use super::proposal::{Answer, Proposal};
use super::responder::AckResponder;
use super::runtime::Runtime;

pub(crate) type Leader = leader_id_std::LeaderId<u64, u64>;
pub(crate) type Committed = <Leader as openraft::vote::RaftLeaderId>::Committed;
pub(crate) type RaftLogId = openraft::LogId<Committed>;
pub(crate) type Vote = RaftVote<Leader>;
pub(crate) type Entry = openraft::Entry<Committed, Payload>;
pub(crate) type Membership = openraft::Membership<u64, EmptyNode>;
pub(crate) type StoredMembership = openraft::StoredMembership<Committed, u64, EmptyNode>;
pub(crate) type Snapshot = openraft::storage::Snapshot<Committed, u64, EmptyNode, Bytes>;
pub(crate) type SnapshotMeta = openraft::SnapshotMeta<Committed, u64, EmptyNode>;

/// openraft's type configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Types;

impl RaftTypeConfig for Types {
    type D = Proposal;
    type R = Answer;
    type NodeId = u64;
    type Node = EmptyNode;
    type Term = u64;
    type LeaderId = Leader;
    type Vote = Vote;
    type Payload = Payload;
    type Entry = Entry;
    type AsyncRuntime = Runtime;
    type Responder<T>
        = AckResponder<T>
    where
        T: openraft::OptionalSend + 'static;
    type Batch<T>
        = InlineBatch<T>
    where
        T: openraft::OptionalSend + 'static;
    type ErrorSource = BoxedErrorSource;
}

/// openraft's form of a log id.
pub(crate) fn to_raft(id: LogId) -> RaftLogId {
    openraft::LogId {
        leader_id: Committed::new(id.term.get()),
        index: id.index.get(),
    }
}

/// The model's form of a log id.
///
/// # Errors
/// The term does not fit a batch header.
pub(crate) fn from_raft(id: RaftLogId) -> io::Result<LogId> {
    Ok(LogId {
        term: to_term(*id.leader_id)?,
        index: LogIndex::new(id.index),
    })
}

/// A term that fits a batch header.
///
/// # Errors
/// It does not: this broker refuses to lead in it.
pub(crate) fn to_term(term: u64) -> io::Result<Term> {
    let too_large = || {
        io::Error::other(format!(
            "Raft term {term} is above {}, the last one that a batch can hold",
            Term::MAX
        ))
    };
    Term::new(term).ok_or_else(too_large)
}
