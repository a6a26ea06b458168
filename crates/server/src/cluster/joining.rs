//! What a broker says that joins a cluster late: its registration, which is answered with its replica id.

use broker::{BrokerIdentity, registered_replica, registration};
use bytes::Bytes;
use model::ReplicaId;
use replication::peer::Joining;

/// Asks the metadata for a replica id.
pub(super) struct AskForReplica {
    identity: BrokerIdentity,
}

impl AskForReplica {
    pub(super) fn new(identity: BrokerIdentity) -> Self {
        Self { identity }
    }
}

impl Joining for AskForReplica {
    fn command(&self) -> Bytes {
        // Only an address that is too long cannot be said; the settings' bounds allow none.
        registration(&self.identity).unwrap_or_default()
    }

    fn replica(&self, answer: &[u8]) -> Result<ReplicaId, String> {
        registered_replica(answer).map_err(|error| error.to_string())
    }
}
