//! Why a call to a broker has no good answer.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use rpc::Retry;
use thiserror::Error;
use tonic::{Code, ConnectError, Status, TimeoutExpired};

use crate::refusal::Refusal;

/// Why a call to a broker has no good answer.
#[derive(Clone, Debug, Error)]
pub enum CallError {
    /// No connection: nothing was sent.
    #[error("cannot reach a broker at {address}: {cause}")]
    Unreachable {
        /// The broker.
        address: String,
        /// Why.
        cause: String,
    },
    /// The connection broke during the call: what it did is unknown.
    #[error("the connection to the broker at {address} broke: {cause}")]
    Disconnected {
        /// The broker.
        address: String,
        /// Why.
        cause: String,
    },
    /// No answer in time: what the call did is unknown.
    #[error("the broker at {address} did not answer within {timeout:?}")]
    TimedOut {
        /// The broker.
        address: String,
        /// How long was waited.
        timeout: Duration,
    },
    /// The broker refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The broker answered what the API does not allow.
    #[error("the broker at {address} gave an answer that makes no sense: {problem}")]
    Malformed {
        /// The broker.
        address: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl CallError {
    /// Sorts a failed call by what it means. Only a broker's own status has no error behind it.
    pub(crate) fn of(status: &Status, address: &str, timeout: Duration) -> Self {
        let address = address.to_owned();
        let causes = causes(status);
        let Some(innermost) = causes.last() else {
            return match status.code() {
                Code::DeadlineExceeded if status.details().is_empty() => {
                    Self::TimedOut { address, timeout }
                }
                _ => Self::Refused(Refusal::from(status)),
            };
        };
        if causes.iter().any(|cause| cause.is::<TimeoutExpired>()) {
            return Self::TimedOut { address, timeout };
        }
        let cause = in_few_words(*innermost);
        if causes.iter().any(|cause| cause.is::<ConnectError>()) {
            Self::Unreachable { address, cause }
        } else {
            Self::Disconnected { address, cause }
        }
    }

    /// Whether there was no answer at all.
    pub(crate) fn is_no_answer(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Disconnected { .. } | Self::TimedOut { .. } => true,
            Self::Refused(_) | Self::Malformed { .. } => false,
        }
    }

    /// Whether another broker may well answer: this one, or the way to it, has failed as a whole, or is cut off from
    /// those who lead.
    pub(crate) fn is_for_another(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.is_for_another(),
            _ => self.is_no_answer(),
        }
    }

    /// Whether nothing was done, and will not be.
    pub(crate) fn certainly_not_done(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused(refusal) => refusal.retry == Retry::Safe,
            Self::Disconnected { .. } | Self::TimedOut { .. } | Self::Malformed { .. } => false,
        }
    }

    /// Whether the same call may work in a moment. Whether it may be sent again is for the caller to know.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Disconnected { .. } | Self::TimedOut { .. } => true,
            Self::Refused(refusal) => refusal.is_passing(),
            Self::Malformed { .. } => false,
        }
    }
}

/// The errors behind a status, the innermost last.
fn causes(status: &Status) -> Vec<&(dyn StdError + 'static)> {
    let mut causes = Vec::new();
    let mut next = status.source();
    while let Some(cause) = next {
        causes.push(cause);
        next = cause.source();
    }
    causes
}

fn in_few_words(cause: &(dyn StdError + 'static)) -> String {
    match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
        Some(io::ErrorKind::ConnectionReset) => "connection reset".to_owned(),
        Some(io::ErrorKind::BrokenPipe) => "the broker closed it".to_owned(),
        _ => cause.to_string(),
    }
}
