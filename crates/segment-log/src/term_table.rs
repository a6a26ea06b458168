//! Which term wrote which entries: the file `terms`, and what every stored batch must match.
//!
//! ```text
//!  0  u64  term            \
//!  8  u64  its first index  | one of these per term, ascending
//! 16  u64  its first offset/
//! ```
//! in the frame of `small_file`, magic `SLt1`. It is durable before the first batch of a term is written.
//! A batch's CRC does not cover its term; this table does.

use std::io;
use std::path::Path;

use model::{LogIndex, Offset, Term};

use crate::disk::Disk;
use crate::disk::durable;
use crate::small_file::{self, Fields, Unsound};

pub(crate) const TERM_FILE: &str = "terms";
const MAGIC: [u8; 4] = *b"SLt1";
const ENTRY_BYTES: usize = 24;
/// More terms than a log can sensibly see; bounds what a damaged length makes us read.
const FILE_BYTES_MAX: usize = 64 << 20;

/// A term and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TermStart {
    pub(crate) term: Term,
    pub(crate) index: LogIndex,
    pub(crate) offset: Offset,
}

/// All terms of a log, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TermTable {
    starts: Vec<TermStart>,
}

impl TermTable {
    pub(crate) fn starts(&self) -> &[TermStart] {
        &self.starts
    }

    pub(crate) fn last(&self) -> Option<TermStart> {
        self.starts.last().copied()
    }

    /// The term that the entry at `index` must have; `None` below the first.
    pub(crate) fn term_at(&self, index: LogIndex) -> Option<Term> {
        let behind = self.starts.partition_point(|start| start.index <= index);
        self.starts
            .get(behind.checked_sub(1)?)
            .map(|start| start.term)
    }

    /// Notes a term's first entry. It must be later than the last one.
    pub(crate) fn push(&mut self, start: TermStart) {
        self.starts.push(start);
    }

    /// Forgets terms that begin at `end` or later. Says whether there were any: then the file says too much, and
    /// would contradict entries of an earlier term that come in their place.
    #[must_use]
    pub(crate) fn truncate(&mut self, end: LogIndex) -> bool {
        let before = self.starts.len();
        self.starts.retain(|start| start.index < end);
        self.starts.len() < before
    }

    /// Forgets terms that end at or below `first`.
    pub(crate) fn trim(&mut self, first: LogIndex) {
        let behind = self.starts.partition_point(|start| start.index <= first);
        self.starts.drain(..behind.saturating_sub(1));
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let payload: Vec<u8> = self
            .starts
            .iter()
            .flat_map(|s| [s.term.get(), s.index.get(), s.offset.get()])
            .flat_map(u64::to_be_bytes)
            .collect();
        small_file::encode(MAGIC, &payload)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Unsound> {
        let payload = small_file::decode(MAGIC, bytes)?;
        let (entries, rest) = payload.as_chunks::<ENTRY_BYTES>();
        if !rest.is_empty() {
            return Err(Unsound::Malformed);
        }
        let starts: Option<Vec<TermStart>> = entries
            .iter()
            .map(|entry| {
                let mut fields = Fields(entry);
                Some(TermStart {
                    term: Term::new(fields.u64()?)?,
                    index: LogIndex::new(fields.u64()?),
                    offset: Offset::new(fields.u64()?),
                })
            })
            .collect();
        let starts = starts.ok_or(Unsound::Malformed)?;
        let ascending = starts.is_sorted_by(|a, b| a.term < b.term && a.index < b.index);
        if ascending {
            Ok(Self { starts })
        } else {
            Err(Unsound::Malformed)
        }
    }

    pub(crate) fn read(
        disk: &dyn Disk,
        directory: &Path,
    ) -> io::Result<Option<Result<Self, Unsound>>> {
        let bytes = durable::read_small_file(disk, &directory.join(TERM_FILE), FILE_BYTES_MAX)?;
        Ok(bytes.map(|bytes| Self::decode(&bytes)))
    }

    pub(crate) fn write(&self, disk: &dyn Disk, directory: &Path) -> io::Result<()> {
        durable::replace_file_durably(disk, &directory.join(TERM_FILE), &self.encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(term: u64, index: u64, offset: u64) -> TermStart {
        TermStart {
            term: Term::new(term).unwrap(),
            index: LogIndex::new(index),
            offset: Offset::new(offset),
        }
    }

    #[test]
    fn golden_bytes_round_trip_and_every_cut() {
        let mut table = TermTable::default();
        table.push(start(1, 0, 0));
        table.push(start(4, 9, 7));
        let bytes = table.encode();
        assert_eq!(&bytes[..8], b"SLt1\0\0\0\x30");
        assert_eq!(bytes[12 + 7], 1);
        assert_eq!(bytes[12 + 24 + 7], 4);
        assert_eq!(bytes[12 + 24 + 15], 9);
        assert_eq!(bytes[12 + 24 + 23], 7);
        assert_eq!(TermTable::decode(&bytes), Ok(table));
        for cut in 0..bytes.len() {
            assert!(TermTable::decode(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn an_entry_has_the_term_that_began_at_or_before_it() {
        let mut table = TermTable::default();
        table.push(start(1, 5, 0));
        table.push(start(4, 9, 7));
        assert_eq!(table.term_at(LogIndex::new(4)), None);
        assert_eq!(table.term_at(LogIndex::new(8)), Term::new(1));
        assert_eq!(table.term_at(LogIndex::new(9)), Term::new(4));
        table.trim(LogIndex::new(9));
        assert_eq!(table.starts(), [start(4, 9, 7)]);
        assert!(!table.truncate(LogIndex::new(10)));
        assert!(table.truncate(LogIndex::new(9)));
        assert_eq!(table.starts(), []);
    }
}
