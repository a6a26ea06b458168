//! What is known about a segment without reading it: 80 bytes or so.

use model::{LogIndex, Offset, Timestamp, batch::BatchHeader};

use super::SegmentName;

/// Where a segment begins and ends, in every count there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentFacts {
    pub(crate) name: SegmentName,
    pub(crate) end_offset: Offset,
    pub(crate) end_index: LogIndex,
    /// The bytes of its batches; the file may be longer, with zeros.
    pub(crate) bytes: u64,
    /// The largest timestamp of its records; `None` where it holds internal entries only.
    pub(crate) max_timestamp: Option<Timestamp>,
    /// When this process, or the one that sealed it, made the first append.
    pub(crate) first_append: Option<Timestamp>,
    pub(crate) last_append: Option<Timestamp>,
}

impl SegmentFacts {
    pub(crate) fn empty(name: SegmentName) -> Self {
        Self {
            name,
            end_offset: name.base_offset,
            end_index: name.base_index,
            bytes: 0,
            max_timestamp: None,
            first_append: None,
            last_append: None,
        }
    }

    /// Counts a batch behind the others.
    pub(crate) fn count(&mut self, header: &BatchHeader) {
        self.end_offset = header.end_offset();
        self.end_index = self.end_index.next();
        self.bytes += header.total_bytes() as u64;
        if !header.is_internal() {
            self.max_timestamp = self.max_timestamp.max(Some(header.max_timestamp()));
        }
    }
}

impl SegmentFacts {
    /// Where it ends.
    pub(crate) fn end(&self) -> crate::noted_ends::End {
        crate::noted_ends::End {
            index: self.end_index,
            offset: self.end_offset,
        }
    }
}
