//! Reads by log index, for Raft: from memory where it can, else by `read_at`. Never through the map: what is read
//! here may be uncommitted, and be cut off while it is read.

use std::io;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use bytes::Bytes;
use model::batch::{Batch, HEADER_BYTES};
use model::{FilePosition, LogIndex, Offset};

use super::locate::{Located, Opened, Wanted};
use super::{HeaderAt, Log, LogInner};
use crate::error::ReadLogError;
use crate::segment::scan::{Depth, Visited};

impl Log {
    /// Headers of entries from `range.start`, at most `max`: adjoining, and at least one if that entry is there.
    /// Where a truncation or purge comes between: fewer, or none. What was not checked since the start is read whole
    /// and checked.
    ///
    /// # Errors
    /// [`ReadLogError`]: damage, or the disk refused.
    pub fn read_headers(
        &self,
        range: Range<LogIndex>,
        max: usize,
    ) -> Result<Vec<HeaderAt>, ReadLogError> {
        let located = {
            let state = self.inner.state.lock();
            let end = range.end.min(state.end.index);
            if range.start < state.first.index || range.start >= end || max == 0 {
                return Ok(Vec::new());
            }
            let cached = headers_in_memory(&state.tail, range.start..end, max);
            if !cached.is_empty() {
                return Ok(cached);
            }
            state.locate(Wanted::Index(range.start), Offset::ZERO)
        };
        let Some(at) = located else {
            return Ok(Vec::new());
        };
        let outcome = self.inner.headers_from_file(&at, &range, max);
        self.inner.unless_cut(&at, outcome)
    }

    /// As [`Log::read_headers`], but from memory alone, so that it never blocks: empty where the first one has left it.
    pub fn recent_headers(&self, range: Range<LogIndex>, max: usize) -> Vec<HeaderAt> {
        let state = self.inner.state.lock();
        let end = range.end.min(state.end.index);
        if range.start < state.first.index || range.start >= end || max == 0 {
            return Vec::new();
        }
        headers_in_memory(&state.tail, range.start..end, max)
    }

    /// As [`Log::read_entries`], but from memory alone, so that it never blocks: empty where the first one has left it.
    pub fn recent_entries(
        &self,
        range: Range<LogIndex>,
        max_bytes: usize,
    ) -> Vec<(LogIndex, Batch)> {
        let state = self.inner.state.lock();
        let end = range.end.min(state.end.index);
        if range.start < state.first.index || range.start >= end {
            return Vec::new();
        }
        entries_in_memory(&state.tail, range.start..end, max_bytes)
    }

    /// Entries from `range.start`, about `max_bytes` of them: adjoining, and at least one if that entry is there.
    /// Where a truncation or purge comes between: fewer, or none. Checksums are checked.
    ///
    /// # Errors
    /// [`ReadLogError`]: damage, or the disk refused.
    pub fn read_entries(
        &self,
        range: Range<LogIndex>,
        max_bytes: usize,
    ) -> Result<Vec<(LogIndex, Batch)>, ReadLogError> {
        let located = {
            let state = self.inner.state.lock();
            let end = range.end.min(state.end.index);
            if range.start < state.first.index || range.start >= end {
                return Ok(Vec::new());
            }
            let cached = entries_in_memory(&state.tail, range.start..end, max_bytes);
            if !cached.is_empty() {
                return Ok(cached);
            }
            state.locate(Wanted::Index(range.start), Offset::ZERO)
        };
        let Some(at) = located else {
            return Ok(Vec::new());
        };
        let outcome = self.inner.entries_from_file(&at, &range, max_bytes);
        self.inner.unless_cut(&at, outcome)
    }
}

fn headers_in_memory(
    tail: &crate::tail_cache::TailCache,
    range: Range<LogIndex>,
    max: usize,
) -> Vec<HeaderAt> {
    if range.start < tail.first() {
        return Vec::new();
    }
    let mut found = Vec::with_capacity(max.min(range.end.since(range.start) as usize));
    let mut index = range.start;
    while index < range.end && found.len() < max {
        let Some(entry) = tail.get(index) else { break };
        let payload = if entry.header.is_internal() {
            let Some(payload) = entry.payload() else {
                break;
            };
            Some(payload)
        } else {
            None
        };
        found.push(HeaderAt {
            index,
            header: entry.header,
            payload,
        });
        index = index.next();
    }
    found
}

