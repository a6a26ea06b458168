//! The loop that acts upon the cluster's state: it compares what is applied with what is open, then opens, closes
//! and configures. It needs no effect to be told: whatever was missed shows in the comparison.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use model::{PartitionIndex, TopicId};
use replication::{GroupStart, LogSettings, OpenGroupError, OpenLogError};

use super::local::log_settings;
use super::plan::{local_partitions, plan};
use super::slot::Local;
use super::{LocalPartition, OpenTopic, Slot};
use crate::budget::ByteBudget;
use crate::{Broker, PartitionError, StartError};

/// How soon what failed is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How long a partition that was opened is waited for.
const SERVING_WAIT_MAX: Duration = Duration::from_secs(5);

/// The one who acts. There is one of it.
#[derive(Debug, Default)]
pub(crate) struct Reconciler {
    /// Groups whose files are still to be deleted.
    doomed: BTreeSet<(TopicId, PartitionIndex)>,
}

/// A partition to be opened.
struct ToOpen {
    topic: Arc<OpenTopic>,
    partition: PartitionIndex,
    slot: Arc<Slot>,
}

impl Reconciler {
    /// Dooms the groups that no topic has: those of topics deleted while the broker was down.
    pub(crate) async fn find_leftovers(&mut self, broker: &Broker) -> Result<(), StartError> {
        let stored = stored_groups(broker).await?;
        let here = broker.replica();
        let wanted: BTreeSet<_> = broker.state(|state| {
            let topics = state.topics();
            topics
                .flat_map(|topic| local_partitions(topic, here))
                .collect()
        });
        self.doomed
            .extend(stored.into_iter().filter(|group| !wanted.contains(group)));
        Ok(())
    }

    /// Acts upon the state until the broker stops.
    pub(crate) async fn run(mut self, broker: Arc<Broker>) {
        let mut applied = broker.metadata.applied();
        let mut stopping = broker.stopping();
        loop {
            let is_done = self.pass(&broker).await;
            let retry = async {
                match is_done {
                    true => std::future::pending().await,
                    false => tokio::time::sleep(RETRY_AFTER).await,
                }
            };
            tokio::select! {
                changed = applied.changed() => if changed.is_err() { return },
                () = retry => {}
                _ = stopping.wait_for(|stopping| *stopping) => return,
            }
        }
    }

    /// Brings what is open in step with the state. False where something is left to be tried again.
    pub(crate) async fn pass(&mut self, broker: &Broker) -> bool {
        // Read before the state: what is applied in between shows, and is looked at once more.
        let applied = *broker.metadata.applied().borrow();
        let wanted = broker.state(|state| state.topics().cloned().collect());
        let plan = plan(&broker.partitions.topics(), wanted, broker.replica());
        let opening = to_open(plan.topics.values());
        broker.partitions.publish(plan.topics);
        for topic in &plan.configure {
            configure(topic);
        }
        self.doomed.extend(plan.close);
        self.delete_doomed(broker).await;
        let at_a_time = broker.settings().parallel_opens_max.max(1);
        let opened = stream::iter(opening)
            .map(|wanted| open(broker, wanted))
            .buffer_unordered(at_a_time)
            .fold(true, |all, is_done| async move { all && is_done })
            .await;
        broker
            .partitions
            .reconciled
            .send_if_modified(|reconciled| std::mem::replace(reconciled, applied) != applied);
        opened && self.doomed.is_empty()
    }

    async fn delete_doomed(&mut self, broker: &Broker) {
        let doomed = std::mem::take(&mut self.doomed);
        let at_a_time = broker.settings().parallel_opens_max.max(1);
        let kept = stream::iter(doomed)
            .map(|(topic, partition)| async move {
                match broker.replication.remove_log_group(topic, partition).await {
                    Ok(()) => {
                        tracing::info!(%topic, %partition, "deleted the files of a partition");
                        None
                    }
                    Err(error) => {
                        tracing::error!(%topic, %partition, %error, "files are not deleted, trying again");
                        Some((topic, partition))
                    }
                }
            })
            .buffer_unordered(at_a_time)
            .filter_map(|kept| async move { kept })
            .collect()
            .await;
        self.doomed = kept;
    }
}

/// The groups that have files on the data directory.
pub(crate) async fn stored_groups(
    broker: &Broker,
) -> Result<Vec<(TopicId, PartitionIndex)>, StartError> {
    let replication = broker.replication.clone();
    let listed = tokio::task::spawn_blocking(move || replication.stored_log_groups()).await;
    let failed = |reason: String| StartError::Directory { reason };
    listed
        .map_err(|error| failed(error.to_string()))?
        .map_err(|error| failed(error.to_string()))
}

fn to_open<'a>(topics: impl Iterator<Item = &'a Arc<OpenTopic>>) -> Vec<ToOpen> {
    topics
        .flat_map(|topic| (0..).zip(&topic.slots).map(move |found| (topic, found)))
        .filter(|(_, (_, slot))| slot.wants_opening())
        .map(|(topic, (index, slot))| ToOpen {
            topic: topic.clone(),
            partition: PartitionIndex::new(index),
            slot: slot.clone(),
        })
        .collect()
}

fn configure(topic: &OpenTopic) {
    for partition in topic.slots.iter().filter_map(|slot| slot.open()) {
        partition.configure(topic.topic.config());
    }
}

/// Opens a partition, and waits until it serves where it can do so alone. False where it is worth another try.
async fn open(broker: &Broker, wanted: ToOpen) -> bool {
    let topic = &wanted.topic.topic;
    let config = topic.config();
    let settings = log_settings(LogSettings::default(), config);
    let replication = &broker.replication;
    let start = GroupStart::alone(broker.replica());
    match replication
        .open_log_group(topic.id(), wanted.partition, settings, start)
        .await
    {
        Ok(group) => {
            let name = topic.name().clone();
            let room = ByteBudget::new(replication.settings().uncommitted_bytes_max);
            let local = Arc::new(LocalPartition::new(
                name,
                wanted.partition,
                group,
                room,
                config.durability,
            ));
            if topic.replication_factor().get() == 1 {
                // In vain where the disk is full; then it shows in the readiness, and the others are not kept waiting.
                let _ = tokio::time::timeout(SERVING_WAIT_MAX, local.group.serving()).await;
            }
            wanted.slot.set(Local::Open(local));
            true
        }
        Err(error) => {
            let (topic, partition) = (topic.name(), wanted.partition);
            tracing::error!(%topic, %partition, %error, "a partition is not opened");
            let is_worth_another_try = error.passes();
            let error = open_error(&wanted, error);
            wanted.slot.set(Local::Failed {
                error,
                is_worth_another_try,
            });
            !is_worth_another_try
        }
    }
}

fn open_error(wanted: &ToOpen, error: OpenGroupError) -> PartitionError {
    let topic = wanted.topic.topic.name().clone();
    let partition = wanted.partition;
    match error {
        OpenGroupError::Log(OpenLogError::Damaged {
            file, byte, reason, ..
        }) => PartitionError::Damaged {
            topic,
            partition,
            file,
            byte,
            reason,
        },
        other => PartitionError::NotOpened {
            topic,
            partition,
            reason: other.to_string(),
        },
    }
}
