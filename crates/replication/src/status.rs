//! What a group says of itself.

use std::sync::Arc;

use model::{Offset, ReplicaId, Term};

/// A log group's ends as clients may see them; they never go back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupEnds {
    /// The first offset that can be read.
    pub log_start: Offset,
    /// The offset behind the last committed record.
    pub high_watermark: Offset,
}

/// A group at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupStatus {
    /// Who leads, as far as this replica knows.
    pub leader: Option<ReplicaId>,
    /// The newest term that this replica knows.
    pub term: Term,
    /// Whether this replica leads and has applied an entry of its own term. Only then are its ends certain, and
    /// only then may it answer produce, fetch and list-offsets. It stays so for reads where the group has stopped
    /// and this replica is its only voter.
    pub serves: bool,
    /// The offset behind the last committed record.
    pub high_watermark: Offset,
    /// The first offset that can be read.
    pub log_start: Offset,
    /// The offset behind the last record, committed or not.
    pub log_end: Offset,
    /// The replicas that vote.
    pub voters: Vec<ReplicaId>,
    /// The voters that are not lagging; known to the leader only, else empty.
    pub in_sync: Vec<ReplicaId>,
    /// Whether this replica is sent everything and does not vote.
    pub is_learner: bool,
    /// How many elections this replica has seen decided since it was opened.
    pub elections: u64,
    /// Why the group takes nothing more, if it has stopped.
    pub stopped: Option<Arc<str>>,
}
