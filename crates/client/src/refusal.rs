//! What a broker says where it refuses something.

use std::collections::BTreeMap;

use rpc::{ExitClass, Reason, Retry, v1};
use thiserror::Error;
use tonic::{Code, Status};

/// A broker's refusal: for people the message, for programs the code, the reason and the facts.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct Refusal {
    /// The gRPC code.
    pub code: Code,
    /// The reason in UPPER_SNAKE_CASE; the code's name, where the broker gave none.
    pub reason: String,
    /// What happened, the limit, and what to do.
    pub message: String,
    /// The facts: `topic`, `partition`, `log_start` …
    pub metadata: BTreeMap<String, String>,
    /// Whether to try again.
    pub retry: Retry,
    /// What a script makes of it.
    pub exit_class: ExitClass,
}

impl Refusal {
    /// Whether this is the reason.
    pub fn is(&self, reason: Reason) -> bool {
        self.reason == reason.as_str()
    }

    /// Whether nothing was done and the same may well work in a moment, with nobody's help.
    pub fn is_passing(&self) -> bool {
        let needs_help = [
            Reason::NoSpace,
            Reason::PartitionStopped,
            Reason::ReadFailed,
        ];
        self.retry == Retry::Safe && !needs_help.into_iter().any(|reason| self.is(reason))
    }

    /// Whether another broker may well do what this one cannot now.
    pub(crate) fn is_for_another(&self) -> bool {
        let reasons = [
            Reason::NotLeader,
            Reason::NoQuorum,
            Reason::NotReady,
            Reason::ShuttingDown,
        ];
        reasons.into_iter().any(|reason| self.is(reason))
    }

    /// Whether what was asked for may have been done all the same.
    pub fn outcome_is_unknown(&self) -> bool {
        self.retry == Retry::OnlyIfIdempotent
    }
}

impl From<v1::Error> for Refusal {
    fn from(error: v1::Error) -> Self {
        let (code, retry, exit_class) = (error.grpc_code(), error.retry(), error.exit_class());
        let or = |text: String, otherwise: &str| {
            if text.is_empty() {
                otherwise.to_owned()
            } else {
                text
            }
        };
        Self {
            code,
            reason: or(error.reason, code_name(code)),
            message: or(error.message, code.description()),
            metadata: error.metadata.into_iter().collect(),
            retry,
            exit_class,
        }
    }
}

impl From<&Status> for Refusal {
    fn from(status: &Status) -> Self {
        v1::Error::from_status(status).into()
    }
}

/// A code as gRPC's specification spells it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
