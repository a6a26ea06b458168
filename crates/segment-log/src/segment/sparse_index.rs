//! The sparse index of a segment: about every 4 KiB, which entry stands where, and the largest
//! timestamp before it. It answers for offsets, log indices and timestamps; a scan over headers does the rest.
//!
//! ```text
//!   0  u64  base offset        32  u64  bytes of batches
//!   8  u64  base index         40  u8 + i64  largest timestamp (1: there is one)
//!  16  u64  end offset         49  u8 + i64  first append
//!  24  u64  end index          58  u8 + i64  last append
//!  67  per entry: u64 index, u64 offset, u64 position, u8 + i64 largest timestamp before
//! ```
//! in the frame of `small_file`, magic `SLi1`. Written when a segment is sealed; rebuilt when missing,
//! stale or damaged.

use model::{LogIndex, Offset, Timestamp};

use super::{SegmentFacts, SegmentName};
use crate::small_file::{self, Fields, Unsound};

const MAGIC: [u8; 4] = *b"SLi1";

/// A batch and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    pub(crate) index: LogIndex,
    pub(crate) offset: Offset,
    pub(crate) position: u64,
    /// The running maximum over the segment's records before it.
    pub(crate) max_timestamp_before: Option<Timestamp>,
}

/// Entries, ascending in index and position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SparseIndex {
    entries: Vec<IndexEntry>,
}

impl SparseIndex {
    /// Keeps the entry if it stands `interval` bytes or more behind the last one.
    pub(crate) fn note(&mut self, entry: IndexEntry, interval: u64) {
        let due = self
            .entries
            .last()
            .is_none_or(|last| entry.position - last.position >= interval);
        if due {
            self.entries.push(entry);
        }
    }

    pub(crate) fn entries(&self) -> &[IndexEntry] {
        &self.entries
    }

    pub(crate) fn at_or_before_index(&self, index: LogIndex) -> Option<IndexEntry> {
        self.before(self.entries.partition_point(|e| e.index <= index))
    }

    pub(crate) fn at_or_before_offset(&self, offset: Offset) -> Option<IndexEntry> {
        self.before(self.entries.partition_point(|e| e.offset <= offset))
    }

    /// The last entry with no timestamp of `wanted` or later before it.
    pub(crate) fn before_timestamp(&self, wanted: Timestamp) -> Option<IndexEntry> {
        self.before(
            self.entries
                .partition_point(|e| e.max_timestamp_before < Some(wanted)),
        )
    }

    fn before(&self, behind: usize) -> Option<IndexEntry> {
        self.entries.get(behind.checked_sub(1)?).copied()
    }

    /// Forgets entries at `position` and later.
    pub(crate) fn truncate(&mut self, position: u64) {
        self.entries.retain(|entry| entry.position < position);
    }

