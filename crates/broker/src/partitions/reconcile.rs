//! The loop that acts upon the cluster's state: it compares what is applied with what is open, then opens, closes
//! and configures. It needs no effect to be told: whatever was missed shows in the comparison.
//!
//! **Until this start is registered** the state may be older than what this directory has seen: committed entries
//! show only once a leader says so. Then only groups that have files are opened, none is founded and nothing is
//! deleted: a group founded anew would vote with a memory that was given up on purpose.

mod delete;
mod open;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use metadata::BrokerState;
use model::{PartitionIndex, TopicId};
use replication::peer::GroupId;

use super::plan::{local_partitions, plan};
use super::{OpenTopic, doubts};
use crate::neighbours::BrokerAddress;
use crate::{Broker, StartError};
use open::{ToOpen, open, to_open};

/// How soon what failed is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The one who acts. There is one of it.
#[derive(Debug, Default)]
pub(crate) struct Reconciler {
    /// Groups whose files are still to be deleted.
    doomed: BTreeSet<(TopicId, PartitionIndex)>,
    /// The groups that had files at the start.
    stored: BTreeSet<(TopicId, PartitionIndex)>,
    /// Whether those that no topic has were looked for.
    leftovers_found: bool,
}

impl Reconciler {
    /// Looks what there is on the data directory.
    pub(crate) async fn new(broker: &Broker) -> Result<Self, StartError> {
        let stored = stored_groups(&broker.replication).await?;
        Ok(Self {
            stored: stored.into_iter().collect(),
            ..Self::default()
        })
    }

    /// Acts upon the state until the broker stops.
    pub(crate) async fn run(mut self, broker: Arc<Broker>) {
        let mut applied = broker.metadata.applied();
        let mut registered = broker.registered.subscribe();
        let mut freed = broker.replication.freed();
        let mut stopping = broker.stopping();
        loop {
            // What changes from here on is looked at once more.
            applied.mark_unchanged();
            registered.mark_unchanged();
            freed.mark_unchanged();
            let is_done = self.pass(&broker).await;
            let retry = async {
                match is_done {
                    true => std::future::pending().await,
                    false => tokio::time::sleep(RETRY_AFTER).await,
                }
            };
            tokio::select! {
                changed = applied.changed() => if changed.is_err() { return },
                _ = registered.changed() => {}
                _ = freed.changed() => {}
                () = broker.partitions.wake.notified() => {}
                () = retry => {}
                _ = stopping.wait_for(|stopping| *stopping) => return,
            }
        }
    }

    /// Brings what is open in step with the state. False where something is left to be tried again.
    pub(crate) async fn pass(&mut self, broker: &Broker) -> bool {
        let is_registered = broker.is_registered();
        // Read before the state: what is applied in between shows, and is looked at once more.
        let applied = *broker.metadata.applied().borrow();
        let wanted: Vec<_> = broker.state(|state| state.topics().cloned().collect());
        tell_brokers(broker);
        let here = broker.replica();
        let local: BTreeSet<_> = wanted
            .iter()
            .flat_map(|topic| local_partitions(topic, here))
            .collect();
        let plan = plan(&broker.partitions.topics(), wanted, here);
        let mut opening = to_open(plan.topics.values());
        broker.partitions.publish(plan.topics);
        for topic in &plan.configure {
            configure(topic);
        }
        for topic in &plan.gone {
            forget(broker, topic);
        }
        self.doomed.extend(plan.close);
        if is_registered {
            self.find_leftovers(&local);
            // One that has come back in the meantime is opened like any other.
            self.doomed.retain(|group| !local.contains(group));
            self.delete_doomed(broker).await;
        } else {
            opening.retain(|wanted| self.stored.contains(&wanted.group()));
        }
        let opened = open_all(broker, opening).await;
        let told = !is_registered || doubts::tell(broker).await;
        broker
            .partitions
            .reconciled
            .send_if_modified(|reconciled| std::mem::replace(reconciled, applied) != applied);
        opened && told && self.doomed.is_empty()
    }

    /// Dooms the groups that no topic has: those of topics deleted, or moved away, while the broker was down.
    fn find_leftovers(&mut self, local: &BTreeSet<(TopicId, PartitionIndex)>) {
        if !std::mem::replace(&mut self.leftovers_found, true) {
            let stored = std::mem::take(&mut self.stored);
            self.doomed
                .extend(stored.into_iter().filter(|group| !local.contains(group)));
        }
    }
}

/// The groups that have files on the data directory.
pub(crate) async fn stored_groups(
    replication: &Arc<replication::Replication>,
) -> Result<Vec<(TopicId, PartitionIndex)>, StartError> {
    let replication = replication.clone();
    let listed = replication::process::blocking(move || replication.stored_log_groups()).await;
    let failed = |reason: String| StartError::Directory { reason };
    listed
        .map_err(|error| failed(error.to_string()))?
        .map_err(|error| failed(error.to_string()))
}

async fn open_all(broker: &Broker, opening: Vec<ToOpen>) -> bool {
    let at_a_time = broker.settings().parallel_opens_max.max(1);
    stream::iter(opening)
        .map(|wanted| open(broker, wanted))
        .buffer_unordered(at_a_time)
        .fold(true, |all, is_done| async move { all && is_done })
        .await
}

fn configure(topic: &OpenTopic) {
    for partition in topic.slots.iter().filter_map(|slot| slot.open()) {
        partition.configure(topic.topic.config());
    }
}

/// Forgets who led the partitions of a topic that is no more.
fn forget(broker: &Broker, topic: &OpenTopic) {
    for partition in (0..topic.topic.partition_count()).map(PartitionIndex::new) {
        broker.neighbours.forget(GroupId::Log {
            topic: topic.topic.id(),
            partition,
        });
    }
}

/// Tells who the brokers are and where.
fn tell_brokers(broker: &Broker) {
    let brokers: Vec<BrokerAddress> = broker.state(|state| {
        let brokers = state.brokers().map(|broker| BrokerAddress {
            broker: broker.id,
            replica: broker.replica,
            peer_address: broker.peer_address.clone(),
            has_left: broker.state == BrokerState::Decommissioned,
        });
        brokers.collect()
    });
    let names: HashMap<_, _> = brokers
        .iter()
        .map(|known| (known.replica, known.broker))
        .collect();
    broker.partitions.names.replace(names);
    broker.neighbours.brokers_changed(brokers);
}
