//! What brokers tell each other, by way of the peer network.

use std::collections::BTreeSet;
use std::sync::Arc;

use broker::{BrokerAddress, BrokerLoad, LeaderView, Neighbours};
use model::{BrokerId, Term};
use parking_lot::Mutex;
use replication::peer::{BrokerNumbers, GroupId, Leadership, PeerNetwork, RegisteredBroker};

/// The other brokers, as the peer network hears of them.
pub(crate) struct PeerNeighbours {
    network: Arc<PeerNetwork>,
    /// What this broker has said that it leads.
    told: Mutex<BTreeSet<GroupId>>,
}

impl PeerNeighbours {
    pub(crate) fn new(network: Arc<PeerNetwork>) -> Self {
        Self {
            network,
            told: Mutex::default(),
        }
    }

    fn me(&self) -> BrokerId {
        self.network.settings().broker
    }
}

impl Neighbours for PeerNeighbours {
    fn leader(&self, group: GroupId) -> Option<LeaderView> {
        let told = self.network.leaders().leader_of(group)?;
        let leader = told.leadership.leader.filter(|_| told.gone_for.is_none())?;
        Some(LeaderView {
            leader,
            term: Term::new(told.leadership.term)?,
            in_sync: told.leadership.in_sync,
        })
    }

    fn is_reachable(&self, broker: BrokerId) -> bool {
        let is_connected = || {
            let peers = self.network.peers();
            let mut peers = peers.iter();
            peers.any(|peer| peer.hello.broker == broker && peer.connected)
        };
        broker == self.me() || is_connected()
    }

    fn load(&self, broker: BrokerId) -> Option<BrokerLoad> {
        let (numbers, _) = self.network.leaders().numbers_of(broker)?;
        Some(BrokerLoad {
            disk_bytes: numbers.disk_bytes,
            replicas: numbers.replicas,
        })
    }

    fn tell_load(&self, load: BrokerLoad) {
        self.network.leaders().publish_numbers(BrokerNumbers {
            disk_bytes: load.disk_bytes,
            replicas: load.replicas,
            ..BrokerNumbers::default()
        });
    }

    fn tell_leaderships(&self, leads: Vec<(GroupId, LeaderView)>) {
        let table = self.network.leaders();
        let mut told = self.told.lock();
        let mut ended = std::mem::take(&mut *told);
        for (group, view) in leads {
            ended.remove(&group);
            told.insert(group);
            let leadership = Leadership {
                term: view.term.get(),
                leader: Some(view.leader),
                in_sync: view.in_sync,
            };
            table.publish(group, leadership);
        }
        for group in ended {
            table.forget(group);
        }
    }

    fn brokers_changed(&self, brokers: Vec<BrokerAddress>) {
        let registered = brokers.into_iter().map(|known| RegisteredBroker {
            broker: known.broker,
            replica: known.replica,
            peer_address: known.peer_address,
        });
        self.network.addresses().register(registered);
        self.network.recheck();
    }
}
