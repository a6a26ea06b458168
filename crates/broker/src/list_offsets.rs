//! Finds offsets: the first, the one behind the last, or the first at a time.

mod by_time;

use futures_util::future::join_all;
use model::{Offset, PartitionIndex, Timestamp, TopicName};
use replication::ReadIndexError;

use crate::partitions::LocalPartition;
use crate::{Broker, ListOffsetsError};

/// Which offset of which partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetQuery {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// Which offset.
    pub at: OffsetAt,
}

/// Which offset is wanted. A quorum confirms that whoever answers leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetAt {
    /// The first there is.
    Earliest,
    /// The one behind the last record that may be read.
    Latest,
    /// The first record with this timestamp or a later one.
    Timestamp(Timestamp),
}

/// An offset that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundOffset {
    /// The offset.
    pub offset: Offset,
    /// The record's timestamp; only where a timestamp was asked for.
    pub timestamp: Option<Timestamp>,
}

impl Broker {
    /// Finds offsets: one answer for each query, in the same order. `Ok(None)` where no record is that late.
    pub async fn list_offsets(
        &self,
        queries: Vec<OffsetQuery>,
    ) -> Vec<Result<Option<FoundOffset>, ListOffsetsError>> {
        join_all(queries.iter().map(|query| self.list_offset(query))).await
    }

    async fn list_offset(
        &self,
        query: &OffsetQuery,
    ) -> Result<Option<FoundOffset>, ListOffsetsError> {
        let partition = self.locate(&query.topic, query.partition).await?.partition;
        let latest = latest(&partition).await?;
        let found = |offset| {
            Some(FoundOffset {
                offset,
                timestamp: None,
            })
        };
        match query.at {
            OffsetAt::Earliest => Ok(found(partition.group.status().log_start)),
            OffsetAt::Latest => Ok(found(latest)),
            OffsetAt::Timestamp(wanted) => {
                let found = by_time::first_at(partition, wanted).await;
                found.map_err(|error| match error {
                    ListOffsetsError::Read(error) => self.once_repaired(error).into(),
                    other => other,
                })
            }
        }
    }
}

/// The high watermark that a quorum confirms: what is told after that is no older than what any leader has told before.
async fn latest(partition: &LocalPartition) -> Result<Offset, ListOffsetsError> {
    let status = partition.serving()?;
    match partition.group.latest().await {
        // Nobody writes any more, and this replica holds all there is.
        Err(ReadIndexError::Stopped { .. }) if status.stopped.is_some() => {
            Ok(status.high_watermark)
        }
        latest => Ok(latest.map_err(|error| partition.unconfirmed(error))?),
    }
}
