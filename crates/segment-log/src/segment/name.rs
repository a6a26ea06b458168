//! A segment's file name: `<20-digit base offset>.<base log index>.log`.
//!
//! A segment may hold only internal entries, so the offset alone is not unique.

use model::{LogIndex, Offset};

/// Where a segment begins, which is also its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SegmentName {
    pub(crate) base_index: LogIndex,
    pub(crate) base_offset: Offset,
}

impl SegmentName {
    pub(crate) fn log_file(self) -> String {
        format!("{:020}.{}.log", self.base_offset.get(), self.base_index)
    }

    pub(crate) fn index_file(self) -> String {
        format!("{:020}.{}.index", self.base_offset.get(), self.base_index)
    }

    /// The name that a `.log` file has; `None` for any other file.
    pub(crate) fn parse(file: &str) -> Option<Self> {
        let (offset, index) = file.strip_suffix(".log")?.split_once('.')?;
        let name = Self {
            base_offset: Offset::new(offset.parse().ok()?),
            base_index: LogIndex::new(index.parse().ok()?),
        };
        (name.log_file() == file).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_and_nothing_else_does() {
        let name = SegmentName {
            base_offset: Offset::new(42),
            base_index: LogIndex::new(7),
        };
        assert_eq!(name.log_file(), "00000000000000000042.7.log");
        assert_eq!(SegmentName::parse(&name.log_file()), Some(name));
        for other in [
            "42.7.log",
            "00000000000000000042.07.log",
            "start",
            "x.7.log",
            ".log",
        ] {
            assert_eq!(SegmentName::parse(other), None, "{other}");
        }
    }
}
