//! How a broker that is new to a cluster asks for its replica id.

use bytes::Bytes;
use model::ReplicaId;
use replication::peer::Joining;

use crate::{BrokerIdentity, registered_replica, registration};

/// A broker that joins, in the words of the cluster's metadata.
pub struct BrokerJoining {
    command: Bytes,
}

impl BrokerJoining {
    /// A broker of this identity.
    ///
    /// # Errors
    /// An address is too long to be stored.
    pub fn new(identity: &BrokerIdentity) -> Result<Self, metadata::format::EncodeError> {
        let command = registration(identity)?;
        Ok(Self { command })
    }
}

impl Joining for BrokerJoining {
    fn command(&self) -> Bytes {
        self.command.clone()
    }

    fn replica(&self, answer: &[u8]) -> Result<ReplicaId, String> {
        registered_replica(answer).map_err(|error| error.to_string())
    }
}