fn entries_in_memory(
    tail: &crate::tail_cache::TailCache,
    range: Range<LogIndex>,
    max_bytes: usize,
) -> Vec<(LogIndex, Batch)> {
    let mut found = Vec::new();
    let mut bytes = 0;
    let mut index = range.start;
    while index < range.end {
        let Some(batch) = tail.get(index).and_then(|entry| entry.batch.clone()) else {
            break;
        };
        bytes += batch.total_bytes();
        if bytes > max_bytes && !found.is_empty() {
            break;
        }
        found.push((index, batch));
        index = index.next();
    }
    found
}

impl LogInner {
    fn headers_from_file(
        &self,
        at: &Located,
        range: &Range<LogIndex>,
        max: usize,
    ) -> Result<Vec<HeaderAt>, ReadLogError> {
        let Some(opened) = self.open(at, Wanted::Index(range.start))? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        let mut internal = Vec::new();
        let depth = Depth::Checked(&at.segment.verified);
        let walked = self.walk(at, &opened, depth, |visited: Visited| {
            if visited.index >= range.end || found.len() >= max {
                return ControlFlow::Break(());
            }
            if visited.index >= range.start {
                if visited.header.is_internal() {
                    internal.push((found.len(), visited.position));
                }
                found.push(HeaderAt {
                    index: visited.index,
                    header: visited.header,
                    payload: None,
                });
            }
            ControlFlow::Continue(())
        })?;
        for (place, position) in internal {
            if let Some(header) = found.get_mut(place) {
                header.payload = Some(self.payload(at, &opened, position, header)?);
            }
        }
        self.at_least_one(at, found, &walked, range.start)
    }

    /// An internal entry's payload, checked against its checksum.
    fn payload(
        &self,
        at: &Located,
        opened: &Opened,
        position: u64,
        header: &HeaderAt,
    ) -> Result<Bytes, ReadLogError> {
        let mut bytes = vec![0; header.header.total_bytes()];
        let read = opened.file.read_at(FilePosition::new(position), &mut bytes);
        read.map_err(|source: io::Error| ReadLogError::Io {
            file: at.segment.path.clone(),
            source: Arc::new(source),
        })?;
        let bytes = Bytes::from(bytes);
        let sound = Batch::parse(bytes.clone()).and_then(|batch| batch.check_crc());
        match sound {
            Ok(()) => Ok(bytes.slice(HEADER_BYTES..)),
            Err(error) => Err(self.damage(at, position, error.to_string())),
        }
    }

    fn entries_from_file(
        &self,
        at: &Located,
        range: &Range<LogIndex>,
        max_bytes: usize,
    ) -> Result<Vec<(LogIndex, Batch)>, ReadLogError> {
        let Some(mut opened) = self.open(at, Wanted::Index(range.start))? else {
            return Ok(Vec::new());
        };
        // Bodies before the wanted entry are stepped over unread.
        let skipped = self.walk(at, &opened, Depth::Headers, |visited| {
            if visited.index >= range.start {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        opened.from = skipped.at;
        let mut found: Vec<(LogIndex, Batch)> = Vec::new();
        if skipped.at.index < range.start {
            return self.at_least_one(at, found, &skipped, range.start);
        }
        let mut bytes = 0;
        let walked = self.walk(at, &opened, Depth::Batches, |visited| {
            bytes += visited.header.total_bytes();
            let enough = bytes > max_bytes && !found.is_empty();
            if visited.index >= range.end || enough {
                return ControlFlow::Break(());
            }
            if let Some(batch) = visited.batch {
                found.push((visited.index, batch));
            }
            ControlFlow::Continue(())
        })?;
        self.at_least_one(at, found, &walked, range.start)
    }

    /// What was found; nothing at all is damage, unless the entry is not written yet.
    fn at_least_one<T>(
        &self,
        at: &Located,
        found: Vec<T>,
        walked: &crate::segment::scan::Walked,
        wanted: LogIndex,
    ) -> Result<Vec<T>, ReadLogError> {
        if !found.is_empty() || wanted >= at.facts.end_index {
            return Ok(found);
        }
        if self.state.lock().written.index <= wanted {
            return Ok(found);
        }
        let reason = walked.bad.clone();
        let reason =
            reason.unwrap_or_else(|| format!("zeros where entry {} should be", walked.at.index));
        Err(self.damage(at, walked.at.position, reason))
    }
}
