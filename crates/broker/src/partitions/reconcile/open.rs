//! Opens the local partitions that are not open yet.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::{PartitionIndex, ReplicaId, TopicId};
use replication::{GroupStart, LogSettings, OpenGroupError, OpenLogError};

use crate::budget::ByteBudget;
use crate::partitions::doubts::await_readmission;
use crate::partitions::heal::repair;
use crate::partitions::local::log_settings;
use crate::partitions::{Local, LocalPartition, OpenTopic, Slot};
use crate::{Broker, PartitionError};

/// How long a partition that was opened is waited for.
const SERVING_WAIT_MAX: Duration = Duration::from_secs(5);

/// A partition to be opened.
pub(super) struct ToOpen {
    topic: Arc<OpenTopic>,
    partition: PartitionIndex,
    slot: Arc<Slot>,
}

impl ToOpen {
    pub(super) fn group(&self) -> (TopicId, PartitionIndex) {
        (self.topic.topic.id(), self.partition)
    }

    /// How the group begins where it has no files here.
    fn start(&self, here: ReplicaId) -> GroupStart {
        let placed = self.topic.topic.partition(self.partition);
        let founders = placed.map_or(&[][..], |placed| placed.founders());
        if founders.contains(&here) {
            GroupStart::Found(founders.to_vec())
        } else {
            GroupStart::Join
        }
    }

    /// Among how many others it lives.
    fn neighbours(&self) -> u64 {
        let placed = self.topic.topic.partition(self.partition);
        placed.map_or(0, |placed| placed.neighbours)
    }

    /// Whether it needs nobody else to serve.
    fn is_alone(&self, here: ReplicaId) -> bool {
        let placed = self.topic.topic.partition(self.partition);
        placed.is_some_and(|placed| placed.replicas == [here] && !placed.is_moving())
    }
}

pub(super) fn to_open<'a>(topics: impl Iterator<Item = &'a Arc<OpenTopic>>) -> Vec<ToOpen> {
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

/// Opens a partition, and waits until it serves where it can do so alone. False where it is worth another try.
pub(super) async fn open(broker: &Broker, wanted: ToOpen) -> bool {
    let topic = &wanted.topic.topic;
    let config = topic.config();
    let settings = log_settings(LogSettings::default(), config);
    let replication = &broker.replication;
    let here = broker.replica();
    match replication
        .open_log_group(
            topic.id(),
            wanted.partition,
            settings,
            wanted.start(here),
            wanted.neighbours(),
        )
        .await
    {
        Ok(group) => {
            let name = topic.name().clone();
            let room = ByteBudget::new(replication.settings().uncommitted_bytes_max);
            let local = Arc::new(LocalPartition::new(
                name,
                wanted.partition,
                group,
                (here, broker.partitions.names.clone()),
                room,
                config.durability,
            ));
            if wanted.is_alone(here) {
                // In vain where the disk is full; then it shows in the readiness, and the others are not kept waiting.
                let _ = tokio::time::timeout(SERVING_WAIT_MAX, local.group.serving()).await;
            }
            wanted.slot.set(Local::Open(local));
            true
        }
        Err(error) => failed(broker, &wanted, error).await,
    }
}

/// Notes why a partition is not open, and has it repaired where it is damaged and others hold it too. False where it is
/// worth another try.
async fn failed(broker: &Broker, wanted: &ToOpen, error: OpenGroupError) -> bool {
    let (topic, partition) = (wanted.topic.topic.name(), wanted.partition);
    if let OpenGroupError::InDoubt { since, state } = error {
        wait_in_doubt(broker, wanted, since, state);
        return false;
    }
    if let OpenGroupError::Repairing { state } = &error {
        tracing::debug!(%topic, %partition, %state, "a partition is being repaired");
        if matches!(wanted.slot.local(), Some(Local::Failed { .. })) {
            return false;
        }
    } else {
        tracing::error!(%topic, %partition, %error, "a partition is not opened");
    }
    let is_damage = error.is_damage();
    let passes = error.passes();
    let suspects = error.suspect().map(Path::to_owned).into_iter().collect();
    let error = open_error(wanted, error);
    let is_repaired = is_damage && repair(broker, &wanted.topic, partition, suspects).await;
    let error = match is_repaired {
        true => PartitionError::BeingRepaired {
            topic: topic.clone(),
            partition,
            leader: None,
            damage: error.to_string(),
        },
        false => error,
    };
    let is_worth_another_try = passes || is_repaired;
    wanted.slot.set(Local::Failed {
        error,
        is_worth_another_try,
    });
    !is_worth_another_try
}

/// Leaves the replica stopped until it may start.
fn wait_in_doubt(broker: &Broker, wanted: &ToOpen, since: u64, state: String) {
    let (topic, partition) = (wanted.topic.topic.name(), wanted.partition);
    await_readmission(broker, &wanted.topic, partition, since);
    let error = PartitionError::InDoubt {
        topic: topic.clone(),
        partition,
        since,
        reason: state,
    };
    let is_news = !matches!(
        wanted.slot.local(),
        Some(Local::Failed {
            error: PartitionError::InDoubt { .. },
            ..
        })
    );
    if is_news {
        tracing::warn!(%topic, %partition, since, "a replica is in doubt after a power cut");
    }
    wanted.slot.set(Local::Failed {
        error,
        is_worth_another_try: true,
    });
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
        OpenGroupError::Damaged { file, source } => PartitionError::Damaged {
            topic,
            partition,
            file,
            byte: 0,
            reason: source.to_string(),
        },
        OpenGroupError::StateLost { file, reason, .. } => PartitionError::Damaged {
            topic,
            partition,
            file,
            byte: 0,
            reason,
        },
        other => PartitionError::NotOpened {
            topic,
            partition,
            reason: other.to_string(),
        },
    }
}
