//! Putting a segment together again: a new file of the old one's sound runs and of copied entries between them. It
//! takes the old one's place once it is whole and synced.

mod new_file;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::LogIndex;
use model::batch::{Batch, BatchHeader};

use super::error::{FillError, RepairError};
use super::patient::Patient;
use super::runs::{Run, Search};
use super::survey::{Damaged, Piece, PieceState, io_error};
use super::{LogRepair, MissingRange};
use crate::directory::Shared;
use crate::disk::DiskFile;
use crate::noted_ends::End;
use crate::segment::scan::Window;
use crate::segment::{SegmentFacts, SegmentName, SparseIndex};
use crate::term_table::TermTable;

/// Behind a segment's name while it is put together. A leftover one is garbage.
const SUFFIX: &str = ".repair";
/// How much of an old run is copied at once, in bytes.
const COPY_BYTES: usize = 1 << 20;

/// How far a fill has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// How many of the copied entries were taken. The rest lies behind what was missing.
    pub taken: usize,
    /// Where that file's next missing range begins; `None` once it is whole and in its place.
    pub next: Option<MissingRange>,
}

/// A new file in the making.
pub(super) struct Build {
    path: PathBuf,
    out: Arc<dyn DiskFile>,
    facts: SegmentFacts,
    index: SparseIndex,
}

/// What a build needs to know of its log.
struct Around<'a> {
    shared: &'a Shared,
    path: &'a Path,
    terms: &'a TermTable,
    noted: Option<End>,
    /// What the last segment must reach.
    durable: LogIndex,
    /// Whether that is all that can have been acknowledged, also where the tail is hidden.
    is_told: bool,
    interval: u64,
    segment_bytes: u64,
}

/// Of a repair, beside its pieces.
macro_rules! around {
    ($repair:expr) => {
        Around {
            shared: &$repair.shared,
            path: &$repair.path,
            terms: &$repair.terms,
            noted: $repair.noted,
            durable: $repair.durable_index(),
            is_told: $repair.reached.is_some(),
            interval: $repair.settings.index_interval_bytes,
            segment_bytes: $repair.settings.segment_bytes,
        }
    };
}

/// What became of a copied entry.
enum Taken {
    Copied,
    /// The undamaged rest begins with it.
    Met,
    /// The file was full: it is a segment of its own now.
    Rolled(Box<Piece>),
}

impl LogRepair {
    /// Takes copies of missing entries, from the first one of a missing range on. What is not missing any more is
    /// left alone. Once a file is whole it is synced and in its place. Blocks.
    ///
    /// # Errors
    /// [`FillError`]: the copies are not what is missing, or the disk refused; then that file's repair begins anew.
    pub fn fill(&mut self, first: LogIndex, batches: &[Batch]) -> Result<Filled, FillError> {
        let begins_there = |piece: &Piece| match &piece.state {
            PieceState::Damaged(damaged) => damaged.first_missing() == first,
            PieceState::Sound(_) => false,
        };
        let Some(mut at) = self.pieces.iter().position(begins_there) else {
            return Err(FillError::NotMissing { first });
        };
        let mut taken = 0;
        for batch in batches {
            match self.fill_one(at, first.plus(taken as u64), batch)? {
                Some(Taken::Copied) => taken += 1,
                Some(Taken::Met) | None => break,
                Some(Taken::Rolled(full)) => {
                    self.pieces.insert(at, *full);
                    at += 1;
                    if let Some(Taken::Copied) =
                        self.fill_one(at, first.plus(taken as u64), batch)?
                    {
                        taken += 1;
                    }
                }
            }
        }
        let piece = self.pieces.get(at);
        let next = piece.and_then(|piece| piece.missing(self).into_iter().next());
        Ok(Filled { taken, next })
    }

    /// Gives up the entry right before a missing one, of which others have another copy. A write that went to the wrong
    /// place may begin in the midst of a batch: then the offset, which no checksum covers, is the old one, and all that
    /// the checksum covers is foreign. False where that entry does not stand in a damaged file. Blocks.
    ///
    /// # Errors
    /// [`RepairError`]: the disk refused.
    pub fn distrust_before(&mut self, first: LogIndex) -> Result<bool, RepairError> {
        let around = around!(self);
        for piece in &mut self.pieces {
            let name = piece.name;
            let PieceState::Damaged(damaged) = &mut piece.state else {
                continue;
            };
            let ends_there = |run: &Run| run.end_index() == Some(first);
            let Some(at) = damaged.runs.iter().position(ends_there) else {
                continue;
            };
            let run = damaged.runs.remove(at);
            if let Some(rest) = around.without_last(name, run)? {
                damaged.runs.insert(at, rest);
            }
            damaged.next_run = 0;
            around.give_up(piece);
            return Ok(true);
        }
        Ok(false)
    }

