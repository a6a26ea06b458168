//! Records as messages to a batch, and a batch's records to messages.
//!
//! A batch is read with [`model::batch::Records`], which bounds what decompression may yield; each record then
//! becomes a message that shares the decompressed block.

use model::batch::{Batch, BatchBuilder, BuildError, Codec, ProducerStamp, Record, RecordHeader};
use model::{Offset, Timestamp};

use crate::v1;

/// Makes one batch of some records. Those without a timestamp get `now`; their offsets are ignored.
///
/// # Errors
/// [`BuildError`]: no record, or too many bytes.
pub fn encode<'a>(
    records: impl IntoIterator<Item = &'a v1::Record>,
    codec: Codec,
    producer: Option<ProducerStamp>,
    now: Timestamp,
) -> Result<Batch, BuildError> {
    let mut builder = BatchBuilder::new(codec);
    if let Some(stamp) = producer {
        builder = builder.with_producer(stamp);
    }
    let mut headers = Vec::new();
    for record in records {
        headers.clear();
        headers.extend(record.headers.iter().map(|header| RecordHeader {
            key: header.key.clone(),
            value: header.value.clone(),
        }));
        builder.push(
            record.timestamp_ms.map_or(now, Timestamp::from_millis),
            record.key.as_deref(),
            record.value.as_deref(),
            &headers,
        );
    }
    builder.build()
}

impl From<Record> for v1::Record {
    fn from(record: Record) -> Self {
        let header = |header: RecordHeader| v1::Header {
            key: header.key,
            value: header.value,
        };
        Self {
            key: record.key,
            value: record.value,
            headers: record.headers.into_iter().map(header).collect(),
            timestamp_ms: Some(record.timestamp.as_millis()),
            offset: Some(wire_offset(record.offset)),
        }
    }
}

/// An offset as a message has it. No log reaches an offset that does not fit.
pub fn wire_offset(offset: Offset) -> i64 {
    i64::try_from(offset.get()).unwrap_or(i64::MAX)
}
