//! A whole batch: its header, which may be restamped, and its records block, which is never touched.

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

use super::header::{BatchHeader, HeaderError, ProducerStamp};
use super::{HEADER_BYTES, crc32c};
use crate::{Offset, Term, Timestamp};

/// Why bytes are not a whole, sound batch.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BatchError {
    /// The header is unsound.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The bytes end before the batch does.
    #[error("the batch is {needed} bytes long, there are {have}")]
    Truncated {
        /// The size that the header gives.
        needed: usize,
        /// The bytes there are.
        have: usize,
    },
    /// Bytes behind the batch, where exactly one is expected.
    #[error("{extra} bytes follow the batch, exactly one batch is expected")]
    TrailingBytes {
        /// How many.
        extra: usize,
    },
    /// The checksum does not match.
    #[error(
        "the batch's CRC-32C is {stored:#010x}, its bytes give {computed:#010x}: it was damaged on its way"
    )]
    WrongCrc {
        /// The header's field.
        stored: u32,
        /// What the bytes give.
        computed: u32,
    },
}

/// One record batch, or one of Raft's own entries in the same form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    header: BatchHeader,
    records: Bytes,
}

impl Batch {
    /// Takes the first batch off `bytes`, without copying. The CRC is not checked.
    ///
    /// # Errors
    /// [`BatchError::Header`] or [`BatchError::Truncated`]; `bytes` is then as it was.
    pub fn split_off(bytes: &mut Bytes) -> Result<Self, BatchError> {
        let header = BatchHeader::parse(bytes)?;
        let needed = header.total_bytes();
        if bytes.len() < needed {
            return Err(BatchError::Truncated {
                needed,
                have: bytes.len(),
            });
        }
        let records = bytes.split_to(needed).slice(HEADER_BYTES..);
        Ok(Self { header, records })
    }

    /// Reads exactly one batch, without copying. The CRC is not checked.
    ///
    /// # Errors
    /// As [`Batch::split_off`], or [`BatchError::TrailingBytes`].
    pub fn parse(mut bytes: Bytes) -> Result<Self, BatchError> {
        let batch = Self::split_off(&mut bytes)?;
        match bytes.len() {
            0 => Ok(batch),
            extra => Err(BatchError::TrailingBytes { extra }),
        }
    }

    /// Puts a batch together from its header's bytes and its records block, without copying the latter. The CRC is not
    /// checked.
    ///
    /// # Errors
    /// As [`Batch::parse`].
    pub fn join(header: &[u8], records: Bytes) -> Result<Self, BatchError> {
        let header = BatchHeader::parse(header)?;
        let (needed, have) = (header.total_bytes(), HEADER_BYTES + records.len());
        match have.checked_sub(needed) {
            None => Err(BatchError::Truncated { needed, have }),
            Some(0) => Ok(Self { header, records }),
            Some(extra) => Err(BatchError::TrailingBytes { extra }),
        }
    }

    /// Puts a batch together and sets its length and CRC.
    pub(super) fn assemble(mut header: BatchHeader, records: Bytes) -> Self {
        header.set_records_bytes(u32::try_from(records.len()).unwrap_or(u32::MAX));
        let mut batch = Self { header, records };
        batch.header.set_crc(batch.computed_crc());
        batch
    }

    /// The header.
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The records block as stored: compressed, or an internal entry's payload.
    pub const fn records(&self) -> &Bytes {
        &self.records
    }

    /// The whole batch's size in bytes.
    pub fn total_bytes(&self) -> usize {
        HEADER_BYTES + self.records.len()
    }

    /// Checks the CRC-32C against the bytes.
    ///
    /// # Errors
    /// [`BatchError::WrongCrc`].
    pub fn check_crc(&self) -> Result<(), BatchError> {
        let (stored, computed) = (self.header.crc(), self.computed_crc());
        if stored == computed {
            Ok(())
        } else {
            Err(BatchError::WrongCrc { stored, computed })
        }
    }

    /// Stamps the first offset and the term, which lie outside the CRC.
    pub fn stamp(&mut self, base_offset: Offset, term: Term) {
        self.header.stamp(base_offset, term);
    }

    /// Makes the broker the setter of the timestamps: attribute, largest timestamp and CRC change.
    pub fn set_append_time(&mut self, now: Timestamp) {
        self.header.set_append_time(now);
        self.header.set_crc(self.computed_crc());
    }

    /// Gives the batch a place in an idempotent producer's sequence; the CRC changes.
    pub fn set_producer(&mut self, stamp: ProducerStamp) {
        self.header.set_producer(stamp);
        self.header.set_crc(self.computed_crc());
    }

    /// The batch's bytes in two parts, for a vectored write.
    pub fn parts(&self) -> [&[u8]; 2] {
        [self.header.as_bytes(), &self.records]
    }

    /// The batch's bytes in one piece: a copy.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.total_bytes());
        self.parts()
            .into_iter()
            .for_each(|part| bytes.put_slice(part));
        bytes.freeze()
    }

    fn computed_crc(&self) -> u32 {
        crc32c([self.header.crc_covered(), &self.records])
    }
}