    /// `None` where the piece is whole, or goes on elsewhere than at `index`.
    fn fill_one(
        &mut self,
        at: usize,
        index: LogIndex,
        batch: &Batch,
    ) -> Result<Option<Taken>, FillError> {
        let taken = self.take_one(at, index, batch);
        match taken {
            Err(FillError::DoesNotMeet { index: end, .. }) if self.is_leftover(at + 1, end) => {
                self.drop_leftovers(at)?;
                self.take_one(at, index, batch)
            }
            taken => taken,
        }
    }

    fn take_one(
        &mut self,
        at: usize,
        index: LogIndex,
        batch: &Batch,
    ) -> Result<Option<Taken>, FillError> {
        let around = around!(self);
        let Some(piece) = self.pieces.get_mut(at) else {
            return Ok(None);
        };
        let taken = around.open(piece).and_then(|()| match &piece.state {
            PieceState::Damaged(damaged) if damaged.at().index == index => {
                around.take(piece, batch).map(Some)
            }
            _ => Ok(None),
        });
        if let Err(FillError::Repair(_)) = &taken {
            around.give_up(piece);
        }
        taken
    }

    /// Puts those files into their place that miss nothing: whose rest is garbage, or purged.
    pub(super) fn mend_what_needs_no_copies(&mut self) -> Result<(), RepairError> {
        let nothing_missing: Vec<usize> = (0..)
            .zip(&self.pieces)
            .filter(|(_, piece)| !piece.is_sound() && piece.missing(self).is_empty())
            .map(|(at, _)| at)
            .collect();
        for at in nothing_missing {
            let around = around!(self);
            let Some(piece) = self.pieces.get_mut(at) else {
                continue;
            };
            match around.open(piece).and_then(|()| around.go_on(piece)) {
                Ok(()) => {}
                Err(FillError::Repair(error)) => {
                    around.give_up(piece);
                    return Err(error);
                }
                Err(_) => around.give_up(piece),
            }
        }
        self.pieces.retain(|piece| match &piece.state {
            PieceState::Sound(facts) => facts.bytes > 0 || piece.is_there,
            PieceState::Damaged(_) => true,
        });
        Ok(())
    }
}

impl Build {
    pub(super) fn at(&self) -> End {
        self.facts.end()
    }
}

impl Damaged {
    /// The first entry that is missing: behind the new file, or the runs that are going to be in it next.
    fn first_missing(&self) -> LogIndex {
        let mut at = self.at();
        for run in self.runs.iter().skip(self.next_run) {
            match run.end_index() {
                Some(index) if run.index == Some(at.index) => {
                    let offset = run.end_offset;
                    at = End { index, offset };
                }
                _ if run.is_behind(at) => {}
                _ => break,
            }
        }
        at.index
    }
}

