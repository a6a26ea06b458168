//! Where brokers are reached: what the metadata registers, and what they say of themselves.
//!
//! A name is kept as a name: it is resolved again for every connection.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{BrokerId, ReplicaId};
use parking_lot::RwLock;
use tokio::sync::watch;

/// A broker as the metadata registers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredBroker {
    /// Its number.
    pub broker: BrokerId,
    /// Its current replica.
    pub replica: ReplicaId,
    /// `host:port` of its peer listener.
    pub peer_address: String,
}

/// Where brokers are reached.
pub struct AddressBook {
    entries: RwLock<Entries>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Entries {
    registered: BTreeMap<BrokerId, String>,
    replicas: HashMap<ReplicaId, BrokerId>,
    /// By the metadata: they hold nothing any more.
    left: BTreeSet<BrokerId>,
    /// What they said themselves; fresher than what is registered.
    said: BTreeMap<BrokerId, String>,
    /// Where they were last found by their seed address.
    found: BTreeMap<BrokerId, String>,
}

impl Default for AddressBook {
    fn default() -> Self {
        Self {
            entries: RwLock::default(),
            changed: watch::channel(0).0,
        }
    }
}

impl AddressBook {
    /// Takes over what the metadata registers now: all of it. The broker calls it whenever that changes.
    pub fn register(&self, brokers: impl IntoIterator<Item = RegisteredBroker>) {
        let mut entries = self.entries.write();
        let (mut registered, mut replicas) = (BTreeMap::new(), HashMap::new());
        for broker in brokers {
            registered.insert(broker.broker, broker.peer_address);
            replicas.insert(broker.replica, broker.broker);
        }
        let is_same = entries.registered == registered && entries.replicas == replicas;
        entries.registered = registered;
        entries.replicas = replicas;
        drop(entries);
        self.tell(!is_same);
    }

    /// Takes over which brokers have left for good, by the metadata: all of them.
    pub fn register_left(&self, brokers: impl IntoIterator<Item = BrokerId>) {
        self.entries.write().left = brokers.into_iter().collect();
    }

    /// Whether the metadata registers a broker.
    pub(super) fn is_registered(&self, broker: BrokerId) -> bool {
        self.entries.read().registered.contains_key(&broker)
    }

    /// Whether a broker has left for good.
    pub(super) fn has_left(&self, broker: BrokerId) -> bool {
        self.entries.read().left.contains(&broker)
    }

    /// Forgets what a broker has said, and where it was found.
    pub(super) fn forget(&self, broker: BrokerId) {
        let mut entries = self.entries.write();
        entries.said.remove(&broker);
        entries.found.remove(&broker);
    }

    /// The broker of a replica, by the metadata.
    pub fn broker_of(&self, replica: ReplicaId) -> Option<BrokerId> {
        self.entries.read().replicas.get(&replica).copied()
    }

    /// Where a broker may be reached, the likeliest first.
    pub fn addresses_of(&self, broker: BrokerId) -> Vec<String> {
        let entries = self.entries.read();
        let all = [&entries.said, &entries.registered, &entries.found];
        let mut addresses = Vec::new();
        for address in all.into_iter().filter_map(|map| map.get(&broker)) {
            if !address.is_empty() && !addresses.contains(address) {
                addresses.push(address.clone());
            }
        }
        addresses
    }

    /// Every broker with an address.
    pub fn brokers(&self) -> Vec<BrokerId> {
        let entries = self.entries.read();
        let maps = [&entries.said, &entries.registered, &entries.found];
        let mut brokers: Vec<_> = maps.into_iter().flat_map(BTreeMap::keys).copied().collect();
        brokers.sort_unstable();
        brokers.dedup();
        brokers
    }

    /// Counts the changes.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// A broker said, in its own Hello, where it is reached.
    pub(super) fn said(&self, broker: BrokerId, address: &str) {
        let old = self.entries.write().said.insert(broker, address.to_owned());
        self.tell(old.as_deref() != Some(address));
    }

    /// A broker answered at this address.
    pub(super) fn found(&self, broker: BrokerId, address: &str) {
        let old = self
            .entries
            .write()
            .found
            .insert(broker, address.to_owned());
        self.tell(old.as_deref() != Some(address));
    }

    /// Another broker answers at this address now.
    pub(super) fn lost(&self, broker: BrokerId, address: &str) {
        let mut entries = self.entries.write();
        if entries.found.get(&broker).is_some_and(|at| at == address) {
            entries.found.remove(&broker);
        }
    }

    fn tell(&self, changed: bool) {
        if changed {
            self.changed.send_modify(|count| *count += 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registered(broker: u32, replica: u64, address: &str) -> RegisteredBroker {
        RegisteredBroker {
            broker: BrokerId::new(broker),
            replica: ReplicaId::new(replica),
            peer_address: address.to_owned(),
        }
    }

    #[test]
    fn what_a_broker_says_itself_goes_before_what_is_registered() {
        let book = AddressBook::default();
        let broker = BrokerId::new(1);
        book.register([registered(1, 5, "old:1")]);
        assert_eq!(book.broker_of(ReplicaId::new(5)), Some(broker));
        book.said(broker, "new:1");
        book.found(broker, "10.0.0.9:1");
        assert_eq!(book.addresses_of(broker), ["new:1", "old:1", "10.0.0.9:1"]);
        book.lost(broker, "10.0.0.9:1");
        assert_eq!(book.addresses_of(broker), ["new:1", "old:1"]);
    }

    #[test]
    fn a_change_is_told_and_the_same_again_is_not() {
        let book = AddressBook::default();
        let mut watch = book.watch();
        book.register([registered(1, 1, "a:1")]);
        assert!(watch.has_changed().unwrap());
        watch.mark_unchanged();
        book.register([registered(1, 1, "a:1")]);
        assert!(!watch.has_changed().unwrap());
    }

    #[test]
    fn a_replaced_replica_is_forgotten() {
        let book = AddressBook::default();
        book.register([registered(1, 1, "a:1")]);
        book.register([registered(1, 7, "a:1")]);
        assert_eq!(book.broker_of(ReplicaId::new(1)), None);
        assert_eq!(book.broker_of(ReplicaId::new(7)), Some(BrokerId::new(1)));
    }
}
