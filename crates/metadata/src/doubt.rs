//! A replica that may have forgotten what it acknowledged, as its own broker has told.
//!
//! It is an account for people, and the place where an operator's acceptance of a loss reaches the replica it is meant
//! for: what a replica may do after a power cut is decided by itself, on its own disk.

use std::fmt;

use model::ReplicaId;

/// A replica of a partition whose durability was `page-cache` in a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The replica.
    pub replica: ReplicaId,
    /// The run of its data directory at which the doubt arose: a later power cut is a doubt of its own.
    pub since: u64,
    /// What has become of it.
    pub state: DoubtState,
}

/// What has become of a doubt. One that ends by itself is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoubtState {
    /// The replica takes no part until a leader has given back what it may have forgotten.
    Open,
    /// The operator has accepted the loss: it may start with what is left.
    Accepted,
    /// It has started after that: records may be lost. Kept, so that it can be seen, until the replica's next doubt.
    Lost,
}

impl fmt::Display for DoubtState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "in doubt",
            Self::Accepted => "loss accepted",
            Self::Lost => "started after an accepted loss",
        })
    }
}
