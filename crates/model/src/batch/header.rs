//! The 61 bytes before a batch's records. A [`BatchHeader`] *is* those bytes: nothing is parsed ahead.

use std::fmt;

use thiserror::Error;

use super::codec::Codec;
use super::{CRC_COVERS_FROM, HEADER_BYTES, LENGTH_PREFIX_BYTES};
use crate::{Offset, ProducerId, Term, Timestamp, TimestampType};

const CODEC_BITS: i16 = 0b111;
const APPEND_TIME_BIT: i16 = 1 << 3;
const TRANSACTIONAL_BIT: i16 = 1 << 4;
const CONTROL_BIT: i16 = 1 << 5;
const KNOWN_BITS: i16 = CODEC_BITS | APPEND_TIME_BIT | TRANSACTIONAL_BIT | CONTROL_BIT;

/// The producer id, epoch and first sequence number of an idempotent producer's batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerStamp {
    /// Who.
    pub id: ProducerId,
    /// The incarnation; a newer one fences older ones.
    pub epoch: i16,
    /// The sequence number of the batch's first record.
    pub base_sequence: i32,
}

/// Why bytes are not the header of a v2 batch.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HeaderError {
    /// Fewer bytes than a header has.
    #[error("a batch header has {HEADER_BYTES} bytes, there are {have}")]
    Truncated {
        /// The bytes there are.
        have: usize,
    },
    /// A format other than v2.
    #[error(
        "the batch has magic {magic}, only 2 is supported; use a client of Kafka 0.11 or later"
    )]
    UnsupportedMagic {
        /// The magic byte found.
        magic: i8,
    },
    /// A length that cannot hold a header.
    #[error("the batch says it is {length} bytes long behind its length field, a header alone needs {least}", least = HEADER_BYTES - LENGTH_PREFIX_BYTES)]
    ImpossibleLength {
        /// The length field.
        length: i32,
    },
    /// A negative base offset.
    #[error("the batch has the negative base offset {base_offset}")]
    NegativeOffset {
        /// The field as found.
        base_offset: i64,
    },
    /// A last offset delta below -1.
    #[error("the batch has the last offset delta {delta}")]
    ImpossibleDelta {
        /// The field as found.
        delta: i32,
    },
}

/// A batch's header. Its length field, magic, base offset and last offset delta are sound; nothing else is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader([u8; HEADER_BYTES]);

