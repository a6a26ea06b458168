//! Encoded batches that lie.

use bytes::Bytes;
use model::Timestamp;
use model::batch::{BatchBuilder, Codec, HEADER_BYTES, ProducerStamp};

const LENGTH: usize = 8;
const CRC: usize = 17;
const ATTRIBUTES: usize = 21;
const LAST_OFFSET_DELTA: usize = 23;
const BASE_SEQUENCE: usize = 53;
const RECORD_COUNT: usize = 57;

/// A batch of two records, any bytes of which may be changed.
pub(super) struct Batch(Vec<u8>);

impl Batch {
    pub(super) fn sound() -> Self {
        Self::with(Codec::None, None)
    }

    fn with(codec: Codec, producer: Option<ProducerStamp>) -> Self {
        let mut builder = BatchBuilder::new(codec);
        if let Some(producer) = producer {
            builder = builder.with_producer(producer);
        }
        let now = Timestamp::from_system_time(std::time::SystemTime::now());
        builder.push(now, Some(b"key"), Some(b"one"), &[]);
        builder.push(now, None, Some(b"two"), &[]);
        Self(
            builder
                .build()
                .expect("two records make a batch")
                .to_bytes()
                .to_vec(),
        )
    }

    fn set(mut self, at: usize, field: &[u8]) -> Self {
        self.0[at..at + field.len()].copy_from_slice(field);
        self
    }

    /// Another records block; the length follows.
    fn block(mut self, block: &[u8]) -> Self {
        self.0.truncate(HEADER_BYTES);
        self.0.extend(block);
        let length = (self.0.len() - LENGTH - 4) as i32;
        self.set(LENGTH, &length.to_be_bytes())
    }

    /// Makes the CRC right, so that only the lie is wrong.
    fn sealed(self) -> Bytes {
        let crc = crc32c(&self.0[ATTRIBUTES..]);
        self.set(CRC, &crc.to_be_bytes()).0.into()
    }

    fn with_attributes(bits: i16) -> Bytes {
        Self::sound().set(ATTRIBUTES, &bits.to_be_bytes()).sealed()
    }

    pub(super) fn with_wrong_crc() -> Bytes {
        let batch = Self::sound();
        let last = batch.0.len() - 1;
        let flipped = batch.0[last] ^ 1;
        batch.set(last, &[flipped]).0.into()
    }

    pub(super) fn with_lengths_that_lie() -> Vec<Bytes> {
        let whole = Bytes::from(Self::sound().0);
        let longer = [&whole[..], b"more"].concat().into();
        let mut found = vec![
            Bytes::new(),
            whole.slice(..HEADER_BYTES - 1),
            whole.slice(..whole.len() - 1),
            longer,
        ];
        for length in [i32::MIN, -1, 0, 48, i32::MAX] {
            found.push(Self::sound().set(LENGTH, &length.to_be_bytes()).0.into());
        }
        found
    }

    pub(super) fn with_counts_that_lie() -> Vec<Bytes> {
        let count = |count: i32| Self::sound().set(RECORD_COUNT, &count.to_be_bytes());
        let delta = |batch: Self, delta: i32| batch.set(LAST_OFFSET_DELTA, &delta.to_be_bytes());
        vec![
            count(3).sealed(),
            count(-1).sealed(),
            delta(count(0), -1).sealed(),
            delta(Self::sound(), i32::MAX).sealed(),
        ]
    }

    pub(super) fn with_unknown_codec() -> Bytes {
        Self::with_attributes(5)
    }

    pub(super) fn with_control_bit() -> Bytes {
        Self::with_attributes(1 << 5)
    }

    pub(super) fn of_a_transaction() -> Bytes {
        Self::with_attributes(1 << 4)
    }

    pub(super) fn with_unknown_attributes() -> Bytes {
        Self::with_attributes(1 << 9)
    }

    pub(super) fn with_negative_sequence(id: i64) -> Bytes {
        let id = model::ProducerId::new(id as u64);
        let stamp = ProducerStamp {
            id,
            epoch: 0,
            base_sequence: 0,
        };
        Self::with(Codec::None, Some(stamp))
            .set(BASE_SEQUENCE, &(-2_i32).to_be_bytes())
            .sealed()
    }

    /// A few kilobytes that become 200 MB.
    pub(super) fn bomb() -> Bytes {
        let zeros = Bytes::from(vec![0; 200 << 20]);
        let block = model::batch::codec::compress(Codec::Zstd, zeros).expect("zeros compress");
        Self::sound()
            .set(ATTRIBUTES, &4_i16.to_be_bytes())
            .block(&block)
            .sealed()
    }

    /// A block that holds no records.
    pub(super) fn with_unreadable_records() -> Bytes {
        Self::sound().block(b"these are no records").sealed()
    }
}

/// CRC-32C, bit by bit (RFC 3720, B.4).
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 * (crc & 1));
        }
    }
    !crc
}
