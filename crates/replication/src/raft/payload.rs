//! What an entry holds, as openraft sees it.

use std::fmt;

use model::batch::Batch;
use openraft::EmptyNode;
use openraft::entry::RaftPayload;

use super::proposal::Proposal;
use super::types::Membership;

/// An entry's payload: on its way into the log, or read back from one.
#[derive(Debug)]
pub(crate) enum Payload {
    /// A new leader's first entry.
    Blank,
    /// A change of the members.
    Membership(Membership),
    /// Anything else that is proposed, or was read back without its body.
    Normal(Proposal),
    /// An entry with all its bytes, as it stands in a log: a follower appends them unchanged.
    Whole(Whole),
}

/// An entry's bytes, and the members if these are what it holds.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    pub(crate) batch: Batch,
    pub(crate) members: Option<Membership>,
}

impl RaftPayload for Payload {
    type D = Proposal;
    type NodeId = u64;
    type Node = EmptyNode;

    fn blank() -> Self {
        Self::Blank
    }

    fn with_normal(self, data: Proposal) -> Self {
        Self::Normal(data)
    }

    fn with_membership(self, membership: Membership) -> Self {
        Self::Membership(membership)
    }

    fn get_membership(&self) -> Option<Membership> {
        match self {
            Self::Membership(members) => Some(members.clone()),
            Self::Whole(whole) => whole.members.clone(),
            Self::Blank | Self::Normal(_) => None,
        }
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => f.write_str("blank"),
            Self::Membership(members) => write!(f, "members {members}"),
            Self::Normal(proposal) => write!(f, "{proposal}"),
            Self::Whole(whole) => write!(f, "stored at {}", whole.batch.header().base_offset()),
        }
    }
}
