//! Walks over a segment's batches by `read_at`: no map, hence safe above the high watermark.

use std::io;
use std::ops::ControlFlow;

use bytes::Bytes;
use model::batch::{Batch, BatchHeader, HEADER_BYTES};
use model::{FilePosition, LogIndex, Offset};
use parking_lot::Mutex;

use super::verified::VerifiedRanges;
use crate::disk::DiskFile;
use crate::term_table::TermTable;

/// How much is read at once, in bytes.
const WINDOW_BYTES: u64 = 256 << 10;

/// Where a walk stands: the next batch's place and what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) index: LogIndex,
    pub(crate) offset: Offset,
    pub(crate) position: u64,
}

/// How closely a walk looks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Depth<'a> {
    /// Headers only: for positions, never for what is told to anybody.
    Headers,
    /// Headers, and the checksums of batches that these ranges do not hold yet.
    Checked(&'a Mutex<VerifiedRanges>),
    /// Headers and checksums; the visitor gets the whole batch.
    Batches,
}

/// A batch that the walk came by.
pub(crate) struct Visited {
    pub(crate) index: LogIndex,
    pub(crate) position: u64,
    pub(crate) header: BatchHeader,
    /// The whole batch, where the walk has read it.
    pub(crate) batch: Option<Batch>,
}

/// How a walk ended. `at` is behind the last good batch.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) at: Cursor,
    /// Why it did not go on before its limit: `None` at the limit, at zeros, or where the visitor broke it off.
    pub(crate) bad: Option<String>,
}

/// Walks from `from` up to the byte `limit`, or to zeros, or to the first batch that is not what must stand there.
pub(crate) fn walk(
    file: &dyn DiskFile,
    from: Cursor,
    limit: u64,
    terms: &TermTable,
    depth: Depth<'_>,
    mut visit: impl FnMut(Visited) -> ControlFlow<()>,
) -> io::Result<Walked> {
    let mut at = from;
    let mut window = Window::default();
    let done = |at, bad| Ok(Walked { at, bad });
    while at.position < limit {
        let room = limit - at.position;
        let head = window.get(file, at.position, HEADER_BYTES as u64, limit)?;
        if head
            .get(..12.min(head.len()))
            .is_some_and(|h| h.iter().all(|b| *b == 0))
        {
            return done(at, None);
        }
        let header = match BatchHeader::parse(&head) {
            Ok(header) => header,
            Err(error) => return done(at, Some(error.to_string())),
        };
        if let Some(bad) = mismatch(&header, &at, room, terms) {
            return done(at, Some(bad));
        }
        let total = header.total_bytes() as u64;
        let range = at.position..at.position + total;
        let reads_body = match depth {
            Depth::Headers => false,
            Depth::Checked(ranges) => !ranges.lock().covers(&range),
            Depth::Batches => true,
        };
        let mut batch = None;
        if reads_body {
            match checked(window.get(file, at.position, total, limit)?) {
                Ok(whole) => batch = Some(whole),
                Err(bad) => return done(at, Some(bad)),
            }
            if let Depth::Checked(ranges) = depth {
                ranges.lock().add(range);
            }
        }
        let visited = Visited {
            index: at.index,
            position: at.position,
            header,
            batch,
        };
        let went = visit(visited);
        if went.is_break() {
            return done(at, None);
        }
        at = Cursor {
            index: at.index.next(),
            offset: header.end_offset(),
            position: at.position + total,
        };
    }
    done(at, None)
}

/// What in a header, outside of its CRC, is not what must stand there.
pub(crate) fn mismatch(
    header: &BatchHeader,
    at: &Cursor,
    room: u64,
    terms: &TermTable,
) -> Option<String> {
    if header.base_offset() != at.offset {
        return Some(format!(
            "the batch has base offset {}, the one before ends at {}",
            header.base_offset(),
            at.offset
        ));
    }
    let expected = terms.term_at(at.index);
    if header.term().is_none() || header.term() != expected {
        return Some(format!(
            "entry {} has term {:?}, the term table says {expected:?}",
            at.index,
            header.term()
        ));
    }
    let total = header.total_bytes() as u64;
    (total > room).then(|| format!("the batch has {total} bytes, there are {room}"))
}

/// The batch that these bytes are, checksum included.
pub(crate) fn checked(bytes: Bytes) -> Result<Batch, String> {
    let batch = Batch::parse(bytes).map_err(|error| error.to_string())?;
    batch.check_crc().map_err(|error| error.to_string())?;
    Ok(batch)
}

/// A piece of the file in memory.
#[derive(Default)]
pub(crate) struct Window {
    start: u64,
    bytes: Bytes,
}

impl Window {
    /// `length` bytes at `position`, fewer only before `limit`.
    pub(crate) fn get(
        &mut self,
        file: &dyn DiskFile,
        position: u64,
        length: u64,
        limit: u64,
    ) -> io::Result<Bytes> {
        let end = position.saturating_add(length).min(limit);
        let have = self.start..self.start + self.bytes.len() as u64;
        if position < have.start || end > have.end {
            let read = (limit - position).min(WINDOW_BYTES.max(length));
            let mut buffer = vec![0; read as usize];
            file.read_at(FilePosition::new(position), &mut buffer)?;
            self.start = position;
            self.bytes = buffer.into();
        }
        let from = (position - self.start) as usize;
        let to = (end - self.start) as usize;
        Ok(self.bytes.slice(from..to))
    }
}
