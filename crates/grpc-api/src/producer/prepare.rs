//! Turns what a client sends into batches for partitions.
//!
//! An encoded batch is parsed, not decoded: its bytes go on as they came, whatever number of records they hold. Only
//! plain records are looked at one by one, since somebody has to encode them.

use std::sync::Arc;

use model::batch::{Batch, Codec, InvalidBatch, ProducerStamp};
use model::{Clock, Offset, PartitionIndex, TopicName};
use prost::Message as _;
use rpc::v1::produce_batch::Payload;
use rpc::{InvalidField, v1};

use super::placement::Placement;
use crate::codec_jobs::CodecJobs;

/// Turns what a client sends into batches for partitions; one for each session.
#[derive(Clone)]
pub(super) struct Preparer {
    pub(super) placement: Arc<Placement>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) jobs: CodecJobs,
    /// Most batches of a session go where the last one went: its name need not be checked again.
    pub(super) last_topic: Option<TopicName>,
}

/// What of a batch goes to which partition.
pub(super) type Parts = Vec<(PartitionIndex, Batch)>;

/// A batch that is ready for the broker.
pub(super) struct Prepared {
    pub(super) topic: TopicName,
    pub(super) parts: Parts,
    /// Refused, where the first record would get another offset.
    pub(super) expected: Option<Offset>,
}

impl Preparer {
    /// Checks what can be checked without the broker, and encodes plain records.
    pub(super) async fn prepare(&mut self, batch: v1::ProduceBatch) -> Result<Prepared, v1::Error> {
        let topic = self.topic(&batch.topic)?;
        let in_topic = |error: InvalidField| v1::Error::from(error).in_topic(topic.as_str());
        let partition = batch
            .partition
            .map(|number| rpc::partition("partition", number));
        let partition = partition.transpose().map_err(in_topic)?;
        let expected = batch
            .expected_base_offset
            .map(|offset| rpc::offset("expected_base_offset", offset));
        let expected = expected.transpose().map_err(in_topic)?;
        if expected.is_some() && partition.is_none() {
            let needed = "a partition, since each has offsets of its own";
            return Err(in_topic(InvalidField::missing("partition", needed)));
        }
        let parts = match (batch.payload, partition) {
            (None, _) => {
                let expected = "either `records` or `encoded`";
                return Err(in_topic(InvalidField::missing("payload", expected)));
            }
            (Some(Payload::Encoded(_)), None) => {
                let expected = "a partition, since the broker does not look into an encoded batch";
                return Err(in_topic(InvalidField::missing("partition", expected)));
            }
            (Some(Payload::Encoded(bytes)), Some(partition)) => {
                let parsed = Batch::parse(bytes).map_err(InvalidBatch::from);
                let parsed = parsed.map_err(|error| v1::Error::from(&error));
                vec![(
                    partition,
                    parsed.map_err(|error| error.in_partition(&topic, partition))?,
                )]
            }
            (Some(Payload::Records(records)), Some(partition)) => {
                let stamp = stamp(&records).map_err(in_topic)?;
                let encoded = self
                    .encode(records.records, records.compression, stamp)
                    .await;
                vec![(
                    partition,
                    encoded.map_err(|error| error.in_partition(&topic, partition))?,
                )]
            }
            (Some(Payload::Records(records)), None) => {
                let encoded = self.place(&topic, records).await;
                encoded.map_err(|error| error.in_topic(topic.as_str()))?
            }
        };
        Ok(Prepared {
            topic,
            parts,
            expected,
        })
    }

    fn topic(&mut self, name: &str) -> Result<TopicName, v1::Error> {
        match &self.last_topic {
            Some(last) if last.as_str() == name => Ok(last.clone()),
            _ => {
                let topic = TopicName::new(name)?;
                self.last_topic = Some(topic.clone());
                Ok(topic)
            }
        }
    }

    /// Groups records by the partitions they belong to, and encodes each group.
    async fn place(
        &self,
        topic: &TopicName,
        records: v1::PlainRecords,
    ) -> Result<Parts, v1::Error> {
        if records.sequence.is_some() {
            let expected = "a partition, since sequence numbers count per partition";
            return Err(InvalidField::missing("partition", expected).into());
        }
        let groups = self.placement.group(topic, records.records).await?;
        let mut parts = Parts::with_capacity(groups.len());
        for (partition, group) in groups {
            parts.push((
                partition,
                self.encode(group, records.compression, None).await?,
            ));
        }
        Ok(parts)
    }

    async fn encode(
        &self,
        records: Vec<v1::Record>,
        compression: i32,
        stamp: Option<ProducerStamp>,
    ) -> Result<Batch, v1::Error> {
        let codec = Codec::from(v1::Compression::read("compression", compression)?);
        let now = self.clock.now();
        let bytes = records.iter().map(v1::Record::encoded_len).sum();
        let encode = move || rpc::encode(&records, codec, stamp, now);
        let encoded = self.jobs.compress(codec, bytes, encode).await?;
        encoded.map_err(|error| v1::Error::from(&error))
    }
}

fn stamp(records: &v1::PlainRecords) -> Result<Option<ProducerStamp>, InvalidField> {
    let stamp = records.sequence.as_ref().map(rpc::producer_stamp);
    stamp.transpose().map_err(|error| error.within("sequence"))
}
