//! Turns stored batches into plain records, as many as fit.
//!
//! Decompression is bounded for each batch (`DECOMPRESSED_BYTES_MAX`), and what is kept for the response is bounded
//! by its budget: a record more than that is cut off, and the next request begins there.

use std::mem;

use bytes::Bytes;
use model::Offset;
use model::batch::{Batch, Codec, RecordError, Records};
use model::limits::DECOMPRESSED_BYTES_MAX;
use prost::Message as _;
use rpc::v1;

/// What a record takes beside its bytes, as a message field and in memory.
const RECORD_EXTRA_BYTES: usize = 32;

/// How many bytes of records may still go into a response.
pub(super) struct Budget {
    left: usize,
    /// The largest record that fits a message at all.
    record_max: usize,
    any: bool,
}

impl Budget {
    pub(super) fn new(bytes: usize, record_max: usize) -> Self {
        Self {
            left: bytes,
            record_max,
            any: false,
        }
    }

    /// Whether a record fits; the first of a response does, unless it is larger than any message.
    fn take(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.left || (!self.any && bytes <= self.record_max);
        if fits {
            self.left = self.left.saturating_sub(bytes);
            self.any = true;
        }
        fits
    }
}

/// Why a partition's records cannot be told.
pub(super) enum PlainError {
    /// A batch cannot be read.
    Records {
        error: RecordError,
        batch_end: Offset,
    },
    /// A single record is larger than any message.
    RecordTooLarge {
        offset: Offset,
        bytes: usize,
        limit: usize,
    },
}

/// Plain records of one partition.
#[derive(Default)]
pub(super) struct Plain {
    pub(super) records: Vec<v1::Record>,
    /// Where to read on.
    pub(super) next_offset: Offset,
    /// The stored bytes of the batches whose end was reached.
    pub(super) used_bytes: u64,
    /// Whether every batch was taken to its end.
    pub(super) whole: bool,
    /// Why there is no record.
    pub(super) error: Option<PlainError>,
}

/// The records of these runs of batches, from an offset on.
pub(super) fn decode(runs: Vec<Bytes>, from: Offset, budget: &mut Budget) -> Plain {
    let mut plain = Plain {
        next_offset: from,
        ..Plain::default()
    };
    for mut run in runs {
        // Read by the broker as whole batches; anything else ends the answer before it.
        while let Ok(batch) = Batch::split_off(&mut run) {
            if !plain.add(&batch, budget) {
                return plain;
            }
        }
    }
    plain.whole = true;
    plain
}

impl Plain {
    /// Adds a batch's records; false where one did not fit, or could not be read.
    fn add(&mut self, batch: &Batch, budget: &mut Budget) -> bool {
        let had = self.records.len();
        let whole = self.add_records(batch, budget);
        if !whole && batch.header().codec() != Ok(Codec::None) {
            // What was not taken would be kept in memory along with what was.
            self.records.iter_mut().skip(had).for_each(unshare);
        }
        whole
    }

    fn add_records(&mut self, batch: &Batch, budget: &mut Budget) -> bool {
        let end = batch.header().end_offset();
        let records = match Records::of(batch, DECOMPRESSED_BYTES_MAX) {
            Ok(records) => records,
            Err(error) => return self.fail(error, end),
        };
        for record in records {
            let record = match record {
                Ok(record) if record.offset < self.next_offset => continue,
                Ok(record) => record,
                Err(error) => return self.fail(error, end),
            };
            let offset = record.offset;
            let message = v1::Record::from(record);
            let bytes = message.encoded_len() + RECORD_EXTRA_BYTES;
            if !budget.take(bytes) {
                if !budget.any {
                    let limit = budget.record_max;
                    self.error = Some(PlainError::RecordTooLarge {
                        offset,
                        bytes,
                        limit,
                    });
                }
                return false;
            }
            self.records.push(message);
            self.next_offset = offset.next();
        }
        self.next_offset = self.next_offset.max(end);
        self.used_bytes += batch.total_bytes() as u64;
        true
    }

