//! What a broker says that joins a cluster late, or comes back to it: its registration, which is answered with its
//! replica id.

use std::sync::Arc;
use std::time::Duration;

use broker::{Broker, BrokerIdentity, registered_replica, registration};
use bytes::Bytes;
use model::ReplicaId;
use replication::peer::{Joining, PeerNetwork, announce};

/// How long the metadata's leader has to find a broker that comes back, before others are asked.
const FOUND_WITHIN: Duration = Duration::from_secs(2);

/// Asks the metadata for a replica id.
pub(super) struct AskForReplica {
    identity: BrokerIdentity,
    bears: Option<ReplicaId>,
}

impl AskForReplica {
    pub(super) fn new(identity: BrokerIdentity) -> Self {
        Self {
            identity,
            bears: None,
        }
    }
}

/// Has any member register where this broker is now, until the cluster's metadata has come here. The metadata's leader
/// looks for a broker under its registered address and the seeds; one that has moved, and whose own seeds lead to
/// others only, would find the leader no more than it is found.
pub(crate) async fn announce_until_registered(
    network: Arc<PeerNetwork>,
    broker: Arc<Broker>,
    replica: ReplicaId,
) {
    let asking = AskForReplica {
        identity: broker.settings().identity.clone(),
        bears: Some(replica),
    };
    loop {
        tokio::time::sleep(FOUND_WITHIN).await;
        if broker.is_registered() {
            return;
        }
        if let Err(reason) = announce(&network, &asking).await {
            tracing::info!(reason, "nobody has registered this start yet");
        }
    }
}

impl Joining for AskForReplica {
    fn command(&self) -> Bytes {
        // Only an address that is too long cannot be said; the settings' bounds allow none.
        registration(&self.identity, self.bears).unwrap_or_default()
    }

    fn replica(&self, answer: &[u8]) -> Result<ReplicaId, String> {
        registered_replica(answer).map_err(|error| error.to_string())
    }
}
