//! Retention: old segments go by time and size, in the background and on demand.

mod decide;
mod rounds;

use std::sync::Arc;

use metadata::TopicConfig;
use model::{Offset, PartitionIndex, TopicName};

use crate::partitions::{LocalPartition, OpenTopic};
use crate::{Broker, ChangeError, DeleteRecordsError};
use decide::{Facts, decide};

/// Applies retention to every partition that this broker leads, again and again, until the broker stops.
pub(crate) async fn run(broker: Arc<Broker>) {
    let mut stopping = broker.stopping();
    let interval = broker.settings().retention_interval;
    let open = || {
        let open = broker.partitions.open().into_iter();
        open.map(|one| ((one.0.topic.id(), one.1.partition), one))
            .collect()
    };
    let retain = async |(topic, partition): (Arc<OpenTopic>, Arc<LocalPartition>)| {
        if let Err(error) = broker.retain(&partition, topic.topic.config()).await {
            tracing::warn!(%error, "retention is not applied");
        }
    };
    tokio::select! {
        () = rounds::run(interval, open, retain) => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
}

impl Broker {
    /// Applies `retention.ms` and `retention.bytes` to a topic's partitions now; returns each one's log start.
    ///
    /// # Errors
    /// [`ChangeError::Refused`] where there is no such topic.
    pub async fn apply_retention(
        &self,
        topic: &TopicName,
    ) -> Result<Vec<(PartitionIndex, Result<Offset, DeleteRecordsError>)>, ChangeError> {
        let topic = self.state(|state| state.require_topic(topic).cloned())?;
        let mut applied = Vec::new();
        for index in (0..topic.partition_count()).map(PartitionIndex::new) {
            let log_start = match self.locate(topic.name(), index).await {
                Ok(found) => match found.partition.check_serves() {
                    Ok(()) => self.retain(&found.partition, topic.config()).await,
                    Err(error) => Err(error.into()),
                },
                Err(error) => Err(error.into()),
            };
            applied.push((index, log_start));
        }
        Ok(applied)
    }

    /// Rolls and trims one partition, where that is due and this replica leads. Returns the log start.
    async fn retain(
        &self,
        partition: &Arc<LocalPartition>,
        config: &TopicConfig,
    ) -> Result<Offset, DeleteRecordsError> {
        let status = partition.group.status();
        if !status.serves || status.stopped.is_some() {
            return Ok(status.log_start);
        }
        let mut decision = self.decide_now(partition, config);
        if decision.roll {
            self.roll(partition).await;
            decision = self.decide_now(partition, config);
        }
        if decision.log_start <= status.log_start {
            return self
                .forget_idle_producers(partition, status.log_start)
                .await;
        }
        tracing::info!(topic = %partition.topic, partition = %partition.partition, from = %status.log_start, to = %decision.log_start, "retention deletes records");
        self.move_log_start(partition, decision.log_start).await
    }

    /// Proposes the log start that is in force, where that makes replicas forget producers.
    async fn forget_idle_producers(
        &self,
        partition: &LocalPartition,
        log_start: Offset,
    ) -> Result<Offset, DeleteRecordsError> {
        let idle_since = self.clock.now().minus(self.settings.producer_expiry);
        if !partition.group.has_producers_idle_since(idle_since) {
            return Ok(log_start);
        }
        tracing::debug!(topic = %partition.topic, partition = %partition.partition, "idle producers are forgotten");
        self.move_log_start(partition, log_start).await
    }

    fn decide_now(&self, partition: &LocalPartition, config: &TopicConfig) -> decide::Decision {
        let segments = partition.group.log().segments();
        let ends = *partition.group.watch().borrow();
        decide(
            &segments,
            config,
            Facts {
                log_start: ends.log_start,
                high_watermark: ends.high_watermark,
                now: self.clock.now(),
            },
        )
    }
}