    /// Stops before what cannot be read. It is an error once it comes first.
    fn fail(&mut self, error: RecordError, batch_end: Offset) -> bool {
        if self.records.is_empty() {
            self.error = Some(PlainError::Records { error, batch_end });
        }
        false
    }
}

/// Copies a record's bytes out of the block that they are a slice of.
fn unshare(record: &mut v1::Record) {
    let copy = |bytes: &mut Bytes| *bytes = Bytes::copy_from_slice(&mem::take(bytes));
    record.key.iter_mut().for_each(copy);
    record.value.iter_mut().for_each(copy);
    for header in &mut record.headers {
        copy(&mut header.key);
        header.value.iter_mut().for_each(copy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Term, Timestamp};

    fn batch(base: u64, values: &[&'static str], codec: Codec) -> Bytes {
        let record = |value: &&'static str| v1::Record {
            value: Some(Bytes::from_static(value.as_bytes())),
            ..v1::Record::default()
        };
        let records: Vec<_> = values.iter().map(record).collect();
        let mut batch = rpc::encode(&records, codec, None, Timestamp::default()).unwrap();
        batch.stamp(Offset::new(base), Term::ZERO);
        batch.to_bytes()
    }

    fn offsets(plain: &Plain) -> Vec<i64> {
        plain
            .records
            .iter()
            .map(|record| record.offset.unwrap())
            .collect()
    }

    #[test]
    fn records_below_the_offset_are_cut_off() {
        let run = [
            batch(0, &["a", "b"], Codec::Lz4),
            batch(2, &["c"], Codec::None),
        ]
        .concat();
        let plain = decode(
            vec![run.into()],
            Offset::new(1),
            &mut Budget::new(1 << 20, 1 << 20),
        );
        assert_eq!(offsets(&plain), [1, 2]);
        assert_eq!(plain.next_offset, Offset::new(3));
    }

    #[test]
    fn what_does_not_fit_is_where_the_next_request_begins() {
        let runs = || vec![batch(0, &["aaaa", "bbbb", "cccc"], Codec::Zstd)];
        let one = 2 * RECORD_EXTRA_BYTES;
        let mut from = Offset::ZERO;
        for expected in 0..3 {
            let plain = decode(runs(), from, &mut Budget::new(one, 1 << 20));
            assert_eq!(offsets(&plain), [expected]);
            from = plain.next_offset;
        }
        assert_eq!(from, Offset::new(3));
    }

    #[test]
    fn the_first_record_comes_whatever_its_size_but_not_beyond_a_message() {
        let run = batch(5, &["a long value"], Codec::None);
        let plain = decode(
            vec![run.clone()],
            Offset::new(5),
            &mut Budget::new(1, 1 << 20),
        );
        assert_eq!(offsets(&plain), [5]);
        let plain = decode(vec![run], Offset::new(5), &mut Budget::new(1, 8));
        assert!(matches!(
            plain.error,
            Some(PlainError::RecordTooLarge { limit: 8, .. })
        ));
        assert_eq!(plain.next_offset, Offset::new(5));
    }

    #[test]
    fn a_batch_that_lies_is_an_error_only_once_it_comes_first() {
        let mut lying = batch(1, &["x"], Codec::Gzip).to_vec();
        let last = lying.len() - 9;
        lying.truncate(last);
        let length = u32::try_from(lying.len() - 12).unwrap();
        lying[8..12].copy_from_slice(&length.to_be_bytes());
        let runs = vec![batch(0, &["good"], Codec::None), lying.into()];
        let plain = decode(
            runs.clone(),
            Offset::ZERO,
            &mut Budget::new(1 << 20, 1 << 20),
        );
        assert_eq!(offsets(&plain), [0]);
        assert!(plain.error.is_none());
        let plain = decode(runs, plain.next_offset, &mut Budget::new(1 << 20, 1 << 20));
        let end = Offset::new(2);
        assert!(
            matches!(plain.error, Some(PlainError::Records { batch_end, .. }) if batch_end == end)
        );
    }
}
