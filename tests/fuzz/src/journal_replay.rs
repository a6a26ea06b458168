//! A keyed journal: arbitrary bytes, and sound frames of arbitrary records. What is replayed fits its limits.

use segment_log::fuzzing::{framed, journal};

/// One input. The first byte says where the second frame begins.
pub fn run(data: &[u8]) {
    journal(data);
    let Some((at, records)) = data.split_first() else {
        return;
    };
    let (first, second) = records.split_at(usize::from(*at).min(records.len()));
    let frames = [framed(*b"SLj1", first), framed(*b"SLj1", second)].concat();
    if let Some(values) = journal(&frames) {
        let bytes: usize = values
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        assert!(bytes <= data.len(), "more was replayed than there is");
    }
}