impl Around<'_> {
    /// Takes one copied entry.
    fn take(&self, piece: &mut Piece, batch: &Batch) -> Result<Taken, FillError> {
        let (name, is_there) = (piece.name, piece.is_there);
        let PieceState::Damaged(damaged) = &mut piece.state else {
            return Ok(Taken::Met);
        };
        let at = damaged.at();
        self.check(at, batch)?;
        if self.meets(name, damaged, at, batch)? {
            self.go_on(piece)?;
            return Ok(Taken::Met);
        }
        damaged.check_end(at, batch.header())?;
        let bytes = batch.total_bytes() as u64;
        if let Some(build) = &mut damaged.build {
            let is_full = build.facts.bytes > 0 && build.facts.bytes + bytes > self.segment_bytes;
            if is_full && !is_there {
                return self.roll(piece);
            }
            self.write(build, &batch.parts(), std::slice::from_ref(batch.header()))?;
        }
        self.go_on(piece)?;
        Ok(Taken::Copied)
    }

    fn check(&self, at: End, batch: &Batch) -> Result<(), FillError> {
        let index = at.index;
        let header = batch.header();
        let (expected, found) = (self.terms.term_at(index), header.term());
        if found.is_none() || found != expected {
            return Err(FillError::OtherTerm {
                index,
                expected,
                found,
            });
        }
        if header.base_offset() != at.offset {
            return Err(FillError::WrongOffset {
                index,
                expected: at.offset,
                found: header.base_offset(),
            });
        }
        batch.check_crc().map_err(|error| FillError::Unsound {
            index,
            reason: error.to_string(),
        })
    }

    /// Whether the next run begins with this very entry. Runs that the copies have shown to be none are left out.
    fn meets(
        &self,
        name: SegmentName,
        damaged: &mut Damaged,
        at: End,
        batch: &Batch,
    ) -> Result<bool, FillError> {
        while let Some(run) = damaged.runs.get_mut(damaged.next_run) {
            match run.index {
                Some(index) if index > at.index => return Ok(false),
                Some(_) => {}
                None if run.offset > at.offset => return Ok(false),
                None if run.offset == at.offset && batch.header().is_internal() => {
                    return Ok(false);
                }
                None if run.offset == at.offset
                    && self.first_of(name, run)?.as_ref() == Some(batch) =>
                {
                    run.index = Some(at.index);
                    return Ok(true);
                }
                None => {}
            }
            damaged.next_run += 1;
        }
        Ok(false)
    }

    fn first_of(&self, name: SegmentName, run: &Run) -> Result<Option<Batch>, RepairError> {
        let path = self.path.join(name.log_file());
        let file = Patient::new(self.shared.disk.open(&path).map_err(io_error(&path))?);
        let search = self.search(&file, name);
        let first = search.batch(&mut Window::default(), run.start);
        Ok(first.map_err(io_error(&path))?.ok())
    }

    fn without_last(&self, name: SegmentName, run: Run) -> Result<Option<Run>, RepairError> {
        let path = self.path.join(name.log_file());
        let file = Patient::new(self.shared.disk.open(&path).map_err(io_error(&path))?);
        let shorter = self.search(&file, name).without_last(run);
        shorter.map_err(io_error(&path))
    }

    fn search<'a>(&'a self, file: &'a dyn DiskFile, name: SegmentName) -> Search<'a> {
        Search {
            file,
            name,
            terms: self.terms,
            anchors: &[],
            noted: self.noted,
            offset_max: None,
            interval: self.interval,
        }
    }

    /// Adds the runs that follow without a gap; puts the file in its place when nothing is missing any more.
    fn go_on(&self, piece: &mut Piece) -> Result<(), FillError> {
        let name = piece.name;
        let PieceState::Damaged(damaged) = &mut piece.state else {
            return Ok(());
        };
        let Some(build) = &mut damaged.build else {
            return Ok(());
        };
        while let Some(run) = damaged.runs.get(damaged.next_run) {
            let at = build.at();
            if run.index == Some(at.index) && run.offset == at.offset {
                self.copy(name, run, build)?;
                // It is not what it was when the runs were looked for.
                let fell_short = run.end_index().is_some_and(|end| build.at().index < end);
                damaged.was_refused |= fell_short;
            } else if !run.is_behind(at) {
                break;
            }
            damaged.next_run += 1;
        }
        let at = build.at();
        let is_whole = match damaged.end {
            Some(end) => at.index >= end.index,
            // Sound entries behind what is noted were acknowledged, perhaps: copies must lead up to them.
            None => {
                let is_known = self.is_told || !damaged.hides_tail();
                is_known && at.index >= self.durable && damaged.next_run >= damaged.runs.len()
            }
        };
        if is_whole {
            self.finish(piece)?;
        }
        Ok(())
    }
}

impl Damaged {
    /// An entry must not reach over the place where the rest begins.
    fn check_end(&self, at: End, header: &BatchHeader) -> Result<(), FillError> {
        let run = self.runs.get(self.next_run);
        let run = run.and_then(|run| Some((run.index?, run.offset)));
        let bounds = run
            .into_iter()
            .chain(self.end.map(|end| (end.index, end.offset)));
        for (index, expected) in bounds {
            let found = header.end_offset();
            if (index == at.index.next() && found != expected) || found > expected {
                return Err(FillError::DoesNotMeet {
                    index,
                    expected,
                    found,
                });
            }
        }
        Ok(())
    }
}
