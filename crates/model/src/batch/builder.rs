//! Puts records together into a batch, as a producer does.

use bytes::BytesMut;
use thiserror::Error;

use super::codec::{self, Codec, CodecError};
use super::header::{BatchHeader, ProducerStamp};
use super::record::{RecordHeader, put_record};
use super::stored::Batch;
use super::{HEADER_BYTES, LENGTH_PREFIX_BYTES};
use crate::Timestamp;

/// The largest records block whose batch's length still fits its field, in bytes.
const BLOCK_BYTES_MAX: usize = i32::MAX as usize - (HEADER_BYTES - LENGTH_PREFIX_BYTES);

/// Why records do not make a batch.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BuildError {
    /// A batch has at least one record.
    #[error("a batch needs at least one record")]
    Empty,
    /// More bytes than the length field can hold.
    #[error("the records take {bytes} bytes, a batch can hold {BLOCK_BYTES_MAX}")]
    TooLarge {
        /// The records block's size.
        bytes: usize,
    },
    /// The block could not be compressed.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// Collects records; [`BatchBuilder::build`] makes the batch.
#[derive(Debug)]
pub struct BatchBuilder {
    codec: Codec,
    block: BytesMut,
    records: i32,
    base_timestamp: Timestamp,
    max_timestamp: Timestamp,
    producer: Option<ProducerStamp>,
}

impl BatchBuilder {
    /// An empty batch that will be compressed with `codec`.
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            block: BytesMut::new(),
            records: 0,
            base_timestamp: Timestamp::default(),
            max_timestamp: Timestamp::default(),
            producer: None,
        }
    }

    /// Marks the batch as an idempotent producer's.
    #[must_use]
    pub fn with_producer(mut self, stamp: ProducerStamp) -> Self {
        self.producer = Some(stamp);
        self
    }

    /// Adds a record behind the others.
    pub fn push(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[RecordHeader],
    ) {
        if self.records == 0 {
            self.base_timestamp = timestamp;
            self.max_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let delta = timestamp
            .as_millis()
            .wrapping_sub(self.base_timestamp.as_millis());
        put_record(
            &mut self.block,
            delta,
            i64::from(self.records),
            key,
            value,
            headers,
        );
        self.records = self.records.saturating_add(1);
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        usize::try_from(self.records).unwrap_or_default()
    }

    /// Whether there is no record yet.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// The batch's size before compression, in bytes.
    pub fn plain_bytes(&self) -> usize {
        HEADER_BYTES + self.block.len()
    }

    /// Compresses the records and makes the batch, with base offset 0 and no term.
    ///
    /// # Errors
    /// [`BuildError`]: no record, or too many bytes.
    pub fn build(self) -> Result<Batch, BuildError> {
        if self.records == 0 {
            return Err(BuildError::Empty);
        }
        let records = codec::compress(self.codec, self.block.freeze())?;
        check_length(records.len())?;
        let mut header = BatchHeader::blank();
        header.set_codec(self.codec);
        header.set_timestamps(self.base_timestamp, self.max_timestamp);
        header.set_last_offset_delta(self.records - 1);
        header.set_record_count(self.records);
        if let Some(stamp) = self.producer {
            header.set_producer(stamp);
        }
        Ok(Batch::assemble(header, records))
    }
}

fn check_length(bytes: usize) -> Result<(), BuildError> {
    if bytes > BLOCK_BYTES_MAX {
        Err(BuildError::TooLarge { bytes })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_the_length_field_cannot_count_is_refused() {
        // The header's own 49 bytes count too. Building 2 GiB would show nothing more.
        let most = i32::MAX as usize - 49;
        assert_eq!(check_length(most), Ok(()));
        let bytes = most + 1;
        assert_eq!(check_length(bytes), Err(BuildError::TooLarge { bytes }));
    }
}
