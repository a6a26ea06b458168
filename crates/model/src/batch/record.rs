//! The records inside a batch. Only clients and a broker asked for plain records look at them.
//!
//! ```text
//! length varint | attributes i8 | timestamp_delta varint | offset_delta varint
//! key_length varint (-1: null) | key | value_length varint (-1: null) | value
//! header_count varint | per header: key_length varint | key | value_length varint (-1: null) | value
//! ```
//! Header keys are kept as bytes, in order, duplicates included.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;

use super::codec::{self, CodecError};
use super::stored::Batch;
use super::varint::{put_varint, take_varint, varint_bytes};
use crate::{Offset, Timestamp, TimestampType};

/// Room made for a record's headers before the first is read.
const HEADERS_RESERVED_MAX: usize = 16;

/// A header of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// The key; UTF-8 by convention. Keys may repeat.
    pub key: Bytes,
    /// The value; `None` is null, which differs from empty.
    pub value: Option<Bytes>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the partition.
    pub offset: Offset,
    /// When it was created, or appended where the topic says so.
    pub timestamp: Timestamp,
    /// The key; `None` is null, which differs from empty.
    pub key: Option<Bytes>,
    /// The value; `None` is null, which differs from empty.
    pub value: Option<Bytes>,
    /// The headers, in order.
    pub headers: Vec<RecordHeader>,
}

/// Why a batch's records cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RecordError {
    /// The block does not decompress.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A length, count or delta that the bytes cannot hold.
    #[error("record {position} of the batch at offset {base_offset} is malformed")]
    Malformed {
        /// The batch.
        base_offset: Offset,
        /// Which record, counted from 0.
        position: usize,
    },
    /// The header promises another number of records than there are.
    #[error("the batch at offset {base_offset} promises {promised} records and holds {held}")]
    WrongCount {
        /// The batch.
        base_offset: Offset,
        /// The header's count.
        promised: i32,
        /// How many there are, as far as was read.
        held: usize,
    },
}

/// Iterates over the records of a batch; ends after the first error.
#[derive(Debug)]
pub struct Records {
    block: Bytes,
    base_offset: Offset,
    base_timestamp: Timestamp,
    append_time: Option<Timestamp>,
    delta_min: u64,
    deltas_end: u64,
    promised: i32,
    read: usize,
    done: bool,
}

impl Records {
    /// Decompresses the records block, to at most `bytes_max` bytes, and stands before the first record.
    ///
    /// # Errors
    /// [`RecordError::Codec`]: an unknown codec, a damaged block, or one that grows beyond the limit.
    pub fn of(batch: &Batch, bytes_max: usize) -> Result<Self, RecordError> {
        let header = batch.header();
        let codec = header
            .codec()
            .map_err(|number| CodecError::Unknown { number })?;
        let append_time = match header.timestamp_type() {
            TimestampType::LogAppendTime => Some(header.max_timestamp()),
            TimestampType::CreateTime => None,
        };
        Ok(Self {
            block: codec::decompress(codec, batch.records(), bytes_max)?,
            base_offset: header.base_offset(),
            base_timestamp: header.base_timestamp(),
            append_time,
            delta_min: 0,
            deltas_end: header.end_offset().since(header.base_offset()),
            promised: header.record_count(),
            read: 0,
            done: header.is_control(),
        })
    }

    fn take(&mut self) -> Option<Record> {
        let length = usize::try_from(take_varint(&mut self.block)?).ok()?;
        if length > self.block.len() {
            return None;
        }
        let mut body = self.block.split_to(length);
        if body.is_empty() {
            return None;
        }
        let _attributes = body.get_u8();
        let timestamp_delta = take_varint(&mut body)?;
        let offset_delta = self.take_offset_delta(&mut body)?;
        let key = take_nullable(&mut body)?;
        let value = take_nullable(&mut body)?;
        let header_count = usize::try_from(take_varint(&mut body)?).ok()?;
        // The count may lie: beyond a few, memory is taken only as headers are found.
        let mut headers = Vec::with_capacity(header_count.min(HEADERS_RESERVED_MAX));
        for _ in 0..header_count {
            headers.push(RecordHeader {
                key: take_nullable(&mut body)??,
                value: take_nullable(&mut body)?,
            });
        }
        // Wraps as the producer's subtraction did, so that every timestamp comes back.
        let base_millis = self.base_timestamp.as_millis();
        let created = Timestamp::from_millis(base_millis.wrapping_add(timestamp_delta));
        body.is_empty().then_some(Record {
            offset: self.base_offset.plus(offset_delta),
            timestamp: self.append_time.unwrap_or(created),
            key,
            value,
            headers,
        })
    }

    /// Deltas rise and stay inside the batch's offsets; compaction may leave gaps. Anything else would
    /// give two records one offset, or a reader the offset of another batch.
    fn take_offset_delta(&mut self, body: &mut Bytes) -> Option<u64> {
        let delta = u64::try_from(take_varint(body)?).ok()?;
        let inside = (self.delta_min..self.deltas_end).contains(&delta);
        self.delta_min = delta.saturating_add(1);
        inside.then_some(delta)
    }
}

impl Iterator for Records {
    type Item = Result<Record, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        if self.block.is_empty() {
            self.done = true;
            let complete = usize::try_from(self.promised) == Ok(self.read);
            return (!complete).then_some(Err(RecordError::WrongCount {
                base_offset: self.base_offset,
                promised: self.promised,
                held: self.read,
            }));
        }
        match self.take() {
            Some(record) => {
                self.read += 1;
                Some(Ok(record))
            }
            None => {
                self.done = true;
                Some(Err(RecordError::Malformed {
                    base_offset: self.base_offset,
                    position: self.read,
                }))
            }
        }
    }
}

/// `None` where the bytes end early; `Some(None)` for a null.
#[allow(
    clippy::option_option,
    reason = "the outer one is the parser's failure, the inner one the format's null"
)]
fn take_nullable(body: &mut Bytes) -> Option<Option<Bytes>> {
    match take_varint(body)? {
        -1 => Some(None),
        length => {
            let length = usize::try_from(length)
                .ok()
                .filter(|length| *length <= body.len())?;
            Some(Some(body.split_to(length)))
        }
    }
}

/// Appends one record to a plain block.
pub(super) fn put_record(
    block: &mut BytesMut,
    timestamp_delta: i64,
    offset_delta: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[RecordHeader],
) {
    let mut body_bytes = 1 + varint_bytes(timestamp_delta) + varint_bytes(offset_delta);
    body_bytes += nullable_bytes(key) + nullable_bytes(value) + varint_bytes(headers.len() as i64);
    for header in headers {
        body_bytes += nullable_bytes(Some(&header.key)) + nullable_bytes(header.value.as_deref());
    }
    put_varint(block, body_bytes as i64);
    block.put_u8(0);
    put_varint(block, timestamp_delta);
    put_varint(block, offset_delta);
    put_nullable(block, key);
    put_nullable(block, value);
    put_varint(block, headers.len() as i64);
    for header in headers {
        put_nullable(block, Some(&header.key));
        put_nullable(block, header.value.as_deref());
    }
}

fn put_nullable(block: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        None => put_varint(block, -1),
        Some(bytes) => {
            put_varint(block, bytes.len() as i64);
            block.put_slice(bytes);
        }
    }
}

fn nullable_bytes(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(varint_bytes(-1), |bytes| {
        varint_bytes(bytes.len() as i64) + bytes.len()
    })
}
