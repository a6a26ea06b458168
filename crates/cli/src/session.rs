//! What a command that talks to a broker needs: the client and the form of its output.

use crate::arguments::OutputFormat;
use crate::failure::Failure;

pub(crate) struct Session {
    pub(crate) format: OutputFormat,
}

impl Session {
    /// Makes ready to talk to the broker at `server`; nothing is sent yet.
    pub(crate) fn open(_server: &str, format: OutputFormat) -> Result<Self, Failure> {
        Ok(Self { format })
    }
}
