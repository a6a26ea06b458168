//! Why a request to another replica has no reply.

use std::sync::Arc;
use std::time::Duration;

use model::ReplicaId;
use thiserror::Error;

use super::GroupId;

/// Why a request has no reply.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CallError {
    /// It has not been sent: there is no way to the replica at this moment.
    #[error("replica {to} cannot be reached: {reason}")]
    Unreachable {
        /// The replica.
        to: ReplicaId,
        /// Why.
        reason: Arc<str>,
    },
    /// It has been sent, and the connection was lost before the reply came: it may have been acted upon.
    #[error("the connection to replica {to} was lost before it answered: {reason}")]
    Lost {
        /// The replica.
        to: ReplicaId,
        /// Why.
        reason: Arc<str>,
    },
    /// There was no reply in time. If it was sent, it may have been, or may yet be, acted upon.
    #[error("replica {to} has not answered within {after:?}")]
    Timeout {
        /// The replica.
        to: ReplicaId,
        /// The time it was given.
        after: Duration,
        /// Whether the request had left.
        sent: bool,
    },
    /// The broker of that replica has no such group open.
    #[error("replica {to} does not have {group} open")]
    NoSuchGroup {
        /// The replica.
        to: ReplicaId,
        /// The group.
        group: GroupId,
    },
    /// The group has answered that it will not.
    #[error("replica {to} refuses: {reason}")]
    Refused {
        /// The replica.
        to: ReplicaId,
        /// Why.
        reason: Arc<str>,
    },
    /// The group has dropped the request without an answer: it is closing. It may have been acted upon.
    #[error("replica {to} has dropped the request, its group is closing")]
    Dropped {
        /// The replica.
        to: ReplicaId,
    },
    /// It is larger than a frame may be. It has not been sent.
    #[error("a request or reply of {bytes} bytes is above the limit of {limit} between brokers")]
    TooLarge {
        /// Its bytes.
        bytes: usize,
        /// The most there may be.
        limit: usize,
    },
}

impl CallError {
    /// Whether the request has certainly not been, and will not be, acted upon: it may be sent again, to anybody.
    pub fn is_without_effect(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::NoSuchGroup { .. }
            | Self::Refused { .. }
            | Self::Timeout { sent: false, .. } => true,
            // A reply may be what was too large.
            Self::TooLarge { .. }
            | Self::Lost { .. }
            | Self::Timeout { sent: true, .. }
            | Self::Dropped { .. } => false,
        }
    }
}
