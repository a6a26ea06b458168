//! Who belongs to a group, how it begins, and what its leader knows of the others.

use std::collections::BTreeSet;
use std::time::Duration;

use model::{LogIndex, ReplicaId};

/// What a replica does with a group of which it holds nothing yet. A group that has files goes on from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupStart {
    /// The group begins with these voters. Every one of them opens it so, with the same list; the first one stands for
    /// election at once.
    Found(Vec<ReplicaId>),
    /// The group exists already: this replica waits until its leader sends it what it needs.
    Join,
}

impl GroupStart {
    /// A group of this replica alone.
    pub fn alone(replica: ReplicaId) -> Self {
        Self::Found(vec![replica])
    }
}

/// The replicas of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Those that vote.
    pub voters: BTreeSet<ReplicaId>,
    /// Those that are sent everything and do not vote.
    pub learners: BTreeSet<ReplicaId>,
}

impl Members {
    /// Voters only.
    pub fn of_voters(voters: impl IntoIterator<Item = ReplicaId>) -> Self {
        Self {
            voters: voters.into_iter().collect(),
            learners: BTreeSet::new(),
        }
    }
}

/// What a leader knows of another member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follower {
    /// Who it is.
    pub replica: ReplicaId,
    /// Whether it votes.
    pub is_voter: bool,
    /// The last entry known to be durable there; `None`: none is.
    pub matched: Option<LogIndex>,
    /// How many entries of the leader's log it is not known to have.
    pub lag: u64,
    /// How long ago the request was sent that it answered last; `None`: it has not answered this leader yet.
    pub silent_for: Option<Duration>,
    /// Whether it is within the bounds of lag and silence.
    pub is_in_sync: bool,
}

/// How far one call brought a group towards the wanted members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reconfigured {
    /// They are as wanted, committed.
    Done,
    /// One step was committed; more are needed.
    Stepped,
    /// A replica that is to vote must first catch up: try again soon.
    CatchingUp {
        /// The one that is furthest behind.
        replica: ReplicaId,
        /// How many entries it lacks.
        lag: u64,
    },
}
