//! What a command that talks to a broker needs: the client and the form of its output.

use client::{Admin, Client};

use crate::arguments::OutputFormat;
use crate::failure::{Exit, Failure};

/// A client, and the form of the output.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) format: OutputFormat,
}

impl Session {
    /// Makes ready to talk to the broker at `server`; nothing is sent yet. Runs inside a tokio runtime.
    pub(crate) fn open(server: &str, format: OutputFormat) -> Result<Self, Failure> {
        let client = Client::connect(server)
            .map_err(|error| Failure::new(Exit::Usage, "USAGE", error.to_string()))?;
        Ok(Self { client, format })
    }

    /// Calls about topics and the cluster.
    pub(crate) fn admin(&self) -> Admin {
        self.client.admin()
    }

    /// Whether results are for programs.
    pub(crate) fn json(&self) -> bool {
        self.format == OutputFormat::Json
    }
}
