//! What is heard over the network between brokers.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use broker::{BrokerAddress, BrokerLoad, LeaderView, Neighbours};
use model::{BrokerId, ReplicaId, Term, TopicId};
use parking_lot::Mutex;
use replication::peer::{
    BrokerNumbers, GroupId, Leadership, PeerNetwork, RegisteredBroker, ToldLeadership,
};
use tokio::time::Instant;

/// How old the answer may be to who is there.
const REACHABLE_AGE_MAX: Duration = Duration::from_millis(100);

/// How long a word of a topic that is not known here is kept: the topic may have to become known yet.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// The others, over the network between brokers.
pub(crate) struct PeerNeighbours {
    network: Arc<PeerNetwork>,
    /// What was told last of each group that this broker leads.
    told: Mutex<BTreeMap<GroupId, Term>>,
    reachable: Mutex<Option<(Instant, HashSet<BrokerId>)>>,
}

impl PeerNeighbours {
    /// Those that this network reaches.
    pub(crate) fn new(network: Arc<PeerNetwork>) -> Self {
        Self {
            network,
            told: Mutex::default(),
            reachable: Mutex::default(),
        }
    }

    fn find_reachable(&self) -> HashSet<BrokerId> {
        let here = self.network.settings().broker;
        let peers = self.network.peers().into_iter();
        let connected = peers.filter(|peer| peer.connected);
        connected
            .map(|peer| peer.hello.broker)
            .chain([here])
            .collect()
    }
}

impl Neighbours for PeerNeighbours {
    fn leader(&self, group: GroupId) -> Option<LeaderView> {
        let ToldLeadership {
            leadership,
            gone_for,
            ..
        } = self.network.leaders().leader_of(group)?;
        if gone_for.is_some() {
            return None;
        }
        Some(LeaderView {
            leader: leadership.leader?,
            term: Term::new(leadership.term).unwrap_or(Term::MAX),
            in_sync: leadership.in_sync,
        })
    }

    fn is_reachable(&self, broker: BrokerId) -> bool {
        let mut known = self.reachable.lock();
        let now = Instant::now();
        let is_old = |at: &Instant| now.duration_since(*at) > REACHABLE_AGE_MAX;
        if known.as_ref().is_none_or(|(at, _)| is_old(at)) {
            *known = Some((now, self.find_reachable()));
        }
        known
            .as_ref()
            .is_some_and(|(_, reachable)| reachable.contains(&broker))
    }

    fn load(&self, broker: BrokerId) -> Option<BrokerLoad> {
        let (numbers, _) = self.network.leaders().numbers_of(broker)?;
        Some(BrokerLoad {
            disk_bytes: numbers.disk_bytes,
            replicas: numbers.replicas,
            leaders: numbers.leaders,
            is_leaving: numbers.draining,
        })
    }

    fn tell_load(&self, load: BrokerLoad) {
        self.network.leaders().publish_numbers(BrokerNumbers {
            disk_bytes: load.disk_bytes,
            replicas: load.replicas,
            leaders: load.leaders,
            draining: load.is_leaving,
        });
    }

    fn tell_leaderships(&self, leads: Vec<(GroupId, LeaderView)>) {
        let table = self.network.leaders();
        let mut before = {
            let now = leads.iter().map(|(group, view)| (*group, view.term));
            std::mem::replace(&mut *self.told.lock(), now.collect())
        };
        for (group, view) in leads {
            before.remove(&group);
            let leadership = Leadership {
                term: view.term.get(),
                leader: Some(view.leader),
                in_sync: view.in_sync,
            };
            table.publish(group, leadership);
        }
        for (group, term) in before {
            let leadership = Leadership {
                term: term.get(),
                leader: None,
                in_sync: Vec::new(),
            };
            table.publish(group, leadership);
        }
    }

    fn forget(&self, group: GroupId) {
        self.told.lock().remove(&group);
        self.network.leaders().forget_everywhere(group);
    }

    fn forget_all_but(&self, topics: &HashSet<TopicId>) {
        let exists = |group| match group {
            GroupId::Log { topic, .. } => topics.contains(&topic),
            GroupId::State(_) => true,
        };
        self.network.leaders().sweep(FORGOTTEN_AFTER, exists);
    }

    fn brokers_changed(&self, brokers: Vec<BrokerAddress>) {
        let (left, stay): (Vec<_>, Vec<_>) = brokers.into_iter().partition(|known| known.has_left);
        let left = left.into_iter().map(|known| known.broker);
        self.network.addresses().register_left(left);
        let registered = stay.into_iter().map(|known| RegisteredBroker {
            broker: known.broker,
            replica: known.replica,
            peer_address: known.peer_address,
        });
        self.network.addresses().register(registered);
        self.network.recheck();
    }

    fn replicas(&self) -> Vec<ReplicaId> {
        let here = self.network.settings().broker;
        let peers = self.network.peers().into_iter();
        let others = peers.filter(|peer| peer.connected && peer.hello.broker != here);
        let members = others.filter_map(|peer| peer.hello.standing.member());
        members.map(|member| member.replica).collect()
    }
}
