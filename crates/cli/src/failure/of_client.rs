//! What the client's errors mean for a command.

use client::{
    CallError, ConsumeError, DamagedError, ExitClass, OffsetsError, ProduceError, Refusal,
};

use super::{Exit, Failure};

const START_ONE: &str = "start one with `strand broker` or name another with --server";

impl From<ExitClass> for Exit {
    fn from(class: ExitClass) -> Self {
        match class {
            ExitClass::Failed => Self::Failed,
            ExitClass::NotFound => Self::NotFound,
            ExitClass::Refused => Self::Refused,
            ExitClass::Unavailable => Self::Unavailable,
            ExitClass::OverLimit => Self::OverLimit,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.exit_class.into(), refusal.reason, refusal.message)
            .with_all(refusal.metadata)
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let message = error.to_string();
        match error {
            CallError::Refused(refusal) => refusal.into(),
            CallError::Unreachable { address, .. } => {
                let message = format!("{message}; {START_ONE}");
                Self::new(Exit::Unavailable, "UNREACHABLE", message).with("address", address)
            }
            CallError::Disconnected { address, .. } => {
                Self::new(Exit::Unavailable, "DISCONNECTED", message).with("address", address)
            }
            CallError::TimedOut { address, .. } => {
                Self::new(Exit::Unavailable, "TIMED_OUT", message).with("address", address)
            }
            CallError::Malformed { address, .. } => {
                Self::new(Exit::Failed, "MALFORMED_ANSWER", message).with("address", address)
            }
        }
    }
}

impl From<ProduceError> for Failure {
    fn from(error: ProduceError) -> Self {
        let message = error.to_string();
        match error {
            ProduceError::Refused(refusal) => refusal.into(),
            ProduceError::NotSent { cause, .. } => {
                let cause = Self::from(cause);
                Self { message, ..cause }
            }
            ProduceError::OutcomeUnknown { refusal, .. } => {
                let facts = refusal.map(|refusal| refusal.metadata).unwrap_or_default();
                Self::new(Exit::Unavailable, "OUTCOME_UNKNOWN", message).with_all(facts)
            }
            ProduceError::BehindFailed | ProduceError::UsedUp => {
                Self::new(Exit::Failed, "NOT_SENT", message)
            }
            ProduceError::Abandoned => Self::new(Exit::Failed, "ABANDONED", message),
        }
    }
}

impl From<ConsumeError> for Failure {
    fn from(error: ConsumeError) -> Self {
        match error {
            ConsumeError::Call(error) => error.into(),
            ConsumeError::Partition { refusal, .. } => refusal.into(),
        }
    }
}

impl From<OffsetsError> for Failure {
    fn from(error: OffsetsError) -> Self {
        match error {
            OffsetsError::Call(error) => error.into(),
            OffsetsError::Partition { refusal, .. } => refusal.into(),
        }
    }
}

impl From<DamagedError> for Failure {
    fn from(error: DamagedError) -> Self {
        Self::new(Exit::Failed, "DAMAGED_BATCH", error.to_string())
            .with("topic", &error.partition.topic)
            .with("partition", error.partition.partition)
            .with("offset", error.at)
    }
}
