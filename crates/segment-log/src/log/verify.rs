//! The scrub: reads sealed segments whole and checks everything that can be checked.

use std::ops::{ControlFlow, Range};
use std::path::PathBuf;

use model::{LogIndex, Offset};

use super::Log;
use super::locate::Wanted;
use crate::error::ReadLogError;
use crate::segment::scan::{Cursor, Depth};

/// Damage that a scrub has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentDamage {
    /// The segment's file, relative to the data directory.
    pub file: PathBuf,
    /// Where the first bad batch starts.
    pub byte: u64,
    /// What is wrong there.
    pub reason: String,
    /// The entries that cannot be read, at worst.
    pub missing: Range<LogIndex>,
}

impl Log {
    /// Checks the sealed segments that begin in `bases`: every checksum, offset and term. Blocks, for long.
    ///
    /// # Errors
    /// [`ReadLogError::Io`] where the disk refused; damage is the outcome, not an error.
    pub fn verify(&self, bases: Range<LogIndex>) -> Result<Vec<SegmentDamage>, ReadLogError> {
        let sealed: Vec<LogIndex> = {
            let infos = self.segments();
            let sealed = infos.iter().filter(|info| info.sealed);
            sealed
                .map(|info| info.base_index)
                .filter(|base| bases.contains(base))
                .collect()
        };
        let mut found = Vec::new();
        for base in sealed {
            found.extend(self.verify_one(base)?);
        }
        Ok(found)
    }

    fn verify_one(&self, base: LogIndex) -> Result<Option<SegmentDamage>, ReadLogError> {
        let located = self
            .inner
            .state
            .lock()
            .locate(Wanted::Index(base), Offset::ZERO);
        let Some(at) = located.filter(|at| at.facts.name.base_index == base) else {
            return Ok(None);
        };
        // Full in memory, but not yet on disk.
        if at.segment.written() < at.facts.bytes {
            return Ok(None);
        }
        let outcome = self
            .inner
            .open(&at, Wanted::Index(base))
            .and_then(|opened| {
                let Some(mut opened) = opened else {
                    return Ok(());
                };
                opened.from = Cursor {
                    index: base,
                    offset: at.facts.name.base_offset,
                    position: 0,
                };
                let walked = self
                    .inner
                    .walk(&at, &opened, Depth::Batches, |_| ControlFlow::Continue(()))?;
                if walked.at.index == at.facts.end_index && walked.at.offset == at.facts.end_offset
                {
                    return Ok(());
                }
                let reason = walked.bad.unwrap_or_else(|| "zeros".to_owned());
                Err(self.inner.damage(&at, walked.at.position, reason))
            });
        match self.inner.unless_cut(&at, outcome) {
            Ok(()) => Ok(None),
            Err(ReadLogError::Damaged { file, byte, reason }) => Ok(Some(SegmentDamage {
                file,
                byte,
                reason,
                missing: base..at.facts.end_index,
            })),
            Err(error) => Err(error),
        }
    }
}
