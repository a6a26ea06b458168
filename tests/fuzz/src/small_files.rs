//! A log's small files: start, terms, sparse index; as they are, and in a sound frame.

use segment_log::fuzzing::{MAGICS, framed, small_files};

/// One input.
pub fn run(data: &[u8]) {
    small_files(data);
    for magic in MAGICS {
        small_files(&framed(magic, data));
    }
}
