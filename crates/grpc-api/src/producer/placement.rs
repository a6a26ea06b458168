//! Chooses partitions for records that name none: by key as Kafka does; without a key, all of a batch on one.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use broker::{Broker, PartitionError};
use model::partitioner::partition_for_key;
use model::{PartitionIndex, TopicName};
use rpc::{InvalidField, v1};

use crate::failure;

/// Chooses partitions for records that name none.
pub(super) struct Placement {
    broker: Arc<Broker>,
    turn: AtomicU32,
}

impl Placement {
    pub(super) fn new(broker: Arc<Broker>) -> Self {
        Self {
            broker,
            turn: AtomicU32::new(0),
        }
    }

    /// Groups records by partition; their order within a partition stays.
    pub(super) async fn group(
        &self,
        topic: &TopicName,
        records: Vec<v1::Record>,
    ) -> Result<BTreeMap<PartitionIndex, Vec<v1::Record>>, v1::Error> {
        if records.is_empty() {
            return Err(InvalidField::missing("records", "at least one record").into());
        }
        let partitions = self.partitions_of(topic).await?;
        Ok(group(
            records,
            partitions,
            self.turn.fetch_add(1, Ordering::Relaxed),
        ))
    }

    /// How many partitions a topic has; a missing one is created first, unless the broker forbids it.
    pub(super) async fn partitions_of(&self, topic: &TopicName) -> Result<NonZeroU32, v1::Error> {
        let found = self.broker.partitions_to_produce_to(topic).await;
        let partitions = found.map_err(|error| failure::produce(&error))?;
        let none = PartitionError::UnknownTopic {
            topic: topic.clone(),
        };
        NonZeroU32::new(partitions).ok_or_else(|| failure::partition(&none))
    }
}

fn group(
    records: Vec<v1::Record>,
    partitions: NonZeroU32,
    turn: u32,
) -> BTreeMap<PartitionIndex, Vec<v1::Record>> {
    let keyless = PartitionIndex::new(turn % partitions);
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for record in records {
        let partition = match &record.key {
            Some(key) => partition_for_key(key, partitions),
            None => keyless,
        };
        groups.entry(partition).or_default().push(record);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: Option<&'static str>, offset: i64) -> v1::Record {
        v1::Record {
            key: key.map(|key| bytes::Bytes::from_static(key.as_bytes())),
            offset: Some(offset),
            ..v1::Record::default()
        }
    }

    #[test]
    fn keys_go_where_kafka_puts_them_and_the_keyless_stay_together() {
        let ten = NonZeroU32::new(10).unwrap();
        let records = vec![
            record(Some("foobar"), 0),
            record(None, 1),
            record(Some("21"), 2),
            record(None, 3),
            record(Some("foobar"), 4),
        ];
        let groups = group(records, ten, 23);
        let offsets: Vec<_> = groups
            .iter()
            .map(|(partition, group)| {
                let offsets: Vec<_> = group.iter().map(|record| record.offset.unwrap()).collect();
                (partition.get(), offsets)
            })
            .collect();
        // murmur2("foobar") and murmur2("21") without their sign bits, modulo 10.
        assert_eq!(offsets, [(0, vec![2]), (3, vec![1, 3]), (6, vec![0, 4])]);
    }
}
