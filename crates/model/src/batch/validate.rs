//! What a broker checks of a produced batch: its header, size and CRC, never its records.

use std::time::Duration;

use thiserror::Error;

use super::stored::{Batch, BatchError};
use crate::{Timestamp, TimestampType};

/// What a topic allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProduceLimits {
    /// The largest batch, header included, in bytes: `max.message.bytes`.
    pub batch_bytes_max: u64,
    /// Who sets the timestamps: `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// How far a record may lie in the past; `None`: as far as it likes.
    pub timestamp_before_max: Option<Duration>,
    /// How far a record may lie in the future; `None`: as far as it likes.
    pub timestamp_after_max: Option<Duration>,
}

/// Why a produced batch is refused. Nothing of it is written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidBatch {
    /// It is cut short, or its CRC is wrong.
    #[error(transparent)]
    Corrupt(#[from] BatchError),
    /// It is larger than the topic allows.
    #[error(
        "the batch has {bytes} bytes, the topic allows {limit} (max.message.bytes); send smaller batches or raise the limit"
    )]
    TooLarge {
        /// The batch's size.
        bytes: u64,
        /// The topic's limit.
        limit: u64,
    },
    /// Only brokers write control batches.
    #[error("the batch is marked as a control batch; clients cannot write those")]
    Control,
    /// Transactions do not exist yet.
    #[error("the batch belongs to a transaction; transactions are not supported yet")]
    Transactional,
    /// Attribute bits without a meaning.
    #[error("the batch has the unknown attribute bits {bits:#06x}")]
    UnknownAttributes {
        /// Those bits.
        bits: i16,
    },
    /// A codec that does not exist.
    #[error("the batch uses codec {number}, known are 0 none, 1 gzip, 2 snappy, 3 lz4 and 4 zstd")]
    UnknownCodec {
        /// The number found.
        number: u8,
    },
    /// A count that is not positive, or is not the number of offsets.
    #[error(
        "the batch promises {records} records over {offsets} offsets; both must be equal and at least 1"
    )]
    WrongCount {
        /// The header's count.
        records: i32,
        /// The offsets that the batch takes.
        offsets: i64,
    },
    /// An idempotent producer's batch with a negative epoch or sequence.
    #[error(
        "the batch of producer {producer} has epoch {epoch} and sequence {sequence}; neither may be negative"
    )]
    NegativeSequence {
        /// The producer.
        producer: crate::ProducerId,
        /// Its epoch.
        epoch: i16,
        /// The first sequence number.
        sequence: i32,
    },
    /// A timestamp too far from now.
    #[error(
        "the batch has the timestamp {timestamp}, allowed are {earliest} to {latest} (message.timestamp.before.max.ms, message.timestamp.after.max.ms)"
    )]
    TimestampOutOfRange {
        /// The offending timestamp.
        timestamp: Timestamp,
        /// The earliest one allowed.
        earliest: Timestamp,
        /// The latest one allowed.
        latest: Timestamp,
    },
}

/// Checks a batch that a client sent, before anything of it is kept.
///
/// # Errors
/// The first [`InvalidBatch`] rule that it breaks.
pub fn validate_produced(
    batch: &Batch,
    limits: &ProduceLimits,
    now: Timestamp,
) -> Result<(), InvalidBatch> {
    let bytes = batch.total_bytes() as u64;
    if bytes > limits.batch_bytes_max {
        return Err(InvalidBatch::TooLarge {
            bytes,
            limit: limits.batch_bytes_max,
        });
    }
    // First the CRC: what it covers cannot be blamed on the client where the wire did it.
    batch.check_crc()?;
    check_attributes(batch)?;
    let header = batch.header();
    let (records, offsets) = (
        header.record_count(),
        i64::from(header.last_offset_delta()) + 1,
    );
    if records <= 0 || i64::from(records) != offsets {
        return Err(InvalidBatch::WrongCount { records, offsets });
    }
    if let Some(stamp) = header.producer()
        && (stamp.epoch < 0 || stamp.base_sequence < 0)
    {
        let (producer, epoch, sequence) = (stamp.id, stamp.epoch, stamp.base_sequence);
        return Err(InvalidBatch::NegativeSequence {
            producer,
            epoch,
            sequence,
        });
    }
    check_timestamps(batch, limits, now)
}

fn check_attributes(batch: &Batch) -> Result<(), InvalidBatch> {
    let header = batch.header();
    if header.is_control() {
        return Err(InvalidBatch::Control);
    }
    if header.is_transactional() {
        return Err(InvalidBatch::Transactional);
    }
    let bits = header.unknown_attributes();
    if bits != 0 {
        return Err(InvalidBatch::UnknownAttributes { bits });
    }
    header
        .codec()
        .map(|_| ())
        .map_err(|number| InvalidBatch::UnknownCodec { number })
}

fn check_timestamps(
    batch: &Batch,
    limits: &ProduceLimits,
    now: Timestamp,
) -> Result<(), InvalidBatch> {
    if limits.timestamp_type == TimestampType::LogAppendTime {
        return Ok(());
    }
    let earliest = limits
        .timestamp_before_max
        .map_or(Timestamp::from_millis(i64::MIN), |max| now.minus(max));
    let latest = limits
        .timestamp_after_max
        .map_or(Timestamp::from_millis(i64::MAX), |max| now.plus(max));
    let header = batch.header();
    // The base is the first record's; a batch's largest timestamp is never below it unless the header lies.
    for timestamp in [header.base_timestamp(), header.max_timestamp()] {
        if timestamp < earliest || timestamp > latest {
            return Err(InvalidBatch::TimestampOutOfRange {
                timestamp,
                earliest,
                latest,
            });
        }
    }
    Ok(())
}
