//! The sound batches of one damaged file, and which entries they are.
//!
//! A batch says its offset and its term, but not its index. What stands before the first damage is counted from the
//! file's name. Behind damage, the index of a run of batches is known from one batch of it whose index is known:
//! one that the stored sparse index names, the first one of a term, or the one at the noted end. A run without any
//! is known by its offset only, until whoever copies what is missing before it gets there.

use std::io;

use model::batch::{Batch, BatchHeader, HEADER_BYTES};
use model::{LogIndex, Offset, Term};

use super::resync::Resync;
use crate::disk::DiskFile;
use crate::noted_ends::End;
use crate::segment::scan::{Window, checked};
use crate::segment::{IndexEntry, SegmentName};
use crate::term_table::TermTable;

/// A batch of a run whose place is known without reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// How many batches of the run stand before it.
    pub(super) nth: u64,
    pub(super) position: u64,
    pub(super) offset: Offset,
}

/// Adjoining sound batches of a file.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// Its first entry; `None` while only the offset is known.
    pub(super) index: Option<LogIndex>,
    pub(super) offset: Offset,
    pub(super) end_offset: Offset,
    pub(super) count: u64,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) marks: Vec<Mark>,
}

impl Run {
    /// Behind its last entry, where its first is known.
    pub(super) fn end_index(&self) -> Option<LogIndex> {
        self.index.map(|index| index.plus(self.count))
    }

    /// Whether all of it should stand before `at`: then it is none.
    pub(super) fn is_behind(&self, at: End) -> bool {
        match self.index {
            Some(index) => index < at.index,
            None => self.offset < at.offset,
        }
    }

    /// The mark to go on from to reach an entry.
    pub(super) fn mark_before(&self, index: LogIndex) -> Option<(LogIndex, Mark)> {
        let first = self.index?;
        let nth = index.get().checked_sub(first.get())?;
        let behind = self.marks.partition_point(|mark| mark.nth <= nth);
        let mark = *self.marks.get(behind.checked_sub(1)?)?;
        Some((first.plus(mark.nth), mark))
    }
}

/// What was found in a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) runs: Vec<Run>,
    /// Where the first bad byte range begins, and what is wrong there.
    pub(super) damage: Option<(u64, String)>,
}

/// What is looked for in which file.
pub(super) struct Search<'a> {
    pub(super) file: &'a dyn DiskFile,
    pub(super) name: SegmentName,
    pub(super) terms: &'a TermTable,
    /// What a stored index says: ascending.
    pub(super) anchors: &'a [IndexEntry],
    pub(super) noted: Option<End>,
    /// No offset of the file is above this, where that is known.
    pub(super) offset_max: Option<Offset>,
    pub(super) interval: u64,
}

/// Where a run begins.
pub(super) struct Start {
    pub(super) position: u64,
    pub(super) offset: Offset,
    pub(super) index: Option<LogIndex>,
}

/// Where a run ends.
pub(super) struct Stop {
    pub(super) position: u64,
    pub(super) reason: String,
    /// The bad batch's header, if it is one and adjoins the run, and the index it would have.
    pub(super) header: Option<(BatchHeader, Option<LogIndex>)>,
}

