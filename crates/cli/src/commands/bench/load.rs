//! The load of a produce benchmark: one batch, encoded once and sent over and over.

use bytes::Bytes;
use model::Timestamp;
use model::batch::{Batch, BatchBuilder, Codec, HEADER_BYTES};

use crate::failure::{Exit, Failure};

/// Bytes of a record beside its value, at most: lengths, deltas, no key, no header.
const RECORD_OVERHEAD_BYTES: u64 = 14;

/// How large a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchShape {
    pub(super) records: u32,
    pub(super) record_bytes: usize,
}

impl BatchShape {
    /// As many records as fit `batch_bytes`, at least one.
    pub(super) fn filling(batch_bytes: u64, record_bytes: usize) -> Self {
        let room = batch_bytes.saturating_sub(HEADER_BYTES as u64);
        let records = room / (record_bytes as u64 + RECORD_OVERHEAD_BYTES);
        Self {
            records: u32::try_from(records.max(1)).unwrap_or(u32::MAX),
            record_bytes,
        }
    }

    /// A batch of `records` records, each filled with other text that hardly compresses.
    pub(super) fn batch(
        &self,
        codec: Codec,
        records: u32,
        now: Timestamp,
    ) -> Result<Batch, Failure> {
        let mut builder = BatchBuilder::new(codec);
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..records {
            let value: Bytes = (0..self.record_bytes)
                .map(|_| letter(&mut random))
                .collect();
            builder.push(now, None, Some(&value), &[]);
        }
        builder
            .build()
            .map_err(|error| Failure::new(Exit::OverLimit, "BATCH_TOO_LARGE", error.to_string()))
    }
}

/// The next of a row of letters (xorshift64, Marsaglia 2003).
fn letter(random: &mut u64) -> u8 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    b'a' + (*random >> 32) as u8 % 26
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_about_as_large_as_asked_for_and_never_empty() {
        let shape = BatchShape::filling(64 << 10, 100);
        let batch = shape
            .batch(Codec::None, shape.records, Timestamp::default())
            .unwrap();
        let bytes = batch.total_bytes();
        assert!((60 << 10..=64 << 10).contains(&bytes), "{bytes}");
        assert_eq!(BatchShape::filling(10, 100).records, 1);
    }
}
