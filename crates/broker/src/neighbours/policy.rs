//! Which peers this broker talks to, by what the cluster's metadata knows of their disks.

use std::sync::{Arc, Weak};

use replication::peer::{Hello, PeerPolicy};

use crate::Broker;

/// Judges peers by the metadata of a broker: refuses disks that were replaced, older copies of disks, and brokers that
/// have left for good.
pub struct MetadataPolicy {
    broker: Weak<Broker>,
}

impl MetadataPolicy {
    /// By the metadata of this broker, as long as it runs.
    pub fn new(broker: &Arc<Broker>) -> Self {
        Self {
            broker: Arc::downgrade(broker),
        }
    }
}

impl PeerPolicy for MetadataPolicy {
    fn judge(&self, peer: &Hello) -> Result<(), String> {
        let Some(broker) = self.broker.upgrade() else {
            return Ok(());
        };
        let judged =
            broker.state(|state| state.judge_disk(peer.broker, peer.disk, peer.start_counter));
        judged.map_err(|refusal| refusal.to_string())
    }
}
