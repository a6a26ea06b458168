//! A line as a record.

use bytes::Bytes;
use model::batch::{BatchBuilder, Record, RecordHeader};
use model::{Offset, Timestamp};

use crate::arguments::{Assignment, Separator};

/// Bytes that a record takes beside its key, value and headers, at most.
const OVERHEAD_BYTES: usize = 40;

/// What lines have in common.
#[derive(Debug)]
pub(super) struct RecordShape {
    separator: Option<Separator>,
    headers: Vec<RecordHeader>,
    headers_bytes: usize,
}

/// One line, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LineRecord {
    pub(super) key: Option<Bytes>,
    pub(super) value: Bytes,
}

impl RecordShape {
    pub(super) fn new(separator: Option<Separator>, headers: Vec<Assignment>) -> Self {
        let header = |header: Assignment| RecordHeader {
            key: header.key.into(),
            value: Some(header.value.into()),
        };
        let headers: Vec<_> = headers.into_iter().map(header).collect();
        let bytes = |header: &RecordHeader| {
            header.key.len() + header.value.as_ref().map_or(0, Bytes::len) + 10
        };
        let headers_bytes = headers.iter().map(bytes).sum();
        Self {
            separator,
            headers,
            headers_bytes,
        }
    }

    /// Takes a line apart at the first separator; without one, it is all value.
    pub(super) fn take_apart(&self, line: Bytes) -> LineRecord {
        let found = self.separator.as_ref().and_then(|Separator(separator)| {
            let at = line
                .windows(separator.len())
                .position(|window| window == separator)?;
            Some((line.slice(..at), line.slice(at + separator.len()..)))
        });
        match found {
            Some((key, value)) => LineRecord {
                key: Some(key),
                value,
            },
            None => LineRecord {
                key: None,
                value: line,
            },
        }
    }

    /// Bytes that the record takes in a batch, at most.
    pub(super) fn bytes_max(&self, record: &LineRecord) -> usize {
        OVERHEAD_BYTES
            + self.headers_bytes
            + record.key.as_ref().map_or(0, Bytes::len)
            + record.value.len()
    }

    /// Adds a line to a batch.
    pub(super) fn push(&self, batch: &mut BatchBuilder, record: &LineRecord, now: Timestamp) {
        batch.push(
            now,
            record.key.as_deref(),
            Some(&record.value),
            &self.headers,
        );
    }

    /// A line as a record on its own.
    pub(super) fn record(&self, record: LineRecord, now: Timestamp) -> Record {
        Record {
            offset: Offset::ZERO,
            timestamp: now,
            key: record.key,
            value: Some(record.value),
            headers: self.headers.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apart(separator: &str, line: &'static [u8]) -> (Option<Vec<u8>>, Vec<u8>) {
        let shape = RecordShape::new(Some(Separator(separator.into())), Vec::new());
        let record = shape.take_apart(Bytes::from_static(line));
        (record.key.map(|key| key.to_vec()), record.value.to_vec())
    }

    #[test]
    fn the_first_separator_splits_and_without_one_there_is_no_key() {
        assert_eq!(apart(":", b"k:v:w"), (Some(b"k".to_vec()), b"v:w".to_vec()));
        assert_eq!(apart(":", b":v"), (Some(Vec::new()), b"v".to_vec()));
        assert_eq!(apart("::", b"k:v::"), (Some(b"k:v".to_vec()), Vec::new()));
        assert_eq!(apart("::", b":"), (None, b":".to_vec()));
        assert_eq!(apart(":", b""), (None, Vec::new()));
    }
}
