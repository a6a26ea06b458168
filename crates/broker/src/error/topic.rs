//! Why the cluster's state is not changed.

use metadata::Refusal;
use model::BrokerId;
use thiserror::Error;

/// Why a change of topics (or of anything else in the cluster's state) was not made.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ChangeError {
    /// The change breaks a rule; nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another broker leads the cluster's metadata, or none.
    #[error("this broker does not lead the cluster's metadata; {}", match .leader { Some(leader) => format!("broker {leader} does"), None => "no leader is known now; try again".to_owned() })]
    NotLeader {
        /// Who leads, where that is known.
        leader: Option<BrokerId>,
    },
    /// No quorum of the brokers that keep the cluster's metadata answers; nothing has changed.
    #[error(
        "no quorum of the brokers that keep the cluster's metadata answers; try again, and see with `strand cluster describe` who is away"
    )]
    NoQuorum,
    /// The disk is full; nothing has changed.
    #[error(
        "the cluster's metadata needs {needed} bytes of disk, {free} are free; delete records or enlarge the disk"
    )]
    NoSpace {
        /// What is needed, in bytes.
        needed: u64,
        /// What there is, in bytes.
        free: u64,
    },
    /// Too many changes wait to be committed; nothing has changed.
    #[error(
        "{bytes} bytes of changes wait to be committed, the limit is {limit}; try again in a moment"
    )]
    TooManyWaiting {
        /// How much waits, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The metadata group has stopped.
    #[error(
        "the cluster's metadata has stopped on this broker: {reason}; restart it once that is cured"
    )]
    Stopped {
        /// Why.
        reason: String,
    },
    /// Leadership was lost, or the broker stopped, in between.
    #[error("whether the change was made is unknown; look, and try again if it was not")]
    OutcomeUnknown,
    /// A value that is too long to be stored; nothing has changed.
    #[error("the change cannot be stored: {reason}; shorten it")]
    TooLarge {
        /// What is too long.
        reason: String,
    },
    /// The broker is shutting down; nothing has changed.
    #[error("the broker is shutting down; try again in a moment")]
    ShuttingDown,
}

/// Why no producer id is issued.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("no producer id is issued: {0}")]
pub struct InitProducerError(#[from] pub ChangeError);
