//! Brokers that the cluster does not know, or not any more: only a few are listened to at a time, and those that are
//! gone are forgotten.
//!
//! Whoever reaches the port can invent a broker's number. A broker that joins has one that nobody knows yet, too. One
//! that is no member may have the number of one that is: its disk was replaced, if that one is gone.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::BrokerId;
use tokio::time::{Instant, sleep};

use super::Hello;
use super::network::Shared;

/// Most brokers that are listened to though the cluster does not know them.
pub(super) const STRANGERS_MAX: usize = 16;

impl Shared {
    /// Whether the cluster knows the broker and it has not left, or the cluster is to be formed with it.
    pub(super) fn is_expected(&self, broker: BrokerId) -> bool {
        self.book.is_registered(broker)
            || (broker.get() < self.settings.initial_brokers && !self.book.has_left(broker))
    }

    /// Whether a broker that is no member has a number that is free: else it would be taken for that broker with another
    /// disk, and the one that runs be cast out.
    ///
    /// # Errors
    /// Why not, and what can be done about it.
    pub(super) fn is_free(&self, peer: &Hello) -> Result<(), String> {
        let broker = peer.broker;
        if peer.standing.member().is_some() || !self.is_connected(broker) {
            return Ok(());
        }
        match self.roster.hello_of(broker) {
            Some(known) if known.standing.member().is_some() && known.disk != peer.disk => {
                Err(format!(
                    "broker {broker} runs already, at {} on disk {}, and another one with that number, at {} on disk {}, \
                     wants to join; give each broker its own number, or stop the one that is to be replaced",
                    known.advertised_peer, known.disk, peer.advertised_peer, peer.disk
                ))
            }
            _ => Ok(()),
        }
    }

    /// Whether there is room for a broker among those that the cluster does not know, where it is one of them.
    ///
    /// # Errors
    /// Why not, and what can be done about it.
    pub(super) fn admit(&self, peer: &Hello) -> Result<(), String> {
        let broker = peer.broker;
        if self.is_expected(broker) {
            return Ok(());
        }
        let known = self.known_brokers();
        let strangers = known.iter().filter(|known| !self.is_expected(**known));
        if known.contains(&broker) || strangers.count() < STRANGERS_MAX {
            return Ok(());
        }
        Err(format!(
            "the cluster does not know broker {broker} ({}), and {STRANGERS_MAX} others that it does not know are \
             heard by broker {} already; let a few brokers join at a time, and see who else reaches the peer port",
            peer.advertised_peer, self.settings.broker
        ))
    }
}

/// Forgets those who are gone, until the network stops.
pub(super) async fn forget_the_gone(shared: Arc<Shared>) {
    let patience = shared.settings.limits.forget_after;
    let mut stopped = shared.stop.subscribe();
    let mut gone: BTreeMap<BrokerId, Instant> = BTreeMap::new();
    loop {
        tokio::select! {
            () = sleep(patience / 4) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        let now = Instant::now();
        let known = shared.known_brokers();
        let is_gone = |broker: &BrokerId| !shared.is_expected(*broker) && !shared.is_here(*broker);
        gone.retain(|broker, _| known.contains(broker) && is_gone(broker));
        for broker in known.into_iter().filter(is_gone) {
            let since = *gone.entry(broker).or_insert(now);
            if now.duration_since(since) >= patience {
                tracing::info!(%broker, "forgotten: it is gone, and no broker of the cluster");
                shared.forget(broker);
                gone.remove(&broker);
            }
        }
    }
}
