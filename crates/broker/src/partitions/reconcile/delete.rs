//! Deletes the files of groups that this replica has nothing to do with any more.
//!
//! A partition may come back while its files are being deleted, and its leader may know of that first: what is deleted
//! then had been counted upon. So the group is stopped first; then the cluster is asked through its log; and only what
//! is gone by then is deleted. Whatever comes back behind the answer finds a group that acknowledges nothing.

use futures_util::{StreamExt, stream};
use metadata::command::ConfirmRemoved;
use metadata::{Answer, Command, PartitionPlace};
use model::{PartitionIndex, TopicId};

use super::Reconciler;
use crate::Broker;

/// How many are asked for at a time.
const ASKED_AT_A_TIME: usize = 1_000;

impl Reconciler {
    pub(super) async fn delete_doomed(&mut self, broker: &Broker) {
        if self.doomed.is_empty() {
            return;
        }
        let at_a_time = broker.settings().parallel_opens_max.max(1);
        stream::iter(&self.doomed)
            .for_each_concurrent(at_a_time, |(topic, partition)| {
                broker.replication.close_log_group(*topic, *partition)
            })
            .await;
        let doomed: Vec<_> = std::mem::take(&mut self.doomed).into_iter().collect();
        for some in doomed.chunks(ASKED_AT_A_TIME) {
            let Some(gone) = confirm(broker, some).await else {
                self.doomed.extend(some);
                continue;
            };
            let kept = stream::iter(gone)
                .map(|group| delete(broker, group))
                .buffer_unordered(at_a_time)
                .filter_map(|kept| async move { kept });
            let kept: Vec<_> = kept.collect().await;
            self.doomed.extend(kept);
        }
    }
}

/// Those that are gone for certain; `None` where nobody can tell now. What has come back shows in the state soon.
async fn confirm(
    broker: &Broker,
    doomed: &[(TopicId, PartitionIndex)],
) -> Option<Vec<(TopicId, PartitionIndex)>> {
    let places = doomed.iter().map(|(topic, partition)| PartitionPlace {
        topic: *topic,
        partition: *partition,
    });
    let command = Command::ConfirmRemoved(ConfirmRemoved {
        replica: broker.replica(),
        partitions: places.collect(),
    });
    match broker.change_once(&command).await {
        Ok(Answer::RemovalConfirmed { partitions }) => {
            let groups = partitions.iter();
            Some(groups.map(|place| (place.topic, place.partition)).collect())
        }
        Ok(_) => None,
        Err(error) => {
            tracing::warn!(partitions = doomed.len(), %error, "files of partitions that are gone are not deleted yet");
            None
        }
    }
}

/// Deletes a group's files; returns it where that failed.
async fn delete(
    broker: &Broker,
    (topic, partition): (TopicId, PartitionIndex),
) -> Option<(TopicId, PartitionIndex)> {
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
}
