//! Cuts bytes into lines, however they come: a line feed ends a line and is no part of it; nothing else does.

use bytes::{Bytes, BytesMut};
use thiserror::Error;

/// A line that is longer than a record may be.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the line has more than {limit} bytes, which is the limit of a record")]
pub(super) struct LineTooLong {
    pub(super) limit: usize,
}

/// Cuts bytes into lines; holds at most one unended line.
#[derive(Debug)]
pub(super) struct LineSplitter {
    unended: BytesMut,
    line_bytes_max: usize,
}

impl LineSplitter {
    pub(super) fn new(line_bytes_max: usize) -> Self {
        Self {
            unended: BytesMut::new(),
            line_bytes_max,
        }
    }

    /// Takes the next whole line off `chunk`; `None` where it ends inside a line. An empty line is one.
    pub(super) fn next(&mut self, chunk: &mut Bytes) -> Result<Option<Bytes>, LineTooLong> {
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = end.unwrap_or(chunk.len());
        if self.unended.len() + part > self.line_bytes_max {
            return Err(LineTooLong {
                limit: self.line_bytes_max,
            });
        }
        let part = chunk.split_to(part);
        if end.is_none() {
            self.unended.extend_from_slice(&part);
            return Ok(None);
        }
        let _line_feed = chunk.split_to(1);
        if self.unended.is_empty() {
            return Ok(Some(part));
        }
        self.unended.extend_from_slice(&part);
        Ok(Some(self.unended.split().freeze()))
    }

    /// The last line, where no line feed ended it.
    pub(super) fn finish(self) -> Option<Bytes> {
        (!self.unended.is_empty()).then(|| self.unended.freeze())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(input: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
        let mut splitter = LineSplitter::new(usize::MAX >> 1);
        let mut lines = Vec::new();
        let mut rest = Bytes::copy_from_slice(input);
        let mut cuts = cuts.iter().cycle();
        while !rest.is_empty() {
            let length = cuts
                .next()
                .map_or(rest.len(), |cut| (*cut).clamp(1, rest.len()));
            let mut chunk = rest.split_to(length);
            while let Some(line) = splitter.next(&mut chunk).unwrap() {
                lines.push(line.to_vec());
            }
        }
        lines.extend(splitter.finish().map(|line| line.to_vec()));
        lines
    }

    #[test]
    fn empty_lines_count_and_an_unended_last_line_is_one() {
        assert_eq!(split(b"", &[]), Vec::<Vec<u8>>::new());
        assert_eq!(split(b"\n", &[]), [b""]);
        assert_eq!(split(b"a\r\n\nb", &[]), [&b"a\r"[..], b"", b"b"]);
    }

    #[test]
    fn a_line_over_the_limit_is_refused_before_it_is_kept() {
        let mut splitter = LineSplitter::new(3);
        let mut chunk = Bytes::from_static(b"abc\nab");
        assert_eq!(
            splitter.next(&mut chunk),
            Ok(Some(Bytes::from_static(b"abc")))
        );
        assert_eq!(splitter.next(&mut chunk), Ok(None));
        let mut chunk = Bytes::from_static(b"cd\n");
        assert_eq!(splitter.next(&mut chunk), Err(LineTooLong { limit: 3 }));
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_chunks_come_out_as_the_lines_that_went_in(
            input in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..400),
            cuts in prop::collection::vec(1_usize..50, 1..20),
        ) {
            let mut expected: Vec<Vec<u8>> = input.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            // What stands behind the last line feed is a line only where it is not empty.
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            prop_assert_eq!(split(&input, &cuts), expected);
        }
    }
}
