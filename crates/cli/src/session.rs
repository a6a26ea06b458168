//! What a command that talks to a broker needs: the client and the form of its output.

use std::time::Duration;

use client::{Admin, Client, ClientSettings};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::arguments::{Addresses, OutputFormat};
use crate::failure::{Exit, Failure};

/// How long an address may take to answer before the next one is tried.
const TRY_FOR: Duration = Duration::from_secs(2);

/// A client, and the form of the output.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) format: OutputFormat,
}

impl Session {
    /// Makes ready to talk to the broker at `server`, where there are several to the first that answers first; nothing
    /// is sent yet.
    pub(crate) async fn open(server: &Addresses, format: OutputFormat) -> Result<Self, Failure> {
        let mut addresses = server.0.clone();
        let first = answering(&addresses).await;
        addresses.rotate_left(first);
        let client = Client::connect_to_any(&addresses, ClientSettings::default())
            .map_err(|error| Failure::new(Exit::Usage, "USAGE", error.to_string()))?;
        Ok(Self { client, format })
    }

    /// Finds out which brokers there are, so that any of them will do where those that were named go away. Where nobody
    /// tells, those have to do.
    pub(crate) async fn know_all(&self) {
        let _ = timeout(TRY_FOR, self.client.learn_brokers()).await;
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

/// The place of the first address where somebody listens; where nobody does, the first: the call to come says why.
async fn answering(addresses: &[String]) -> usize {
    if addresses.len() > 1 {
        for (at, address) in addresses.iter().enumerate() {
            if let Ok(Ok(_)) = timeout(TRY_FOR, TcpStream::connect(address)).await {
                return at;
            }
        }
    }
    0
}
