//! What the brokers of one test tell each other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use broker::{BrokerAddress, BrokerLoad, LeaderView, Neighbours};
use model::{BrokerId, ReplicaId};
use parking_lot::Mutex;
use replication::peer::GroupId;

/// Everybody hears everything at once.
#[derive(Default)]
pub(super) struct Hearsay {
    leaders: Mutex<HashMap<GroupId, (BrokerId, LeaderView)>>,
    loads: Mutex<HashMap<BrokerId, BrokerLoad>>,
    gone: Mutex<HashSet<BrokerId>>,
    replicas: Mutex<HashMap<BrokerId, ReplicaId>>,
}

impl Hearsay {
    pub(super) fn of(self: &Arc<Self>, broker: BrokerId) -> Arc<dyn Neighbours> {
        Arc::new(Ear {
            broker,
            hearsay: self.clone(),
        })
    }

    pub(super) fn set_gone(&self, broker: BrokerId, is_gone: bool) {
        if is_gone {
            self.gone.lock().insert(broker);
            self.leaders
                .lock()
                .retain(|_, (teller, _)| *teller != broker);
        } else {
            self.gone.lock().remove(&broker);
        }
    }
}

struct Ear {
    broker: BrokerId,
    hearsay: Arc<Hearsay>,
}

impl Neighbours for Ear {
    fn leader(&self, group: GroupId) -> Option<LeaderView> {
        let leaders = self.hearsay.leaders.lock();
        leaders.get(&group).map(|(_, view)| view.clone())
    }

    fn is_reachable(&self, broker: BrokerId) -> bool {
        !self.hearsay.gone.lock().contains(&broker)
    }

    fn load(&self, broker: BrokerId) -> Option<BrokerLoad> {
        self.hearsay.loads.lock().get(&broker).copied()
    }

    fn tell_load(&self, load: BrokerLoad) {
        self.hearsay.loads.lock().insert(self.broker, load);
    }

    fn tell_leaderships(&self, leads: Vec<(GroupId, LeaderView)>) {
        if self.hearsay.gone.lock().contains(&self.broker) {
            return;
        }
        let mut leaders = self.hearsay.leaders.lock();
        leaders.retain(|_, (teller, _)| *teller != self.broker);
        for (group, view) in leads {
            let known = leaders.get(&group);
            if known.is_none_or(|(_, known)| known.term <= view.term) {
                leaders.insert(group, (self.broker, view));
            }
        }
    }

    fn forget(&self, group: GroupId) {
        self.hearsay.leaders.lock().remove(&group);
    }

    fn brokers_changed(&self, brokers: Vec<BrokerAddress>) {
        let known = brokers
            .into_iter()
            .map(|known| (known.broker, known.replica));
        self.hearsay.replicas.lock().extend(known);
    }

    fn replicas(&self) -> Vec<ReplicaId> {
        let gone = self.hearsay.gone.lock();
        let known = self.hearsay.replicas.lock();
        let others = known
            .iter()
            .filter(|(broker, _)| **broker != self.broker && !gone.contains(broker));
        others.map(|(_, replica)| *replica).collect()
    }
}
