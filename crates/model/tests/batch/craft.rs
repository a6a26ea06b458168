//! Batches put together by hand, so that a test can lie in any field. Its CRC-32C is its own.

use bytes::Bytes;
use model::Timestamp;
use model::batch::{Batch, BatchBuilder, Codec, HEADER_BYTES, ProducerStamp};

pub(crate) const LENGTH: usize = 8;
pub(crate) const MAGIC: usize = 16;
pub(crate) const CRC: usize = 17;
pub(crate) const ATTRIBUTES: usize = 21;
pub(crate) const LAST_OFFSET_DELTA: usize = 23;
pub(crate) const BASE_TIMESTAMP: usize = 27;
pub(crate) const MAX_TIMESTAMP: usize = 35;
pub(crate) const PRODUCER_EPOCH: usize = 51;
pub(crate) const BASE_SEQUENCE: usize = 53;
pub(crate) const RECORD_COUNT: usize = 57;

/// The time at which the crafted batches were made.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A batch's bytes, any of which may be changed.
#[derive(Clone)]
pub(crate) struct Crafted(Vec<u8>);

impl Crafted {
    pub(crate) fn from(batch: &Batch) -> Self {
        Self(batch.to_bytes().to_vec())
    }

    pub(crate) fn set(mut self, at: usize, field: &[u8]) -> Self {
        self.0[at..at + field.len()].copy_from_slice(field);
        self
    }

    /// Another records block; the length field follows.
    pub(crate) fn with_block(mut self, block: &[u8]) -> Self {
        self.0.truncate(HEADER_BYTES);
        self.0.extend_from_slice(block);
        let length = i32::try_from(self.0.len() - LENGTH - 4).unwrap();
        self.set(LENGTH, &length.to_be_bytes())
    }

    /// The bytes as they are.
    pub(crate) fn bytes(self) -> Bytes {
        self.0.into()
    }

    /// The batch, its CRC made right.
    pub(crate) fn sealed(self) -> Batch {
        let crc = crc32c(&self.0[ATTRIBUTES..]);
        Batch::parse(self.set(CRC, &crc.to_be_bytes()).bytes()).unwrap()
    }
}

/// A sound batch of three records made at [`NOW`], as an idempotent producer sends it.
pub(crate) fn sound(codec: Codec) -> Batch {
    let mut builder = BatchBuilder::new(codec).with_producer(ProducerStamp {
        id: model::ProducerId::new(7),
        epoch: 1,
        base_sequence: 40,
    });
    builder.push(NOW, Some(b"key"), Some(b"value value value"), &[]);
    builder.push(NOW, None, Some(b""), &[]);
    builder.push(NOW, Some(b""), None, &[]);
    builder.build().unwrap()
}

/// A batch with this records block and this many records; the block may hold anything.
pub(crate) fn with_block(codec: Codec, records: i32, block: &[u8]) -> Batch {
    Crafted::from(&sound(Codec::None))
        .set(ATTRIBUTES, &i16::from(codec.number()).to_be_bytes())
        .set(LAST_OFFSET_DELTA, &(records - 1).to_be_bytes())
        .set(RECORD_COUNT, &records.to_be_bytes())
        .with_block(block)
        .sealed()
}

/// CRC-32C, bit by bit (RFC 3720, B.4).
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 * (crc & 1));
        }
    }
    !crc
}

#[test]
fn the_crc_is_castagnolis() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
}
