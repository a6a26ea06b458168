//! Finds where sound batches begin again behind bad bytes.

use std::io;

use model::batch::{BatchHeader, HEADER_BYTES};
use model::{LogIndex, Offset};

use super::runs::{Search, Start, Stop};
use crate::segment::IndexEntry;
use crate::segment::scan::Window;

/// Where a header's magic byte stands.
const MAGIC_AT: usize = 16;
/// How much is looked through at once, in bytes.
const CHUNK_BYTES: u64 = 64 << 10;

/// Looks behind one damage.
pub(super) struct Resync<'a> {
    pub(super) search: &'a Search<'a>,
    /// Behind the last record before the damage.
    pub(super) offset_min: Offset,
}

impl Resync<'_> {
    /// Where the next run begins; `None` where nothing sound follows.
    pub(super) fn behind(&self, window: &mut Window, stop: &Stop) -> io::Result<Option<Start>> {
        let mut from = stop.position + 1;
        let length = self.search.file.length();
        loop {
            let anchor = self.anchor_behind(from);
            let until = anchor.map_or(length, |anchor| anchor.position.min(length));
            if let Some(found) = self.scan(window, from..until, stop)? {
                return Ok(Some(found));
            }
            let Some(anchor) = anchor else {
                return Ok(None);
            };
            if self.is_sound(window, &anchor)? {
                return Ok(Some(Start {
                    position: anchor.position,
                    offset: anchor.offset,
                    index: Some(anchor.index),
                }));
            }
            from = anchor.position + 1;
        }
    }

    fn anchor_behind(&self, position: u64) -> Option<IndexEntry> {
        let anchors = self.search.anchors;
        let at = anchors.partition_point(|anchor| anchor.position < position);
        anchors.get(at).copied()
    }

    fn is_sound(&self, window: &mut Window, anchor: &IndexEntry) -> io::Result<bool> {
        let batch = self.search.batch(window, anchor.position)?;
        Ok(batch.is_ok_and(|batch| {
            let term = self.search.terms.term_at(anchor.index);
            let header = batch.header();
            header.base_offset() == anchor.offset && term.is_some() && header.term() == term
        }))
    }

    /// The first sound batch that begins in `range`. Internal entries count only where it is sure which one it is:
    /// they take no offset, so nothing else tells them apart.
    fn scan(
        &self,
        window: &mut Window,
        range: std::ops::Range<u64>,
        stop: &Stop,
    ) -> io::Result<Option<Start>> {
        let mut is_first = range.start == stop.position + 1;
        let mut at = range.start;
        while at < range.end {
            let wanted = CHUNK_BYTES + HEADER_BYTES as u64;
            let length = self.search.file.length();
            let chunk = window.get(self.search.file, at, wanted, length)?;
            let candidates = (0..(range.end - at).min(CHUNK_BYTES)).filter(|n| {
                let head = chunk.get(*n as usize..).unwrap_or_default();
                head.get(MAGIC_AT) == Some(&2) && self.is_plausible(head)
            });
            for position in candidates.map(|n| at + n) {
                let Ok(batch) = self.search.batch(window, position)? else {
                    continue;
                };
                let header = batch.header();
                let index = stop.linked(position, header).filter(|_| is_first);
                is_first = false;
                if index.is_some() || !header.is_internal() {
                    return Ok(Some(Start {
                        position,
                        offset: header.base_offset(),
                        index,
                    }));
                }
            }
            at += CHUNK_BYTES;
        }
        Ok(None)
    }

    fn is_plausible(&self, head: &[u8]) -> bool {
        BatchHeader::parse(head).is_ok_and(|header| {
            let max = self.search.offset_max;
            header.base_offset() >= self.offset_min
                && max.is_none_or(|max| header.end_offset() <= max)
                && self.search.term_fits(&header)
        })
    }
}

impl Stop {
    /// The index of a batch that stands exactly where the bad one ends by its own header. The caller has seen that
    /// nothing sound lies in between, so that header tells the truth.
    fn linked(&self, position: u64, header: &BatchHeader) -> Option<LogIndex> {
        let (bad, index) = self.header.as_ref()?;
        let adjoins = self.position + bad.total_bytes() as u64 == position
            && bad.end_offset() == header.base_offset();
        index.filter(|_| adjoins).map(LogIndex::next)
    }
}
