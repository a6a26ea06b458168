//! Why a broker does not say what the cluster looks like.

use thiserror::Error;

/// This start of the broker is not registered, or the registration has not come here yet: what is known here of the
/// cluster may be as old as the broker's last life, or nothing.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "this broker has not joined its cluster yet: {reason}; ask another one, or try again in a moment"
)]
pub struct NotJoined {
    /// What it waits for.
    pub reason: String,
}
