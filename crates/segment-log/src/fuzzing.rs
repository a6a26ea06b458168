//! For the fuzz targets only: the decoders of this crate's small files, which are otherwise private.

use std::path::Path;

use crate::journal;
use crate::segment::{SegmentName, SparseIndex};
use crate::small_file;
use crate::start_file::LogStart;
use crate::term_table::TermTable;

/// The magics of the small files and the journal.
pub const MAGICS: [[u8; 4]; 5] = [*b"SLs1", *b"SLt1", *b"SLi1", *b"SLc1", *b"SLj1"];

/// A payload in a sound frame: a fuzzer seldom finds a checksum.
pub fn framed(magic: [u8; 4], payload: &[u8]) -> Vec<u8> {
    small_file::encode(magic, payload)
}

/// Decodes the bytes as each small file; what decodes must encode to the same bytes. Says how many did.
///
/// # Panics
/// If a round trip is not one.
pub fn small_files(bytes: &[u8]) -> usize {
    let mut sound = 0;
    if let Ok(start) = LogStart::decode(bytes) {
        assert_eq!(LogStart::decode(&start.encode()), Ok(start));
        sound += 1;
    }
    if let Ok(terms) = TermTable::decode(bytes) {
        assert_eq!(terms.encode(), bytes);
        sound += 1;
    }
    if let Ok((facts, index)) = SparseIndex::decode(bytes) {
        let again = SparseIndex::decode(&index.encode(&facts));
        assert_eq!(again, Ok((facts, index)));
        sound += 1;
    }
    sound
}

/// Replays the bytes as a journal; `None` where they are damaged.
pub fn journal(bytes: &[u8]) -> Option<journal::Values> {
    let replayed = journal::replay(Path::new("journal"), bytes);
    replayed.ok().map(|(values, _)| values)
}

/// Parses a segment's name; says whether it is one.
///
/// # Panics
/// If it does not write as it was read.
pub fn segment_name(name: &str) -> bool {
    let parsed = SegmentName::parse(name);
    if let Some(parsed) = parsed {
        assert_eq!(parsed.log_file(), name);
    }
    parsed.is_some()
}
