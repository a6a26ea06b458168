//! Finds offsets: the first, the one behind the last, or the first at a time.

mod by_time;

use futures_util::future::join_all;
use model::{Offset, PartitionIndex, Timestamp, TopicName};
use replication::ReadIndexError;

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

/// Which offset is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetAt {
    /// The first there is.
    Earliest,
    /// The one behind the last record that may be read, confirmed by a quorum.
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
        let status = partition.serving()?;
        let found = |offset| {
            Some(FoundOffset {
                offset,
                timestamp: None,
            })
        };
        match query.at {
            OffsetAt::Earliest => Ok(found(status.log_start)),
            OffsetAt::Latest => match partition.group.latest().await {
                Ok(offset) => Ok(found(offset)),
                // Nobody writes any more, and this replica holds all there is.
                Err(ReadIndexError::Stopped { .. }) if status.stopped.is_some() => {
                    Ok(found(status.high_watermark))
                }
                Err(ReadIndexError::Stopped { reason }) => Err(partition.stopped(&reason).into()),
                Err(ReadIndexError::NotLeader { leader }) => {
                    Err(partition.not_leader(leader).into())
                }
                Err(ReadIndexError::NoQuorum { .. }) => Err(partition.no_quorum().into()),
            },
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
