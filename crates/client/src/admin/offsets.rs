//! Finds offsets: the first, the one behind the last, or the first at a time.

use model::{Offset, Timestamp};
use rpc::v1;
use rpc::v1::offset_query::Position;
use thiserror::Error;

use super::Admin;
use crate::call_error::CallError;
use crate::calling::{Consumers, Repeat};
use crate::refusal::Refusal;
use crate::topic_partition::TopicPartition;
use crate::wire;

/// Which offset of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetPosition {
    /// The first one there is.
    Earliest,
    /// The one behind the last record that may be read.
    Latest,
    /// The first record with this timestamp or a later one.
    AtTime(Timestamp),
}

/// Why offsets were not found.
#[derive(Clone, Debug, Error)]
pub enum OffsetsError {
    /// No good answer at all.
    #[error(transparent)]
    Call(#[from] CallError),
    /// One partition was refused.
    #[error("{partition}: {refusal}")]
    Partition {
        /// Which one.
        partition: TopicPartition,
        /// Why.
        refusal: Refusal,
    },
}

impl OffsetsError {
    /// Whether the same may well work in a moment.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Call(error) => error.is_passing(),
            Self::Partition { refusal, .. } => refusal.is_passing(),
        }
    }
}

impl Admin {
    /// One offset for each partition, in the same order; `None` where no record is that late.
    ///
    /// # Errors
    /// [`OffsetsError`]: the first partition that was refused, or no answer. A partition without a leader, for one, has
    /// one in a moment: see [`OffsetsError::is_passing`].
    pub async fn list_offsets(
        &self,
        partitions: &[TopicPartition],
        position: OffsetPosition,
    ) -> Result<Vec<Option<Offset>>, OffsetsError> {
        let position = match position {
            OffsetPosition::Earliest => Position::Earliest(v1::Earliest {}),
            OffsetPosition::Latest => Position::Latest(v1::Latest {}),
            OffsetPosition::AtTime(time) => Position::TimestampMs(time.as_millis()),
        };
        let queries = partitions.iter().map(|of| v1::OffsetQuery {
            topic: of.topic.as_str().to_owned(),
            partition: wire::partition_field(of.partition),
            position: Some(position),
        });
        let request = v1::ListOffsetsRequest {
            queries: queries.collect(),
            isolation: v1::IsolationLevel::ReadUncommitted.into(),
        };
        let answer = self
            .client
            .call(Repeat::Always, request, Consumers::list_offsets)
            .await?;
        if answer.results.len() != partitions.len() {
            let (asked, answered) = (partitions.len(), answer.results.len());
            let problem = format!("{answered} offsets for {asked} partitions");
            return Err(self.client.malformed(problem).into());
        }
        let read = |(result, partition): (v1::OffsetResult, &TopicPartition)| match result.error {
            Some(error) => Err(OffsetsError::Partition {
                partition: partition.clone(),
                refusal: Refusal::from(error),
            }),
            None => result
                .offset
                .map(|offset| wire::offset("offset", offset))
                .transpose()
                .map_err(|problem| self.client.malformed(problem).into()),
        };
        answer
            .results
            .into_iter()
            .zip(partitions)
            .map(read)
            .collect()
    }
}
