//! Disk actions that openraft waits for. To it every error is final, so an action that only lacks space is tried again.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use segment_log::{JournalError, PurgeError, SyncFailed, TruncateError};

use super::machine::Machine;
use super::shared::{Shared, blocking};

/// How long space is waited for between two tries; nobody tells when there is some.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Why an action failed.
pub(crate) enum Failure {
    /// Nothing is lost: it can be done again.
    Passing(SyncFailed),
    Final(io::Error),
}

/// Does a disk action on a thread that may block, until it is done, has failed for good, or the group is stopped.
pub(crate) async fn persist<M: Machine>(
    shared: &Arc<Shared<M>>,
    act: impl Fn(&Shared<M>) -> Result<(), Failure> + Clone + Send + 'static,
) -> io::Result<()> {
    loop {
        let (shared_there, act) = (shared.clone(), act.clone());
        let outcome = blocking(move || Ok(act(&shared_there))).await?;
        match outcome {
            Ok(()) => return Ok(()),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Passing(failed)) if shared.is_stopping() => {
                return Err(io::Error::other(failed));
            }
            Err(Failure::Passing(failed)) => {
                tracing::warn!(log = %shared.log.path().display(), %failed, "Raft waits");
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
        }
    }
}

impl From<SyncFailed> for Failure {
    fn from(failed: SyncFailed) -> Self {
        if failed.is_final {
            Self::Final(io::Error::other(failed))
        } else {
            Self::Passing(failed)
        }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Failed(failed) => failed.into(),
            error => Self::Final(io::Error::other(error)),
        }
    }
}

impl From<PurgeError> for Failure {
    fn from(error: PurgeError) -> Self {
        match error {
            PurgeError::Failed(failed) => failed.into(),
        }
    }
}

impl From<TruncateError> for Failure {
    fn from(error: TruncateError) -> Self {
        match error {
            TruncateError::Failed(failed) => failed.into(),
            error => Self::Final(io::Error::other(error)),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Final(error)
    }
}