impl BatchHeader {
    /// Reads a header from the first 61 bytes.
    ///
    /// # Errors
    /// [`HeaderError`] where the fields that everything else hangs on are unsound.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let head = bytes
            .first_chunk::<HEADER_BYTES>()
            .ok_or(HeaderError::Truncated { have: bytes.len() })?;
        let header = Self(*head);
        let magic = i8::from_be_bytes(header.field::<16, 1>());
        if magic != 2 {
            return Err(HeaderError::UnsupportedMagic { magic });
        }
        let length = i32::from_be_bytes(header.field::<8, 4>());
        let least = HEADER_BYTES - LENGTH_PREFIX_BYTES;
        if usize::try_from(length).is_ok_and(|length| length < least) || length < 0 {
            return Err(HeaderError::ImpossibleLength { length });
        }
        let base_offset = i64::from_be_bytes(header.field::<0, 8>());
        if base_offset < 0 {
            return Err(HeaderError::NegativeOffset { base_offset });
        }
        let delta = header.last_offset_delta();
        if delta < -1 {
            return Err(HeaderError::ImpossibleDelta { delta });
        }
        Ok(header)
    }

    /// The smallest sound header: of an internal entry with no payload, its CRC not set yet.
    pub(super) fn blank() -> Self {
        let mut header = Self([0; HEADER_BYTES]);
        header.set::<12, 4>((-1_i32).to_be_bytes());
        header.set::<16, 1>([2]);
        header.set::<43, 8>((-1_i64).to_be_bytes());
        header.set::<51, 2>((-1_i16).to_be_bytes());
        header.set::<53, 4>((-1_i32).to_be_bytes());
        header.set_records_bytes(0);
        header.set_last_offset_delta(-1);
        header
    }

    /// The header's bytes.
    pub const fn as_bytes(&self) -> &[u8; HEADER_BYTES] {
        &self.0
    }

    /// The bytes from the attributes to the end of the header: what the CRC covers of it.
    pub(super) fn crc_covered(&self) -> &[u8] {
        self.0.get(CRC_COVERS_FROM..).unwrap_or_default()
    }

    /// The whole batch's size in bytes, header included.
    pub fn total_bytes(&self) -> usize {
        LENGTH_PREFIX_BYTES + self.length_field()
    }

    /// The size of the records block (or the internal entry's payload) in bytes.
    pub fn records_bytes(&self) -> usize {
        self.total_bytes().saturating_sub(HEADER_BYTES)
    }

    /// The offset of the first record; in an internal entry, the offset the next record will get.
    pub fn base_offset(&self) -> Offset {
        Offset::new(i64::from_be_bytes(self.field::<0, 8>()).cast_unsigned())
    }

    /// The offset behind the last record: the base offset itself in an internal entry.
    pub fn end_offset(&self) -> Offset {
        self.base_offset()
            .plus(u64::try_from(i64::from(self.last_offset_delta()) + 1).unwrap_or(0))
    }

    /// How far the last record's offset is from the base offset; -1 in an internal entry, which has no offset.
    pub fn last_offset_delta(&self) -> i32 {
        i32::from_be_bytes(self.field::<23, 4>())
    }

    /// The number of records as the header has it; unchecked.
    pub fn record_count(&self) -> i32 {
        i32::from_be_bytes(self.field::<57, 4>())
    }

    /// The Raft term stamped by the leader; `None` before it has.
    pub fn term(&self) -> Option<Term> {
        Term::from_leader_epoch(i32::from_be_bytes(self.field::<12, 4>()))
    }

    /// The CRC-32C field.
    pub fn crc(&self) -> u32 {
        u32::from_be_bytes(self.field::<17, 4>())
    }

    /// The codec of the records block, or the unknown codec's number.
    ///
    /// # Errors
    /// The number, where no codec has it.
    pub fn codec(&self) -> Result<Codec, u8> {
        let number = (self.attributes() & CODEC_BITS).to_be_bytes()[1];
        Codec::from_number(number).ok_or(number)
    }

    /// Who set the timestamps.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes() & APPEND_TIME_BIT == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes() & TRANSACTIONAL_BIT != 0
    }

    /// Whether the batch is a control batch: an internal entry or, later, a transaction marker.
    pub fn is_control(&self) -> bool {
        self.attributes() & CONTROL_BIT != 0
    }

    /// Whether this is one of Raft's own entries: a control batch without records or offset.
    pub fn is_internal(&self) -> bool {
        self.is_control() && self.last_offset_delta() == -1
    }

    /// Attribute bits that no version of the format gives a meaning that we know.
    pub fn unknown_attributes(&self) -> i16 {
        self.attributes() & !KNOWN_BITS
    }

    /// The timestamp that the records' deltas count from.
    pub fn base_timestamp(&self) -> Timestamp {
        Timestamp::from_millis(i64::from_be_bytes(self.field::<27, 8>()))
    }

    /// The largest record timestamp, as the header has it.
    pub fn max_timestamp(&self) -> Timestamp {
        Timestamp::from_millis(i64::from_be_bytes(self.field::<35, 8>()))
    }

    /// The idempotent producer's stamp; `None` where the producer id is negative.
    pub fn producer(&self) -> Option<ProducerStamp> {
        let id = u64::try_from(i64::from_be_bytes(self.field::<43, 8>())).ok()?;
        Some(ProducerStamp {
            id: ProducerId::new(id),
            epoch: i16::from_be_bytes(self.field::<51, 2>()),
            base_sequence: i32::from_be_bytes(self.field::<53, 4>()),
        })
    }

    /// Stamps what the leader decides: the first offset and the term. Both lie outside the CRC.
    pub fn stamp(&mut self, base_offset: Offset, term: Term) {
        self.set::<0, 8>(base_offset.get().to_be_bytes());
        self.set::<12, 4>(term.as_leader_epoch().to_be_bytes());
    }

    pub(super) fn set_records_bytes(&mut self, bytes: u32) {
        let length = bytes.saturating_add((HEADER_BYTES - LENGTH_PREFIX_BYTES) as u32);
        self.set::<8, 4>(length.to_be_bytes());
    }

    pub(super) fn set_crc(&mut self, crc: u32) {
        self.set::<17, 4>(crc.to_be_bytes());
    }

    pub(super) fn set_codec(&mut self, codec: Codec) {
        self.set_attributes((self.attributes() & !CODEC_BITS) | i16::from(codec.number()));
    }

    pub(super) fn set_control(&mut self) {
        self.set_attributes(self.attributes() | CONTROL_BIT);
    }

    pub(super) fn set_append_time(&mut self, now: Timestamp) {
        self.set_attributes(self.attributes() | APPEND_TIME_BIT);
        self.set::<35, 8>(now.as_millis().to_be_bytes());
    }

    pub(super) fn set_last_offset_delta(&mut self, delta: i32) {
        self.set::<23, 4>(delta.to_be_bytes());
    }

    pub(super) fn set_timestamps(&mut self, base: Timestamp, max: Timestamp) {
        self.set::<27, 8>(base.as_millis().to_be_bytes());
        self.set::<35, 8>(max.as_millis().to_be_bytes());
    }

    pub(super) fn set_producer(&mut self, stamp: ProducerStamp) {
        self.set::<43, 8>(stamp.id.get().to_be_bytes());
        self.set::<51, 2>(stamp.epoch.to_be_bytes());
        self.set::<53, 4>(stamp.base_sequence.to_be_bytes());
    }

    pub(super) fn set_record_count(&mut self, count: i32) {
        self.set::<57, 4>(count.to_be_bytes());
    }

    fn attributes(&self) -> i16 {
        i16::from_be_bytes(self.field::<21, 2>())
    }

    fn set_attributes(&mut self, attributes: i16) {
        self.set::<21, 2>(attributes.to_be_bytes());
    }

    fn length_field(&self) -> usize {
        // Checked to be positive when the header was read.
        u32::from_be_bytes(self.field::<8, 4>()) as usize
    }

    fn field<const AT: usize, const BYTES: usize>(&self) -> [u8; BYTES] {
        const { assert!(AT + BYTES <= HEADER_BYTES) }
        std::array::from_fn(|i| self.0.get(AT + i).copied().unwrap_or_default())
    }

    fn set<const AT: usize, const BYTES: usize>(&mut self, bytes: [u8; BYTES]) {
        const { assert!(AT + BYTES <= HEADER_BYTES) }
        if let Some(field) = self.0.get_mut(AT..AT + BYTES) {
            field.copy_from_slice(&bytes);
        }
    }
}

impl fmt::Debug for BatchHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchHeader")
            .field("base_offset", &self.base_offset())
            .field("term", &self.term())
            .field("total_bytes", &self.total_bytes())
            .field("attributes", &self.attributes())
            .field("last_offset_delta", &self.last_offset_delta())
            .field("record_count", &self.record_count())
            .field("max_timestamp", &self.max_timestamp())
            .field("producer", &self.producer())
            .finish()
    }
}
