//! Why a batch was not acknowledged.

use std::time::Duration;

use thiserror::Error;

use crate::call_error::CallError;
use crate::refusal::Refusal;

/// Why a batch was not acknowledged.
#[derive(Clone, Debug, Error)]
pub enum ProduceError {
    /// The broker refused it. Nothing of it was written.
    #[error(transparent)]
    Refused(Refusal),
    /// It was not sent in time. Nothing of it was written.
    #[error("the batch could not be sent within {timeout:?}: {cause}")]
    NotSent {
        /// How long was tried.
        timeout: Duration,
        /// What stood in the way.
        cause: CallError,
    },
    /// It was sent, and no result came. It may have been written or not, or may still be.
    #[error(
        "it is unknown whether the batch was written: {cause}; read the end of the topic before sending it again"
    )]
    OutcomeUnknown {
        /// Why no result came.
        cause: String,
        /// What the broker said, if it said so itself.
        refusal: Option<Refusal>,
    },
    /// A batch before it in the same partition failed, and the producer stops there. Nothing of it was written.
    #[error("a batch before it was not written")]
    BehindFailed,
    /// As many batches had an unknown outcome as a producer has epochs. Nothing of this one was written.
    #[error("the producer has used up its epochs for this partition: make a new producer")]
    UsedUp,
    /// The producer was dropped or its runtime ended. It may have been written or not.
    #[error("the producer ended before the batch had its result")]
    Abandoned,
}

impl ProduceError {
    pub(super) fn unknown(cause: impl Into<String>) -> Self {
        Self::OutcomeUnknown {
            cause: cause.into(),
            refusal: None,
        }
    }

    /// Whether nothing of the batch was or will be written.
    pub fn certainly_not_written(&self) -> bool {
        matches!(
            self,
            Self::Refused(_) | Self::NotSent { .. } | Self::BehindFailed | Self::UsedUp
        )
    }
}

impl From<Refusal> for ProduceError {
    fn from(refusal: Refusal) -> Self {
        if refusal.outcome_is_unknown() {
            Self::OutcomeUnknown {
                cause: refusal.message.clone(),
                refusal: Some(refusal),
            }
        } else {
            Self::Refused(refusal)
        }
    }
}
