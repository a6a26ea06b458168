//! Kafka's RecordBatch v2: the one form of records on disk, between brokers and (optionally) in gRPC.
//!
//! ```text
//!  0  base_offset            i64   the leader stamps it; outside the CRC
//!  8  batch_length           i32   bytes from here + 4 to the end; outside the CRC
//! 12  partition_leader_epoch i32   the Raft term; the leader stamps it; outside the CRC
//! 16  magic                  i8    2
//! 17  crc                    u32   CRC-32C of everything behind it
//! 21  attributes             i16   bits 0-2 codec, 3 append time, 4 transactional, 5 control, 6 delete horizon
//! 23  last_offset_delta      i32   -1 in an internal entry (see `control`)
//! 27  base_timestamp         i64   ms
//! 35  max_timestamp          i64   ms
//! 43  producer_id            i64   -1: none
//! 51  producer_epoch         i16
//! 53  base_sequence          i32
//! 57  record_count           i32
//! 61  records, as one compressed or plain block
//! ```
//! All numbers are big-endian. Source: Kafka's documentation, "Record Batch".

mod builder;
pub mod codec;
pub mod control;
mod header;
mod record;
mod stored;
mod validate;
mod varint;

pub use builder::{BatchBuilder, BuildError};
pub use codec::{Codec, CodecError};
pub use header::{BatchHeader, HeaderError, ProducerStamp};
pub use record::{Record, RecordError, RecordHeader, Records};
pub use stored::{Batch, BatchError};
pub use validate::{InvalidBatch, ProduceLimits, validate_produced};

/// The size of a batch header, in bytes.
pub const HEADER_BYTES: usize = 61;

/// The bytes in front of those that `batch_length` counts.
pub const LENGTH_PREFIX_BYTES: usize = 12;

/// Where the bytes that the CRC covers begin.
pub const CRC_COVERS_FROM: usize = 21;

/// CRC-32C (Castagnoli) over consecutive parts.
pub(crate) fn crc32c<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    for part in parts {
        digest.update(part);
    }
    // A 32-bit algorithm's value fits 32 bits.
    (digest.finalize() & u64::from(u32::MAX)) as u32
}
