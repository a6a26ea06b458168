//! A damaged replica of a partition that others hold too: its group is stopped, and what is missing is copied from
//! them, while the rest of the broker goes on. The reconciler opens it again once that is done.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use model::{PartitionIndex, TopicId};
use replication::{LogSettings, OtherReplicas};

use super::local::log_settings;
use super::slot::Local;
use super::{LocalPartition, Located, OpenTopic};
use crate::{Broker, FetchError, PartitionError};

/// How often it is looked whether reads have met damage.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// Looks for damage that reads have met until the broker stops.
pub(crate) async fn run(broker: Arc<Broker>) {
    let mut stopping = broker.stopping();
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
            () = broker.partitions.damage_met.notified() => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
        for (topic, partition) in broker.partitions.open() {
            heal_if_damaged(&broker, &topic, &partition).await;
        }
    }
}

/// Stops and repairs a partition in which damage was met, if others hold it too.
pub(crate) async fn heal_if_damaged(
    broker: &Broker,
    topic: &Arc<OpenTopic>,
    partition: &Arc<LocalPartition>,
) {
    let damaged = partition.group.log().damaged_files();
    let Some(file) = damaged.first().cloned() else {
        return;
    };
    let number = partition.partition;
    let slot = usize::try_from(number.get()).ok();
    let slot = slot.and_then(|at| topic.slots.get(at));
    if others(broker, topic.topic.id(), number)().is_empty() {
        return;
    }
    let Some(slot) = slot else { return };
    slot.set(Local::Failed {
        error: PartitionError::BeingRepaired {
            topic: partition.topic.clone(),
            partition: number,
            leader: None,
            damage: format!("a read has met damage in {}", file.display()),
        },
        is_worth_another_try: true,
    });
    repair(broker, topic, number, damaged).await;
    broker.partitions.wake.notify_one();
}

impl Broker {
    /// Where a read has met damage and others hold the partition: that it is being repaired, which it is from now on.
    pub(crate) fn once_repaired(&self, error: FetchError) -> FetchError {
        let FetchError::Damaged {
            topic, partition, ..
        } = &error
        else {
            return error;
        };
        let found = self.partitions.find(topic, *partition);
        let others = |found: Located| others(self, found.topic.topic.id(), *partition)();
        if found.is_ok_and(|found| others(found).is_empty()) {
            return error;
        }
        self.partitions.damage_met.notify_one();
        FetchError::Partition(PartitionError::BeingRepaired {
            topic: topic.clone(),
            partition: *partition,
            leader: None,
            damage: error.to_string(),
        })
    }
}

/// Begins a repair. False where nobody else holds the partition.
pub(super) async fn repair(
    broker: &Broker,
    topic: &OpenTopic,
    partition: PartitionIndex,
    suspects: Vec<PathBuf>,
) -> bool {
    let others = others(broker, topic.topic.id(), partition);
    if others().is_empty() {
        return false;
    }
    tracing::warn!(topic = %topic.topic.name(), %partition, ?suspects, "a damaged replica is stopped and repaired from the others");
    let settings = log_settings(LogSettings::default(), topic.topic.config());
    let repaired = broker.replication.repair_log_group(
        topic.topic.id(),
        partition,
        settings,
        others,
        suspects,
    );
    repaired.await;
    true
}

/// Who else holds the partition, whenever that is asked: it may move meanwhile.
pub(super) fn others(broker: &Broker, topic: TopicId, partition: PartitionIndex) -> OtherReplicas {
    let (metadata, here) = (broker.metadata.clone(), broker.replica());
    Arc::new(move || {
        metadata.read(|machine| {
            let topic = machine.state().topic(topic);
            let placed = topic.and_then(|topic| topic.partition(partition));
            let all = placed
                .into_iter()
                .flat_map(|placed| placed.replicas.iter().chain(&placed.removing));
            all.copied().filter(|replica| *replica != here).collect()
        })
    })
}
