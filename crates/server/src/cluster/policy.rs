//! Judges peers by what the metadata knows of them: no disk that was replaced or is another broker's, no older copy of a
//! disk, no broker that has left and comes back on its old disk.

use std::sync::{Arc, Weak};

use broker::Broker;
use replication::peer::{Hello, PeerPolicy};

/// The brokers that the metadata knows, for as long as this one runs.
pub(super) struct KnownBrokers {
    broker: Weak<Broker>,
}

impl KnownBrokers {
    pub(super) fn new(broker: &Arc<Broker>) -> Self {
        Self {
            broker: Arc::downgrade(broker),
        }
    }
}

impl PeerPolicy for KnownBrokers {
    fn judge(&self, peer: &Hello) -> Result<(), String> {
        let (Some(broker), Some(member)) = (self.broker.upgrade(), peer.standing.member()) else {
            return Ok(());
        };
        let start = (peer.start_counter, peer.epoch);
        let judged = broker.judge_peer(peer.broker, peer.disk, start, member.replica);
        judged.map_err(|refusal| refusal.to_string())
    }
}
