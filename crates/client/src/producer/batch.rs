//! A batch on its way to the broker.

use std::num::NonZeroU32;

use bytes::Bytes;
use model::batch::{Batch, BatchBuilder, BuildError, Codec, ProducerStamp, Record};
use model::partitioner::partition_for_key;
use model::{Acks, Offset, PartitionIndex, TopicName};
use rpc::v1;

use crate::topic_partition::TopicPartition;
use crate::wire;

/// A batch to write.
#[derive(Clone, Debug)]
pub struct OutgoingBatch {
    topic: TopicName,
    place: Place,
    expected: Option<Offset>,
}

#[derive(Clone, Debug)]
enum Place {
    Partition(PartitionIndex, Batch),
    /// The broker chooses; one record, so that there is one result.
    Anywhere(Box<Record>, Codec),
}

impl OutgoingBatch {
    /// A batch for a partition.
    pub fn encoded(topic: TopicName, partition: PartitionIndex, batch: &Batch) -> Self {
        let place = Place::Partition(partition, batch.clone());
        Self {
            topic,
            place,
            expected: None,
        }
    }

    /// Has the batch written only if its first record gets this offset; else it is refused with
    /// [`rpc::Reason::LogMovedOn`].
    #[must_use]
    pub fn at_offset(self, expected: Offset) -> Self {
        Self {
            expected: Some(expected),
            ..self
        }
    }

    /// One record for which the partition is chosen as Kafka's default partitioner does: what to send while it is unknown
    /// how many partitions there are. Its offset is ignored.
    pub fn unplaced(topic: TopicName, record: Record, codec: Codec) -> Self {
        let place = Place::Anywhere(Box::new(record), codec);
        Self {
            topic,
            place,
            expected: None,
        }
    }

    /// The bytes that count against the window.
    pub(super) fn bytes(&self) -> usize {
        match &self.place {
            Place::Partition(_, batch) => batch.total_bytes(),
            Place::Anywhere(record, _) => {
                let length = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
                let headers = record
                    .headers
                    .iter()
                    .map(|header| header.key.len() + length(&header.value));
                length(&record.key) + length(&record.value) + headers.sum::<usize>()
            }
        }
    }

    /// The topic that it goes to.
    pub(super) fn topic(&self) -> &TopicName {
        &self.topic
    }

    /// Gives it its partition, where it has none: by its key, without one `turn`.
    ///
    /// # Errors
    /// The record is too large for a batch.
    pub(super) fn place(
        &mut self,
        partitions: NonZeroU32,
        turn: PartitionIndex,
    ) -> Result<PartitionIndex, BuildError> {
        let (record, codec) = match &self.place {
            Place::Partition(partition, _) => return Ok(*partition),
            Place::Anywhere(record, codec) => (record, *codec),
        };
        let mut builder = BatchBuilder::new(codec);
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        builder.push(record.timestamp, key, value, &record.headers);
        let partition = key.map_or(turn, |key| partition_for_key(key, partitions));
        self.place = Place::Partition(partition, builder.build()?);
        Ok(partition)
    }

    /// Where it goes; `None` where the broker chooses.
    pub(super) fn partition(&self) -> Option<TopicPartition> {
        match &self.place {
            Place::Partition(partition, _) => Some(TopicPartition {
                topic: self.topic.clone(),
                partition: *partition,
            }),
            Place::Anywhere(..) => None,
        }
    }

    /// How many sequence numbers it takes: one for each record.
    pub(super) fn records(&self) -> i32 {
        match &self.place {
            Place::Partition(_, batch) => batch.header().record_count().max(1),
            Place::Anywhere(..) => 1,
        }
    }

    /// Gives it a place in its producer's sequence.
    pub(super) fn stamp(&mut self, stamp: ProducerStamp) {
        if let Place::Partition(_, batch) = &mut self.place {
            batch.set_producer(stamp);
        }
    }

    /// Whether both go to the same partition, as far as is known: an unplaced batch may go anywhere.
    pub(super) fn may_share_partition(&self, other: &Self) -> bool {
        let partition = |batch: &Self| match &batch.place {
            Place::Partition(partition, _) => Some(*partition),
            Place::Anywhere(..) => None,
        };
        let differ =
            matches!((partition(self), partition(other)), (Some(one), Some(two)) if one != two);
        self.topic == other.topic && !differ
    }

    /// The message that carries the batch.
    pub(super) fn message(&self, acks: Acks) -> v1::ProduceStreamRequest {
        let (partition, payload) = match &self.place {
            Place::Partition(partition, batch) => (
                Some(wire::partition_field(*partition)),
                v1::produce_batch::Payload::Encoded(batch.to_bytes()),
            ),
            Place::Anywhere(record, codec) => (
                None,
                v1::produce_batch::Payload::Records(plain(record, *codec)),
            ),
        };
        v1::ProduceStreamRequest {
            batch: Some(v1::ProduceBatch {
                topic: self.topic.as_str().to_owned(),
                partition,
                payload: Some(payload),
                expected_base_offset: self.expected.map(rpc::wire_offset),
            }),
            acks: v1::Acks::from(acks).into(),
        }
    }
}

fn plain(record: &Record, codec: Codec) -> v1::PlainRecords {
    let header = |header: &model::batch::RecordHeader| v1::Header {
        key: header.key.clone(),
        value: header.value.clone(),
    };
    v1::PlainRecords {
        records: vec![v1::Record {
            key: record.key.clone(),
            value: record.value.clone(),
            headers: record.headers.iter().map(header).collect(),
            timestamp_ms: Some(record.timestamp.as_millis()),
            offset: None,
        }],
        compression: v1::Compression::from(codec).into(),
        sequence: None,
    }
}
