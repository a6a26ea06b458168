//! Where a log starts: the file `start`, replaced durably before anything is deleted.
//!
//! ```text
//!  0  u64  term of the last purged entry
//!  8  u64  its index
//! 16  u64  the offset behind it
//! ```
//! in the frame of `small_file`, magic `SLs1`.

use std::io;
use std::path::Path;

use model::{LogId, LogIndex, Offset, Term};

use crate::disk::Disk;
use crate::disk::durable;
use crate::small_file::{self, Fields, Unsound};

pub(crate) const START_FILE: &str = "start";
const MAGIC: [u8; 4] = *b"SLs1";

/// The last purged entry and the offset behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogStart {
    pub(crate) purged: LogId,
    pub(crate) offset: Offset,
}

impl LogStart {
    pub(crate) fn encode(self) -> Vec<u8> {
        let fields = [
            self.purged.term.get(),
            self.purged.index.get(),
            self.offset.get(),
        ];
        small_file::encode(MAGIC, &fields.map(u64::to_be_bytes).concat())
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Unsound> {
        let mut fields = Fields(small_file::decode(MAGIC, bytes)?);
        let parse = |fields: &mut Fields<'_>| {
            Some(Self {
                purged: LogId {
                    term: Term::new(fields.u64()?)?,
                    index: LogIndex::new(fields.u64()?),
                },
                offset: Offset::new(fields.u64()?),
            })
        };
        parse(&mut fields).ok_or(Unsound::Malformed)
    }

    /// The start of the log in `directory`, if it was ever purged.
    pub(crate) fn read(
        disk: &dyn Disk,
        directory: &Path,
    ) -> io::Result<Option<Result<Self, Unsound>>> {
        let bytes = durable::read_small_file(disk, &directory.join(START_FILE), 4096)?;
        Ok(bytes.map(|bytes| Self::decode(&bytes)))
    }

    pub(crate) fn write(self, disk: &dyn Disk, directory: &Path) -> io::Result<()> {
        durable::replace_file_durably(disk, &directory.join(START_FILE), &self.encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes_and_round_trip() {
        let start = LogStart {
            purged: LogId {
                term: Term::new(3).unwrap(),
                index: LogIndex::new(0x0102),
            },
            offset: Offset::new(0x0a0b),
        };
        let bytes = start.encode();
        assert_eq!(&bytes[..4], b"SLs1");
        assert_eq!(
            &bytes[12..],
            [
                0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 10, 11
            ]
        );
        assert_eq!(LogStart::decode(&bytes), Ok(start));
        for cut in 0..bytes.len() {
            assert!(LogStart::decode(&bytes[..cut]).is_err());
        }
    }
}
