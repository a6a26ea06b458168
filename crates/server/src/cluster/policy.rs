//! Judges peers by what the metadata knows of them: no disk that was replaced, no older copy of a disk.

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
        let Some(known) = broker.registered(peer.broker) else {
            return Ok(());
        };
        if known.disk != peer.disk {
            // A disk that comes after the known one is registered before it speaks as a member; this broker may not
            // have heard of that yet.
            return match member.replica > known.replica {
                true => Ok(()),
                false => Err(format!(
                    "broker {} runs on disk {}, which was replaced by disk {}; start it with an empty data directory",
                    peer.broker, peer.disk, known.disk
                )),
            };
        }
        if peer.start_counter < known.start_counter {
            return Err(format!(
                "broker {} runs on an older copy of its disk: it counts start {}, the cluster has seen start {}; start \
                 it with an empty data directory",
                peer.broker, peer.start_counter, known.start_counter
            ));
        }
        Ok(())
    }
}
