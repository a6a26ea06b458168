//! Reads by offset, for consumers: slices of the map, below the high watermark only, which is never truncated.
//! They block on the disk where the range is not in memory. What a quorum has and this log has not yet written is
//! served from memory, as a copy.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use model::Offset;
use model::batch::{Batch, BatchHeader, HEADER_BYTES};

use super::locate::{Located, Opened, Wanted};
use super::state::State;
use super::{Fetched, Log, LogInner};
use crate::error::{ReadFromError, ReadLogError};
use crate::segment::scan::{Cursor, mismatch};

impl Log {
    /// Record batches from the one that holds `from`, none that ends above `up_to` (the high watermark), about
    /// `max_bytes` of them. The first one is whole, however large. Blocks.
    ///
    /// # Errors
    /// [`ReadFromError::BelowLogStart`], [`ReadFromError::AboveEnd`], damage, or the disk refused.
    pub fn read_from(
        &self,
        from: Offset,
        up_to: Offset,
        max_bytes: usize,
    ) -> Result<Fetched, ReadFromError> {
        let mut fetched = Fetched {
            next_offset: from,
            ..Fetched::default()
        };
        loop {
            let (located, up_to) = {
                let state = self.inner.state.lock();
                let wanted = fetched.next_offset;
                let log_start = state.offset_after_start();
                if wanted < log_start {
                    // What came between is a purge, if something was read already.
                    return if fetched.bytes > 0 {
                        Ok(fetched)
                    } else {
                        Err(ReadFromError::BelowLogStart { wanted, log_start })
                    };
                }
                if wanted > state.end.offset {
                    let end = state.end.offset;
                    return Err(ReadFromError::AboveEnd { wanted, end });
                }
                if wanted >= up_to || fetched.bytes >= max_bytes.max(1) {
                    return Ok(fetched);
                }
                if wanted >= state.written.offset {
                    add_unwritten(&state, up_to, max_bytes, &mut fetched);
                    return Ok(fetched);
                }
                let up_to = up_to.min(state.written.offset);
                (state.locate(Wanted::Offset(wanted), Offset::ZERO), up_to)
            };
            let Some(at) = located else {
                return Ok(fetched);
            };
            let before = fetched.next_offset;
            let outcome = self.inner.fetch(&at, up_to, max_bytes, &mut fetched);
            if let Err(error) = self.inner.unless_cut(&at, outcome) {
                // What is sound is served; whoever reads on from there meets the error.
                return match fetched.bytes {
                    0 => Err(error.into()),
                    _ => Ok(fetched),
                };
            }
            // Nothing, where a purge came between: what it has left is read again.
            if fetched.next_offset == before && !self.inner.is_cut(&at) {
                return Ok(fetched);
            }
        }
    }

    /// Whether a read from here meets what was appended a moment ago, and need not be moved to a blocking thread.
    pub fn is_hot(&self, from: Offset) -> bool {
        let state = self.inner.state.lock();
        let first = state.tail.first();
        let oldest = state.tail.get(first);
        let oldest = oldest.map_or(state.end.offset, |entry| entry.header.base_offset());
        from >= oldest
    }
}

/// Adds what is not in the file yet: memory holds all of it.
fn add_unwritten(state: &State, up_to: Offset, max_bytes: usize, fetched: &mut Fetched) {
    let mut index = state.written.index;
    while let Some(batch) = state.tail.get(index).and_then(|entry| entry.batch.as_ref()) {
        index = index.next();
        let header = batch.header();
        if header.is_internal() || header.end_offset() <= fetched.next_offset {
            continue;
        }
        let is_too_much = fetched.bytes > 0 && fetched.bytes + batch.total_bytes() > max_bytes;
        if header.end_offset() > up_to || is_too_much {
            return;
        }
        fetched.batches.push(batch.to_bytes());
        fetched.bytes += batch.total_bytes();
        fetched.next_offset = header.end_offset();
    }
}

impl LogInner {
    /// Adds one segment's batches to what was fetched.
    fn fetch(
        &self,
        at: &Located,
        up_to: Offset,
        max_bytes: usize,
        fetched: &mut Fetched,
    ) -> Result<(), ReadLogError> {
        let wanted = fetched.next_offset;
        let Some(opened) = self.open(at, Wanted::Offset(wanted))? else {
            return Ok(());
        };
        let mut window = MappedWindow {
            at,
            opened: &opened,
            start: opened.from.position,
            bytes: Bytes::new(),
            log: self,
        };
        let mut run = None;
        let walked = self.collect(&mut window, (wanted, up_to, max_bytes), fetched, &mut run);
        if let Some(run) = run {
            window.serve(run, fetched)?;
        }
        // The end of a segment with only internal entries behind the last record.
        if walked? >= at.facts.bytes && at.facts.end_offset > fetched.next_offset {
            fetched.next_offset = at.facts.end_offset;
        }
        Ok(())
    }