    pub(crate) fn encode(&self, facts: &SegmentFacts) -> Vec<u8> {
        let mut payload = Vec::with_capacity(64 + self.entries.len() * 33);
        let numbers = [
            facts.name.base_offset.get(),
            facts.name.base_index.get(),
            facts.end_offset.get(),
            facts.end_index.get(),
            facts.bytes,
        ];
        numbers.iter().for_each(|n| put(&mut payload, *n));
        put_time(&mut payload, facts.max_timestamp);
        put_time(&mut payload, facts.first_append);
        put_time(&mut payload, facts.last_append);
        for entry in &self.entries {
            put(&mut payload, entry.index.get());
            put(&mut payload, entry.offset.get());
            put(&mut payload, entry.position);
            put_time(&mut payload, entry.max_timestamp_before);
        }
        small_file::encode(MAGIC, &payload)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<(SegmentFacts, Self), Unsound> {
        let mut fields = Fields(small_file::decode(MAGIC, bytes)?);
        let facts = take_facts(&mut fields).ok_or(Unsound::Malformed)?;
        let mut entries = Vec::new();
        while !fields.0.is_empty() {
            entries.push(take_entry(&mut fields).ok_or(Unsound::Malformed)?);
        }
        let sound = entries.is_sorted_by(|a: &IndexEntry, b| {
            a.position < b.position && a.index < b.index && a.offset <= b.offset
        });
        if sound {
            Ok((facts, Self { entries }))
        } else {
            Err(Unsound::Malformed)
        }
    }
}

fn put(payload: &mut Vec<u8>, number: u64) {
    payload.extend_from_slice(&number.to_be_bytes());
}

fn put_time(payload: &mut Vec<u8>, time: Option<Timestamp>) {
    payload.push(u8::from(time.is_some()));
    put(
        payload,
        time.map_or(0, |time| time.as_millis().cast_unsigned()),
    );
}

fn take_time(fields: &mut Fields<'_>) -> Option<Option<Timestamp>> {
    let known = fields.u8()?;
    let millis = fields.i64()?;
    Some((known == 1).then(|| Timestamp::from_millis(millis)))
}

fn take_facts(fields: &mut Fields<'_>) -> Option<SegmentFacts> {
    Some(SegmentFacts {
        name: SegmentName {
            base_offset: Offset::new(fields.u64()?),
            base_index: LogIndex::new(fields.u64()?),
        },
        end_offset: Offset::new(fields.u64()?),
        end_index: LogIndex::new(fields.u64()?),
        bytes: fields.u64()?,
        max_timestamp: take_time(fields)?,
        first_append: take_time(fields)?,
        last_append: take_time(fields)?,
    })
}

fn take_entry(fields: &mut Fields<'_>) -> Option<IndexEntry> {
    Some(IndexEntry {
        index: LogIndex::new(fields.u64()?),
        offset: Offset::new(fields.u64()?),
        position: fields.u64()?,
        max_timestamp_before: take_time(fields)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: u64, position: u64, before: Option<i64>) -> IndexEntry {
        IndexEntry {
            index: LogIndex::new(index),
            offset: Offset::new(index * 10),
            position,
            max_timestamp_before: before.map(Timestamp::from_millis),
        }
    }

    #[test]
    fn it_round_trips_and_notices_every_cut() {
        let name = SegmentName {
            base_offset: Offset::new(1),
            base_index: LogIndex::new(2),
        };
        let facts = SegmentFacts {
            max_timestamp: Some(Timestamp::from_millis(-5)),
            ..SegmentFacts::empty(name)
        };
        let mut index = SparseIndex::default();
        index.note(entry(2, 0, None), 10);
        index.note(entry(3, 9, Some(4)), 10);
        index.note(entry(4, 19, Some(7)), 10);
        assert_eq!(index.entries.len(), 2);
        let bytes = index.encode(&facts);
        assert_eq!(&bytes[..4], b"SLi1");
        assert_eq!(bytes.len(), 12 + 40 + 27 + 2 * 33);
        assert_eq!(SparseIndex::decode(&bytes), Ok((facts, index)));
        for cut in 0..bytes.len() {
            assert!(SparseIndex::decode(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn golden_bytes() {
        let facts = SegmentFacts {
            name: SegmentName {
                base_offset: Offset::new(1),
                base_index: LogIndex::new(2),
            },
            end_offset: Offset::new(0x0304),
            end_index: LogIndex::new(5),
            bytes: 0x0607,
            max_timestamp: Some(Timestamp::from_millis(-2)),
            first_append: None,
            last_append: Some(Timestamp::from_millis(8)),
        };
        let mut index = SparseIndex::default();
        index.note(entry(2, 0, None), 10);
        index.note(entry(3, 0x0910, Some(4)), 10);
        let bytes = index.encode(&facts);
        assert_eq!(&bytes[..8], b"SLi1\0\0\0\x85");
        #[rustfmt::skip]
        let payload = [
            0, 0, 0, 0, 0, 0, 0, 1,  0, 0, 0, 0, 0, 0, 0, 2,
            0, 0, 0, 0, 0, 0, 3, 4,  0, 0, 0, 0, 0, 0, 0, 5,  0, 0, 0, 0, 0, 0, 6, 7,
            1, 255, 255, 255, 255, 255, 255, 255, 254,
            0, 0, 0, 0, 0, 0, 0, 0, 0,
            1, 0, 0, 0, 0, 0, 0, 0, 8,
            0, 0, 0, 0, 0, 0, 0, 2,  0, 0, 0, 0, 0, 0, 0, 20,  0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 3,  0, 0, 0, 0, 0, 0, 0, 30,  0, 0, 0, 0, 0, 0, 9, 16,
            1, 0, 0, 0, 0, 0, 0, 0, 4,
        ];
        assert_eq!(bytes[12..], payload);
    }

    #[test]
    fn a_timestamp_is_looked_for_behind_the_last_entry_that_has_only_earlier_ones_before() {
        let mut index = SparseIndex::default();
        index.note(entry(0, 0, None), 1);
        index.note(entry(1, 10, Some(5)), 1);
        index.note(entry(2, 20, Some(9)), 1);
        let at = |ts| {
            index
                .before_timestamp(Timestamp::from_millis(ts))
                .unwrap()
                .position
        };
        assert_eq!(at(5), 0);
        assert_eq!(at(6), 10);
        assert_eq!(at(100), 20);
    }
}
