//! Which batch a result answers: its place, and topic and partition as they were asked for.

use broker::{ProduceResult, Produced};
use model::PartitionIndex;
use rpc::{Reason, v1, wire_offset};

use crate::failure;
use crate::forward::{Hints, Target};
use crate::topic::describe::partition_index;

/// A batch, or the part of it that goes to one partition.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    place: i64,
    topic: String,
    partition: i32,
}

impl Asked {
    /// The batch at this place of the request or the stream, counted from 0.
    pub(super) fn of(place: usize, batch: &v1::ProduceBatch) -> Self {
        Self {
            place: i64::try_from(place).unwrap_or(i64::MAX),
            // What is no topic's name is not repeated at any length.
            topic: batch
                .topic
                .chars()
                .take(model::name::TOPIC_NAME_BYTES_MAX)
                .collect(),
            partition: batch.partition.unwrap_or_default(),
        }
    }

    /// The part of it that goes to this partition.
    pub(super) fn in_partition(&self, partition: PartitionIndex) -> Self {
        Self {
            partition: partition_index(partition),
            ..self.clone()
        }
    }

    /// The result, as the broker gives it.
    pub(super) fn answered(self, result: ProduceResult, hints: &Hints) -> v1::ProduceResult {
        match result.outcome {
            Ok(produced) => self.acknowledged(&produced),
            Err(error) => self.failed(hints.complete(failure::produce(&error))),
        }
    }

    /// The result, as the leader gives it.
    pub(super) fn passed_on(
        self,
        result: v1::ProduceResult,
        leader: &Target,
        hints: &Hints,
    ) -> v1::ProduceResult {
        v1::ProduceResult {
            batch: self.place,
            topic: self.topic,
            partition: self.partition,
            error: result.error.map(|error| hints.complete(error)),
            leader: leader.told(),
            ..result
        }
    }

    fn acknowledged(self, produced: &Produced) -> v1::ProduceResult {
        v1::ProduceResult {
            batch: self.place,
            topic: self.topic,
            partition: self.partition,
            base_offset: wire_offset(produced.base_offset),
            records: i32::try_from(produced.records).unwrap_or(i32::MAX),
            durability: v1::Durability::from(produced.durability).into(),
            duplicate: produced.duplicate,
            error: None,
            leader: None,
        }
    }

    /// The result where there is an error.
    pub(super) fn failed(self, error: v1::Error) -> v1::ProduceResult {
        v1::ProduceResult {
            batch: self.place,
            topic: self.topic,
            partition: self.partition,
            error: Some(error),
            ..v1::ProduceResult::default()
        }
    }

    /// The result where nobody knows.
    pub(super) fn outcome_unknown(self) -> v1::ProduceResult {
        let message = format!(
            "whether the batch for topic `{}` was written was not known when the call had to be answered; a producer \
             with sequence numbers may safely send it again",
            self.topic
        );
        let error = v1::Error::new(Reason::OutcomeUnknown, message)
            .with("topic", &self.topic)
            .with("partition", self.partition);
        self.failed(error)
    }
}
