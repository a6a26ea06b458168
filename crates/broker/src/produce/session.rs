//! One session: a gRPC stream, or a unary call.

use std::fmt;
use std::sync::Arc;

use metadata::TopicConfig;
use model::batch::{Batch, ProduceLimits, validate_produced};
use model::{Acks, Offset, PartitionIndex, TimestampType, TopicName};
use replication::AnswerSink;
use tokio::time::Instant;

use super::ProduceResult;
use super::in_order::{InOrder, Place, Proposed};
use super::outcome::{not_proposed, unknown, weaker};
use crate::partitions::{LocalPartition, Located};
use crate::{Broker, PartitionError, ProduceError};

/// Submits batches. Dropping it ends the session; what was submitted is still answered.
pub struct ProduceSession {
    broker: Arc<Broker>,
    order: Arc<InOrder>,
    /// The same, as the groups see it.
    sink: Arc<dyn AnswerSink>,
}

/// The results of one session, in the order of submission.
pub struct ProduceResults {
    order: Arc<InOrder>,
}

impl Broker {
    /// A new session, for one stream or one unary call. Drop the [`ProduceSession`] to end it.
    pub fn produce_session(self: &Arc<Self>) -> (ProduceSession, ProduceResults) {
        let batches_max = self.settings.produce_session_batches_max;
        let order = Arc::new(InOrder::new(batches_max, self.meters.clone()));
        let session = ProduceSession {
            broker: self.clone(),
            sink: order.clone(),
            order: order.clone(),
        };
        (session, ProduceResults { order })
    }
}

impl ProduceSession {
    /// Submits a batch as it came from the client. Its result, good or bad, comes out of [`ProduceResults`] with
    /// `tag`; a batch with [`Acks::None`] has none.
    ///
    /// Waits until a missing topic is created, while too many bytes are in flight, and while
    /// `produce_session_batches_max` results are not taken: take them meanwhile.
    pub async fn submit(
        &mut self,
        topic: &TopicName,
        partition: PartitionIndex,
        batch: Batch,
        acks: Acks,
        tag: u64,
    ) {
        self.submit_at(topic, partition, batch, None, acks, tag)
            .await;
    }

    /// As [`ProduceSession::submit`]; with an offset, the batch is refused where its first record would get another.
    pub async fn submit_at(
        &mut self,
        topic: &TopicName,
        partition: PartitionIndex,
        batch: Batch,
        expected: Option<Offset>,
        acks: Acks,
        tag: u64,
    ) {
        let place = self.order.begin(tag, acks).await;
        let mut unfinished = Unfinished {
            order: &self.order,
            place,
            partition: None,
            is_over: false,
        };
        let handed_on = self.hand_on(topic, partition, batch, expected, &mut unfinished);
        match handed_on.await {
            Ok(()) => {}
            Err(error) => self.order.finish(place, Err(error)),
        }
        unfinished.is_over = true;
    }

    async fn hand_on(
        &self,
        topic: &TopicName,
        partition: PartitionIndex,
        mut batch: Batch,
        expected: Option<Offset>,
        unfinished: &mut Unfinished<'_>,
    ) -> Result<(), ProduceError> {
        let Located { topic, partition } = self.broker.locate_or_create(topic, partition).await?;
        let config = topic.topic.config();
        check(&mut batch, config, &partition, &self.broker)?;
        let bytes = batch.total_bytes() as u64;
        // The partition's share first: who waits for it holds nothing of what others could use.
        let (Some(of_partition), Some(of_broker)) = (
            partition.room.take(bytes).await,
            self.broker.produce_budget.take(bytes).await,
        ) else {
            return Err(PartitionError::ShuttingDown.into());
        };
        if self.broker.is_stopping() {
            return Err(PartitionError::ShuttingDown.into());
        }
        let proposed = Proposed {
            records: u32::try_from(batch.header().record_count()).unwrap_or(0),
            bytes,
            // A config that has changed a moment ago is not in force before the partition says so.
            durability: weaker(config.durability, partition.durability()),
            partition: partition.clone(),
            at: Instant::now(),
            _permits: [of_partition, of_broker],
        };
        let place = unfinished.place;
        self.order.propose(place, proposed);
        unfinished.partition = Some(partition.clone());
        let handed_on = partition
            .group
            .propose_at(batch, expected, &self.sink, place.as_tag())
            .await;
        handed_on.map_err(|error| not_proposed(&partition, error))
    }
}

/// Checks a batch against the topic's limits, and stamps it where the topic says so.
fn check(
    batch: &mut Batch,
    config: &TopicConfig,
    partition: &LocalPartition,
    broker: &Broker,
) -> Result<(), ProduceError> {
    let now = broker.clock.now();
    let limits = ProduceLimits {
        batch_bytes_max: config.batch_bytes_max,
        timestamp_type: config.timestamp_type,
        timestamp_before_max: config.timestamp_before_max,
        timestamp_after_max: config.timestamp_after_max,
    };
    validate_produced(batch, &limits, now).map_err(|reason| ProduceError::Invalid {
        topic: partition.topic.clone(),
        partition: partition.partition,
        reason,
    })?;
    if config.timestamp_type == TimestampType::LogAppendTime {
        batch.set_append_time(now);
    }
    Ok(())
}

/// Sees to it that a batch has a result even where its submission is given up half-way.
struct Unfinished<'a> {
    order: &'a InOrder,
    place: Place,
    /// Set once the batch may be written.
    partition: Option<Arc<LocalPartition>>,
    is_over: bool,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let error = match &self.partition {
            Some(partition) => unknown(partition),
            None => PartitionError::ShuttingDown.into(),
        };
        self.order.finish(self.place, Err(error));
    }
}

impl Drop for ProduceSession {
    fn drop(&mut self) {
        self.order.end();
    }
}

impl ProduceResults {
    /// Waits for a result and adds it to `results` together with all that are ready behind it. False once the
    /// session has ended and every result was taken.
    pub async fn next_ready(&mut self, results: &mut Vec<ProduceResult>) -> bool {
        self.order.take(results).await
    }
}

impl Drop for ProduceResults {
    fn drop(&mut self) {
        self.order.abandon();
    }
}

impl fmt::Debug for ProduceSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProduceSession").finish_non_exhaustive()
    }
}

impl fmt::Debug for ProduceResults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProduceResults").finish_non_exhaustive()
    }
}