    /// Goes over the batches, serves runs of them, and says how far it came, in bytes. The last run stays open.
    fn collect(
        &self,
        window: &mut MappedWindow<'_>,
        (wanted, up_to, max_bytes): (Offset, Offset, usize),
        fetched: &mut Fetched,
        run: &mut Option<Run>,
    ) -> Result<u64, ReadLogError> {
        let opened = window.opened;
        let mut cursor = opened.from;
        while cursor.position < opened.limit {
            let gathered = fetched.bytes + run.as_ref().map_or(0, Run::bytes);
            let budget = max_bytes.saturating_sub(gathered);
            let header = window.header(&cursor, budget)?;
            let total = header.total_bytes();
            let next = Cursor {
                index: cursor.index.next(),
                offset: header.end_offset(),
                position: cursor.position + total as u64,
            };
            if header.end_offset() > up_to {
                break;
            }
            if !header.is_internal() && header.end_offset() > wanted {
                if gathered > 0 && total > budget {
                    break;
                }
                window.check(&cursor, &header)?;
                *run = Some(Run {
                    start: run.as_ref().map_or(cursor.position, |run| run.start),
                    end: next.position,
                    next_offset: next.offset,
                });
            } else if let Some(run) = run.take() {
                window.serve(run, fetched)?;
            }
            cursor = next;
        }
        Ok(cursor.position)
    }
}

/// Adjoining batches to serve, in bytes of the file, and the offset behind them.
struct Run {
    start: u64,
    end: u64,
    next_offset: Offset,
}

impl Run {
    fn bytes(&self) -> usize {
        (self.end - self.start) as usize
    }
}

/// A slice of the map that moves along a segment.
struct MappedWindow<'a> {
    log: &'a LogInner,
    at: &'a Located,
    opened: &'a Opened,
    start: u64,
    bytes: Bytes,
}

impl MappedWindow<'_> {
    /// The bytes of `range`, mapped anew when the slice at hand does not hold them.
    fn get(&mut self, range: Range<u64>, ahead: u64) -> Result<Bytes, ReadLogError> {
        let held = self.start..self.start + self.bytes.len() as u64;
        if range.start < held.start || range.end > held.end {
            let end = range
                .end
                .max(range.start.saturating_add(ahead))
                .min(self.opened.limit);
            let file = &self.opened.file;
            let ahead = file.slice(range.start..end.max(range.end));
            // A bad sector further on is no reason not to serve what lies before it.
            let bytes = ahead.or_else(|_| file.slice(range.clone()));
            self.bytes = bytes.map_err(|source| ReadLogError::Io {
                file: self.at.segment.path.clone(),
                source: Arc::new(source),
            })?;
            self.start = range.start;
        }
        let from = (range.start - self.start) as usize;
        Ok(self
            .bytes
            .slice(from..from + (range.end - range.start) as usize))
    }

    fn header(&mut self, cursor: &Cursor, ahead: usize) -> Result<BatchHeader, ReadLogError> {
        let room = self.opened.limit - cursor.position;
        let end = cursor.position + room.min(HEADER_BYTES as u64);
        let ahead = (ahead as u64).saturating_add(HEADER_BYTES as u64);
        let bytes = self.get(cursor.position..end, ahead)?;
        let damage = |reason| self.log.damage(self.at, cursor.position, reason);
        let header = BatchHeader::parse(&bytes).map_err(|error| damage(error.to_string()))?;
        match mismatch(&header, cursor, room, &self.at.terms) {
            Some(reason) => Err(damage(reason)),
            None => Ok(header),
        }
    }

    /// Reads a batch in, and checks its checksum if that has not been done since the start.
    fn check(&mut self, cursor: &Cursor, header: &BatchHeader) -> Result<(), ReadLogError> {
        let range = cursor.position..cursor.position + header.total_bytes() as u64;
        // Read in here, not with the whole run: an unreadable batch must not take those before it along.
        let bytes = self.get(range.clone(), 0)?;
        if self.at.segment.verified.lock().covers(&range) {
            return Ok(());
        }
        let sound = Batch::parse(bytes).and_then(|batch| batch.check_crc());
        sound.map_err(|error| self.log.damage(self.at, cursor.position, error.to_string()))?;
        self.at.segment.verified.lock().add(range);
        Ok(())
    }

    /// Adds a slice that outlives this window to what was fetched.
    fn serve(&mut self, run: Run, fetched: &mut Fetched) -> Result<(), ReadLogError> {
        fetched.batches.push(self.get(run.start..run.end, 0)?);
        fetched.bytes += run.bytes();
        fetched.next_offset = run.next_offset;
        Ok(())
    }
}