impl Search<'_> {
    /// Reads the whole file.
    pub(super) fn run(&self) -> io::Result<Found> {
        let mut found = Found::default();
        let mut window = Window::default();
        let mut start = Some(Start {
            position: 0,
            offset: self.name.base_offset,
            index: Some(self.name.base_index),
        });
        while let Some(from) = start {
            let (run, stop) = self.one_run(&mut window, from)?;
            let offset = found
                .runs
                .last()
                .map_or(self.name.base_offset, |run| run.end_offset);
            let offset = if run.count > 0 {
                run.end_offset
            } else {
                offset
            };
            if run.count > 0 {
                found.runs.push(run);
            }
            let Some(stop) = stop else { break };
            found
                .damage
                .get_or_insert((stop.position, stop.reason.clone()));
            let resync = Resync {
                search: self,
                offset_min: offset,
            };
            start = resync.behind(&mut window, &stop)?;
        }
        found.runs = consistent(std::mem::take(&mut found.runs));
        Ok(found)
    }

    /// The batches from `from`, as far as they are sound and adjoin.
    fn one_run(&self, window: &mut Window, from: Start) -> io::Result<(Run, Option<Stop>)> {
        let mut run = Run {
            index: from.index,
            offset: from.offset,
            end_offset: from.offset,
            count: 0,
            start: from.position,
            end: from.position,
            marks: Vec::new(),
        };
        let mut before: Option<BatchHeader> = None;
        let length = self.file.length();
        while run.end < length {
            let index = run.end_index();
            let sound = self.batch(window, run.end)?;
            let sound = sound.and_then(|batch| {
                let header = *batch.header();
                match self.misfit(&header, run.end_offset, index, before) {
                    Some(reason) => Err(reason),
                    None => Ok(header),
                }
            });
            let header = match sound {
                Ok(header) => header,
                Err(reason) => {
                    let header = self.header(window, run.end)?;
                    let adjoining =
                        header.filter(|h| self.misfit(h, run.end_offset, index, before).is_none());
                    let stop = Stop {
                        position: run.end,
                        reason,
                        header: adjoining.map(|header| (header, index)),
                    };
                    return Ok((run, Some(stop)));
                }
            };
            if index.is_none()
                && let Some(index) = self.known_index(&header, run.end, before)
            {
                run.index = index.get().checked_sub(run.count).map(LogIndex::new);
            }
            let due = run.marks.last();
            if due.is_none_or(|last| run.end - last.position >= self.interval) {
                run.marks.push(Mark {
                    nth: run.count,
                    position: run.end,
                    offset: header.base_offset(),
                });
            }
            run.count += 1;
            run.end += header.total_bytes() as u64;
            run.end_offset = header.end_offset();
            before = Some(header);
        }
        Ok((run, None))
    }

    /// The run but for its last batch; `None` where it has no other.
    pub(super) fn without_last(&self, mut run: Run) -> io::Result<Option<Run>> {
        let last = run.count.saturating_sub(1);
        run.marks.retain(|mark| mark.nth < last);
        let from = run.marks.last().copied();
        let (mut nth, mut position, mut offset) = from.map_or((0, run.start, run.offset), |mark| {
            (mark.nth, mark.position, mark.offset)
        });
        let mut window = Window::default();
        while nth < last {
            let Some(header) = self.header(&mut window, position)? else {
                break;
            };
            position += header.total_bytes() as u64;
            offset = header.end_offset();
            nth += 1;
        }
        run.marks.retain(|mark| mark.nth < nth);
        (run.count, run.end, run.end_offset) = (nth, position, offset);
        Ok((nth > 0).then_some(run))
    }

    /// The batch at `position`, or what is wrong there.
    pub(super) fn batch(
        &self,
        window: &mut Window,
        position: u64,
    ) -> io::Result<Result<Batch, String>> {
        let length = self.file.length();
        if position >= length {
            return Ok(Err("the file ends".to_owned()));
        }
        let header = match self.header(window, position)? {
            Some(header) => header,
            None => {
                let head = window.get(self.file, position, HEADER_BYTES as u64, length)?;
                return Ok(match BatchHeader::parse(&head) {
                    _ if head.iter().all(|byte| *byte == 0) => Err("zeros".to_owned()),
                    Err(error) => Err(error.to_string()),
                    Ok(_) => Err("the batch ends behind the file".to_owned()),
                });
            }
        };
        let total = header.total_bytes() as u64;
        Ok(checked(window.get(self.file, position, total, length)?))
    }

    /// The header at `position`, if it is one and its batch fits into the file.
    pub(super) fn header(
        &self,
        window: &mut Window,
        position: u64,
    ) -> io::Result<Option<BatchHeader>> {
        let length = self.file.length();
        if position >= length {
            return Ok(None);
        }
        let head = window.get(self.file, position, HEADER_BYTES as u64, length)?;
        let header = BatchHeader::parse(&head).ok();
        Ok(header.filter(|header| {
            let end = position.checked_add(header.total_bytes() as u64);
            end.is_some_and(|end| end <= length)
        }))
    }

    /// What of a header that no checksum covers is not what must stand there.
    fn misfit(
        &self,
        header: &BatchHeader,
        offset: Offset,
        index: Option<LogIndex>,
        before: Option<BatchHeader>,
    ) -> Option<String> {
        let found = header.base_offset();
        if found != offset {
            return Some(format!(
                "the batch has base offset {found}, the one before ends at {offset}"
            ));
        }
        let term = header.term();
        let fits = match index {
            Some(index) => term.is_some() && term == self.terms.term_at(index),
            None => {
                let least = before.and_then(|before| before.term());
                term >= least && self.term_fits(header)
            }
        };
        (!fits).then(|| format!("the batch has term {term:?}, the term table says another"))
    }

    /// Whether a batch of this term may have these offsets.
    pub(super) fn term_fits(&self, header: &BatchHeader) -> bool {
        let starts = self.terms.starts();
        let found = header.term().and_then(|term: Term| {
            let at = starts
                .binary_search_by_key(&term, |start| start.term)
                .ok()?;
            Some((
                starts.get(at)?.offset,
                starts.get(at + 1).map(|next| next.offset),
            ))
        });
        found.is_some_and(|(first, next)| {
            header.base_offset() >= first && next.is_none_or(|next| header.end_offset() <= next)
        })
    }

    /// The index of a batch, where something else than counting tells it.
    fn known_index(
        &self,
        header: &BatchHeader,
        position: u64,
        before: Option<BatchHeader>,
    ) -> Option<LogIndex> {
        let offset = header.base_offset();
        let anchor = self
            .anchors
            .binary_search_by_key(&position, |at| at.position);
        let anchor = anchor.ok().and_then(|at| self.anchors.get(at));
        if let Some(anchor) = anchor.filter(|anchor| anchor.offset == offset) {
            return Some(anchor.index);
        }
        let before = before?;
        if before.term() < header.term() {
            let starts = self.terms.starts().iter();
            let mut of_term = starts.filter(|start| Some(start.term) == header.term());
            return of_term
                .next()
                .filter(|start| start.offset == offset)
                .map(|start| start.index);
        }
        // With an internal entry on either side, the noted end might lie before or behind it.
        let is_at_noted = self.noted.filter(|noted| noted.offset == offset);
        let is_sharp = !before.is_internal() && !header.is_internal();
        is_at_noted.filter(|_| is_sharp).map(|noted| noted.index)
    }
}

/// Leaves out runs that cannot be where they were found: bytes of a record may look like a batch, and a misdirected
/// write brings batches of another place. Those whose index is known are right.
fn consistent(runs: Vec<Run>) -> Vec<Run> {
    let mut kept: Vec<Run> = Vec::with_capacity(runs.len());
    for run in runs {
        let Some(first) = run.index else {
            let ends = kept.last().map(|before| before.end_offset);
            if ends.is_none_or(|end| run.offset >= end) {
                kept.push(run);
            }
            continue;
        };
        let before = kept.iter().rev().find_map(Run::end_index);
        if before.is_none_or(|end| first >= end) {
            while kept
                .pop_if(|other| other.index.is_none() && other.end_offset > run.offset)
                .is_some()
            {}
            kept.push(run);
        }
    }
    kept
}
