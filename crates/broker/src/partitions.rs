//! Which topics there are and which of their partitions are open here. One loop keeps it in step with the
//! cluster's state ([`reconcile`]); everybody else looks things up.

mod doubts;
pub(crate) mod heal;
mod local;
mod lookup;
mod names;
pub(crate) mod plan;
mod reconcile;
mod slot;

use std::collections::HashMap;
use std::sync::Arc;

use metadata::Topic;
use model::TopicName;
use parking_lot::RwLock;
use tokio::sync::{Notify, watch};

pub(crate) use local::LocalPartition;
pub(crate) use lookup::Located;
pub(crate) use names::ReplicaNames;
pub(crate) use reconcile::{Reconciler, stored_groups};
pub(crate) use slot::{Local, Slot};

/// The topics by name.
pub(crate) type TopicMap = HashMap<TopicName, Arc<OpenTopic>>;

/// A topic with what is open of it.
#[derive(Debug)]
pub(crate) struct OpenTopic {
    /// The topic as the cluster's state has it.
    pub(crate) topic: Arc<Topic>,
    /// One for each partition, in order.
    pub(crate) slots: Vec<Arc<Slot>>,
}

/// The table of topics and open partitions.
#[derive(Debug)]
pub(crate) struct Partitions {
    topics: RwLock<Arc<TopicMap>>,
    /// How many commands had been applied when the state was read that this table shows in full.
    reconciled: watch::Sender<u64>,
    /// Counts the tables published: wakes those who wait on a partition that is gone.
    version: watch::Sender<u64>,
    pub(crate) names: ReplicaNames,
    /// Has the reconciler look again.
    wake: Notify,
    /// A read has met damage that others can repair.
    damage_met: Notify,
}

impl Partitions {
    pub(crate) fn new() -> Self {
        Self {
            topics: RwLock::default(),
            reconciled: watch::Sender::new(0),
            version: watch::Sender::new(0),
            names: ReplicaNames::default(),
            wake: Notify::new(),
            damage_met: Notify::new(),
        }
    }

    /// The table as it is now.
    pub(crate) fn topics(&self) -> Arc<TopicMap> {
        self.topics.read().clone()
    }

    /// Changes with every table.
    pub(crate) fn version(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Every open local partition, by topic name and number.
    pub(crate) fn open(&self) -> Vec<(Arc<OpenTopic>, Arc<LocalPartition>)> {
        let topics = self.topics();
        let mut open: Vec<_> = topics
            .values()
            .flat_map(|topic| topic.slots.iter().map(move |slot| (topic, slot)))
            .filter_map(|(topic, slot)| Some((topic.clone(), slot.open()?)))
            .collect();
        open.sort_by(|(_, left), (_, right)| left.place().cmp(&right.place()));
        open
    }

    fn publish(&self, topics: TopicMap) {
        *self.topics.write() = Arc::new(topics);
        self.version.send_modify(|version| *version += 1);
    }
}
