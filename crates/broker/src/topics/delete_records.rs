//! Deletes records from the front of a partition.

use std::sync::Arc;

use model::{Offset, PartitionIndex, TopicName};
use replication::ProposeError;

use crate::partitions::LocalPartition;
use crate::{Broker, DeleteRecordsError};

impl Broker {
    /// Deletes the records below `before`, or all committed ones; returns the log start in force then. Segments
    /// that hold none but deleted records give their space back.
    ///
    /// # Errors
    /// [`DeleteRecordsError`].
    pub async fn delete_records(
        &self,
        topic: &TopicName,
        partition: PartitionIndex,
        before: Option<Offset>,
    ) -> Result<Offset, DeleteRecordsError> {
        let located = self.locate(topic, partition).await?;
        let status = located.partition.serving()?;
        let to = before.unwrap_or(status.high_watermark);
        if to > status.high_watermark {
            return Err(DeleteRecordsError::AboveHighWatermark {
                topic: topic.clone(),
                partition,
                wanted: to,
                high_watermark: status.high_watermark,
            });
        }
        if to <= status.log_start {
            return Ok(status.log_start);
        }
        // The segment at the end goes as a whole, where nothing in it stays.
        let is_roll_worthwhile = {
            let last = located.partition.group.log().segments().pop();
            last.is_some_and(|last| !last.sealed && last.end_offset == to && last.base_offset < to)
        };
        if is_roll_worthwhile {
            self.roll(&located.partition).await;
        }
        self.move_log_start(&located.partition, to).await
    }

    /// Seals the segment at the end. Where that fails the log has stopped, which its group will tell.
    pub(crate) async fn roll(&self, partition: &Arc<LocalPartition>) {
        let log = partition.group.log().clone();
        match tokio::task::spawn_blocking(move || log.roll()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::error!(topic = %partition.topic, partition = %partition.partition, %error, "a segment is not sealed");
            }
            // The runtime is shutting down.
            Err(_) => {}
        }
    }

    /// Proposes a new log start, with the cutoff for silent producers.
    pub(crate) async fn move_log_start(
        &self,
        partition: &LocalPartition,
        to: Offset,
    ) -> Result<Offset, DeleteRecordsError> {
        let before = partition.group.status().log_start;
        let idle_since = self.clock.now().minus(self.settings.producer_expiry);
        let moved = partition.group.set_log_start(to, idle_since).await;
        let log_start = moved.map_err(|error| not_moved(partition, error))?;
        self.meters
            .log_start_moves
            .increment(u64::from(log_start > before));
        Ok(log_start)
    }
}

fn not_moved(partition: &LocalPartition, error: ProposeError) -> DeleteRecordsError {
    let (topic, number) = (partition.topic.clone(), partition.partition);
    match error {
        ProposeError::NotLeader { leader } => partition.not_leader(leader).into(),
        ProposeError::NoQuorum => partition.no_quorum().into(),
        ProposeError::NoSpace(full) => DeleteRecordsError::NoSpace {
            topic,
            partition: number,
            needed: full.needed,
            free: full.free,
        },
        ProposeError::TooManyUncommitted { bytes, limit } => {
            DeleteRecordsError::TooManyUncommitted {
                topic,
                partition: number,
                bytes,
                limit,
            }
        }
        ProposeError::Stopped { reason } => partition.stopped(&reason).into(),
        ProposeError::Unknown => DeleteRecordsError::OutcomeUnknown {
            topic,
            partition: number,
        },
    }
}
