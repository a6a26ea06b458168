//! Batches as a client encodes them.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use model::batch::{BatchBuilder, Codec};
use model::clock::{Clock, SystemClock};
use rpc::v1::produce_batch::Payload;
use rpc::v1::{Acks, ProduceBatch, ProduceStreamRequest};

use crate::wire::frame;

/// A batch of exactly `bytes` bytes, header included, that holds `records` records of about the same size.
pub(crate) fn encoded_batch(bytes: usize, records: usize) -> Result<Bytes> {
    let (mut low, mut high) = (0, bytes);
    // The size grows with the values', by varints in steps: the last record makes up for the rest.
    while low < high {
        let middle = (low + high).div_ceil(2);
        if batch_of(records, middle, middle)?.len() <= bytes {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    let rest = bytes.saturating_sub(batch_of(records, low, low)?.len());
    (0..=rest)
        .rev()
        .find_map(|more| {
            let batch = batch_of(records, low, low + more).ok()?;
            (batch.len() == bytes).then_some(batch)
        })
        .with_context(|| format!("{records} records do not fill {bytes} bytes exactly"))
}

/// A batch of `records` records with values of `value_bytes` bytes, the last one of `last_bytes`.
pub(crate) fn batch_of(records: usize, value_bytes: usize, last_bytes: usize) -> Result<Bytes> {
    ensure!(records > 0, "a batch holds at least one record");
    let now = SystemClock.now();
    let mut builder = BatchBuilder::new(Codec::None);
    let value: Vec<u8> = (0_u8..=255)
        .cycle()
        .take(value_bytes.max(last_bytes))
        .collect();
    for number in 1..=records {
        let bytes = if number == records {
            last_bytes
        } else {
            value_bytes
        };
        builder.push(now, None, value.get(..bytes), &[]);
    }
    Ok(builder.build()?.to_bytes())
}

/// The message that puts a batch into a partition, framed.
pub(crate) fn produce_frame(topic: &str, partition: i32, batch: Bytes) -> Result<Bytes> {
    frame(&ProduceStreamRequest {
        batch: Some(ProduceBatch {
            topic: topic.to_owned(),
            partition: Some(partition),
            payload: Some(Payload::Encoded(batch)),
            expected_base_offset: None,
        }),
        acks: Acks::Quorum.into(),
    })
}

#[cfg(test)]
mod tests {
    use model::batch::Batch;

    use super::*;

    #[test]
    fn a_batch_has_the_size_and_the_records_asked_for() {
        for (bytes, records) in [(1024, 1), (65_536, 1), (65_536, 655), (1_000, 7)] {
            let batch = encoded_batch(bytes, records).unwrap();
            assert_eq!(batch.len(), bytes);
            let batch = Batch::parse(batch).unwrap();
            batch.check_crc().unwrap();
            assert_eq!(batch.header().record_count() as usize, records);
        }
    }
}
