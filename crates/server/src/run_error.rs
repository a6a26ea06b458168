//! Why a broker did not run to a clean end, and the exit code that says so.

use thiserror::Error;

use crate::settings::SettingsError;

/// Why a broker did not start, or did not stop cleanly.
#[derive(Debug, Error)]
pub enum RunError {
    /// A setting is refused.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The operating system refused a thread, a signal handler or an event queue.
    #[error("the process cannot be set up: {0}")]
    Process(#[from] std::io::Error),
}

impl RunError {
    /// The exit code of the process: 1 failed, 2 usage, 6 no space or over a limit, 7 data directory unusable.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_) => 2,
            Self::Process(_) => 1,
        }
    }
}
