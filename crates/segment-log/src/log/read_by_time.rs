//! Looks offsets up by timestamp: the time part of the sparse index, then a scan over headers.

use std::ops::ControlFlow;

use model::{Offset, Timestamp};

use super::Log;
use super::locate::Wanted;
use crate::error::ReadLogError;
use crate::segment::scan::Depth;

impl Log {
    /// The first record batch at or above the log start, ending at or below `up_to`, whose largest timestamp is
    /// `wanted` or later: its base offset and that timestamp. Which record it is, the caller looks up. Blocks.
    ///
    /// # Errors
    /// [`ReadLogError`]: damage, or the disk refused.
    pub fn offset_for_timestamp(
        &self,
        wanted: Timestamp,
        up_to: Offset,
    ) -> Result<Option<(Offset, Timestamp)>, ReadLogError> {
        let mut above = self.ends().first_offset;
        loop {
            let (located, up_to) = {
                let state = self.inner.state.lock();
                let located = state.locate(Wanted::Timestamp(wanted), above);
                (located, up_to.min(state.written.offset))
            };
            let Some(at) = located.filter(|at| at.facts.name.base_offset < up_to) else {
                return Ok(None);
            };
            let mut found = None;
            let outcome = self
                .inner
                .open(&at, Wanted::Timestamp(wanted))
                .and_then(|opened| {
                    let Some(opened) = opened else { return Ok(()) };
                    let depth = Depth::Checked(&at.segment.verified);
                    let walked = self.inner.walk(&at, &opened, depth, |visited| {
                        let header = visited.header;
                        if header.end_offset() > up_to {
                            return ControlFlow::Break(());
                        }
                        let is_it = !header.is_internal()
                            && header.end_offset() > above
                            && header.max_timestamp() >= wanted;
                        if is_it {
                            found = Some((header.base_offset(), header.max_timestamp()));
                            return ControlFlow::Break(());
                        }
                        ControlFlow::Continue(())
                    })?;
                    match walked.bad {
                        Some(reason) => Err(self.inner.damage(&at, walked.at.position, reason)),
                        None => Ok(()),
                    }
                });
            self.inner.unless_cut(&at, outcome)?;
            if found.is_some() {
                return Ok(found);
            }
            if self.inner.is_cut(&at) {
                // What a purge has left is looked through again.
                above = above.max(self.ends().first_offset);
                continue;
            }
            if at.facts.end_offset <= above {
                return Ok(None);
            }
            above = at.facts.end_offset;
        }
    }
}
