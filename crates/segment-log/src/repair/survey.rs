//! Which segments a log has and should have, and where each one begins and ends.
//!
//! A segment ends where its successor begins, or where its stored index says. The last one reaches at least to the
//! noted end. A name that does not adjoin is a missing file below the noted end, and a leftover above it.

use std::io;
use std::path::{Path, PathBuf};

use model::{LogIndex, Offset};

use super::error::RepairError;
use super::patient::Patient;
use super::rebuild::Build;
use super::runs::{Found, Run, Search};
use super::{LogRepair, MissingRange};
use crate::disk::DiskFile;
use crate::noted_ends::End;
use crate::segment::file::read_index;
use crate::segment::{SegmentFacts, SegmentName, SparseIndex};
use crate::start_file::{LogStart, START_FILE};
use crate::term_table::{TERM_FILE, TermTable};

/// One segment.
pub(super) struct Piece {
    pub(super) name: SegmentName,
    /// Whether there is a file of this name.
    pub(super) is_there: bool,
    pub(super) state: PieceState,
}

pub(super) enum PieceState {
    /// As far as is known.
    Sound(SegmentFacts),
    Damaged(Damaged),
}

/// What remains of a segment, and how far its repair has come.
pub(super) struct Damaged {
    pub(super) runs: Vec<Run>,
    pub(super) damage: (u64, String),
    /// Where it must end; `None` for the last one, which must reach the noted end.
    pub(super) end: Option<End>,
    /// Where its new file begins.
    pub(super) base: End,
    pub(super) build: Option<Build>,
    /// The first run that is not in the new file yet.
    pub(super) next_run: usize,
    /// The device has refused some of it.
    pub(super) was_refused: bool,
}

impl Piece {
    pub(super) fn is_sound(&self) -> bool {
        matches!(self.state, PieceState::Sound(_))
    }

    pub(super) fn hides_tail(&self) -> bool {
        matches!(&self.state, PieceState::Damaged(damaged) if damaged.hides_tail())
    }

    pub(super) fn end_index(&self, of: &LogRepair) -> LogIndex {
        match &self.state {
            PieceState::Sound(facts) => facts.end_index,
            PieceState::Damaged(damaged) => {
                let ends = damaged.runs.iter().filter_map(Run::end_index);
                let found = ends.max().unwrap_or(damaged.base.index);
                found.max(damaged.end_index_min(of))
            }
        }
    }

    /// Its missing ranges, ascending.
    pub(super) fn missing(&self, of: &LogRepair) -> Vec<MissingRange> {
        let PieceState::Damaged(damaged) = &self.state else {
            return Vec::new();
        };
        let file = of.path.join(self.name.log_file());
        let (byte, reason) = damaged.damage.clone();
        let range = |from: End, end: LogIndex| MissingRange {
            file: file.clone(),
            byte,
            reason: reason.clone(),
            first: from.index,
            first_offset: from.offset,
            end,
        };
        let all = damaged.end_index_min(of);
        let mut found = Vec::new();
        let mut from = Some(damaged.at());
        for run in damaged.runs.iter().skip(damaged.next_run) {
            if from.is_some_and(|from| run.is_behind(from)) {
                continue;
            }
            if let Some(from) = from.filter(|from| run.index.is_none_or(|i| i > from.index)) {
                found.push(range(from, run.index.unwrap_or(all).max(from.index.next())));
            }
            from = run.end_index().map(|index| End {
                index,
                offset: run.end_offset,
            });
        }
        if let Some(from) = from.filter(|from| from.index < all) {
            found.push(range(from, all));
        }
        found
    }
}

impl Damaged {
    /// The least index that it must end at.
    pub(super) fn end_index_min(&self, of: &LogRepair) -> LogIndex {
        self.end.map_or(of.durable_index(), |end| end.index)
    }

    /// The last one: there may be entries that cannot be read, nor told by what is noted.
    pub(super) fn hides_tail(&self) -> bool {
        self.was_refused && self.end.is_none()
    }

    /// Where its new file has come to.
    pub(super) fn at(&self) -> End {
        self.build.as_ref().map_or(self.base, Build::at)
    }
}

impl LogRepair {
    pub(super) fn read_small_files(&mut self) -> Result<(), RepairError> {
        let disk = self.shared.disk.clone();
        let of = |name: &str| self.path.join(name);
        let start = LogStart::read(&*disk, &self.path).map_err(io_error(&of(START_FILE)))?;
        let terms = TermTable::read(&*disk, &self.path).map_err(io_error(&of(TERM_FILE)))?;
        (self.start, self.lost_start) = split(start);
        let (terms, lost_terms) = split(terms);
        (self.terms, self.lost_terms) = (terms.unwrap_or_default(), lost_terms);
        // Durable before the first batch is: without it nothing was written, or it is gone.
        let is_gone = self.lost_terms.is_none() && self.terms.starts().is_empty();
        if is_gone
            && self
                .noted
                .is_some_and(|noted| noted.index > self.first_index())
        {
            self.lost_terms = Some("the file is missing or names no term".to_owned());
        }
        Ok(())
    }

    /// Looks through all segments. With a small file lost there is nothing to check them against.
    pub(super) fn survey(&mut self, suspects: &[PathBuf]) -> Result<(), RepairError> {
        self.pieces.clear();
        if self.lost_start.is_some() || self.lost_terms.is_some() {
            return Ok(());
        }
        let names = self.names()?;
        let mut end = self.begins(names.first());
        for (at, name) in names.iter().enumerate() {
            let base = End {
                index: name.base_index,
                offset: name.base_offset,
            };
            if let Some(end) = self.not_purged(end).filter(|end| *end < base) {
                let begins_log = self.pieces.is_empty() && self.start.is_none();
                if self.durable_index() <= base.index && !begins_log {
                    // What a crash has left of a reset or a truncation: opening the log removes it.
                    break;
                }
                self.pieces.push(self.absent(end, Some(base)));
            }
            self.check_order(*name, end)?;
            let next = names.get(at + 1).map(|next| End {
                index: next.base_index,
                offset: next.base_offset,
            });
            let is_suspect = suspects.contains(&self.path.join(name.log_file()));
            let piece = self.look_at(*name, next, is_suspect)?;
            end = match &piece.state {
                PieceState::Sound(facts) => Some(facts.end()),
                PieceState::Damaged(damaged) => damaged.end,
            };
            self.pieces.push(piece);
        }
        let is_open_end = self.pieces.last().is_some_and(
            |piece| matches!(&piece.state, PieceState::Damaged(damaged) if damaged.end.is_none()),
        );
        let none = End {
            index: LogIndex::ZERO,
            offset: Offset::ZERO,
        };
        let end = self.not_purged(end).unwrap_or(none);
        if !is_open_end && end.index < self.durable_index() {
            self.pieces.push(self.absent(end, None));
        }
        self.mend_what_needs_no_copies()
    }

    /// Where the first segment must begin: at the start, or where the first term does.
    fn begins(&self, first: Option<&SegmentName>) -> Option<End> {
        let of_term = self.terms.starts().first().map(|start| End {
            index: start.index,
            offset: start.offset,
        });
        let begins = self.first().or(of_term);
        // It may begin below the start.
        begins.filter(|begins| first.is_none_or(|name| name.base_index > begins.index))
    }

    /// An end of segments, or the log's start where that is behind it.
    fn not_purged(&self, end: Option<End>) -> Option<End> {
        end.map(|end| self.first().map_or(end, |first| end.max(first)))
    }

    fn check_order(&self, name: SegmentName, end: Option<End>) -> Result<(), RepairError> {
        match end {
            Some(end) if end.index > name.base_index || end.offset > name.base_offset => {
                Err(RepairError::Contradiction {
                    file: self.path.join(name.log_file()),
                    reason: format!(
                        "it begins at entry {} and offset {}, the segment before ends at entry {} and offset {}",
                        name.base_index, name.base_offset, end.index, end.offset
                    ),
                })
            }
            _ => Ok(()),
        }
    }

    /// The segments that are there and not purged.
    fn names(&self) -> Result<Vec<SegmentName>, RepairError> {
        let listed = self.shared.disk.list(&self.path);
        let listed = listed.map_err(io_error(&self.path))?;
        let mut names: Vec<_> = listed
            .iter()
            .filter_map(|entry| SegmentName::parse(&entry.name))
            .collect();
        names.sort_unstable();
        let first = self.first_index();
        let is_purged =
            |pair: &&[SegmentName]| pair.get(1).is_some_and(|next| next.base_index <= first);
        let purged = names.windows(2).take_while(is_purged).count();
        names.drain(..purged);
        Ok(names)
    }

    /// The files of segments that are known to be damaged.
    pub(super) fn suspects(&self) -> Vec<PathBuf> {
        let damaged = self
            .pieces
            .iter()
            .filter(|piece| piece.is_there && !piece.is_sound());
        damaged
            .map(|piece| self.path.join(piece.name.log_file()))
            .collect()
    }

    pub(super) fn all_files(&self) -> Result<Vec<PathBuf>, RepairError> {
        let names = self.names()?.into_iter();
        Ok(names.map(|name| self.path.join(name.log_file())).collect())
    }

    /// Reads a segment whole that only seemed sound.
    pub(super) fn look_again(&mut self, at: usize) -> Result<(), RepairError> {
        let Some(piece) = self.pieces.get(at) else {
            return Ok(());
        };
        let (name, is_sound) = (piece.name, piece.is_sound());
        let next = self.pieces.get(at + 1).map(|next| End {
            index: next.name.base_index,
            offset: next.name.base_offset,
        });
        if is_sound {
            let found = self.look_at(name, next, true)?;
            if let Some(piece) = self.pieces.get_mut(at) {
                *piece = found;
            }
        }
        Ok(())
    }

    /// A segment whose file is missing.
    fn absent(&self, from: End, end: Option<End>) -> Piece {
        let reason = "the file is missing".to_owned();
        Piece {
            name: SegmentName {
                base_index: from.index,
                base_offset: from.offset,
            },
            is_there: false,
            state: PieceState::Damaged(Damaged {
                runs: Vec::new(),
                damage: (0, reason),
                end,
                base: from,
                build: None,
                next_run: 0,
                was_refused: false,
            }),
        }
    }

    fn look_at(
        &self,
        name: SegmentName,
        next: Option<End>,
        is_suspect: bool,
    ) -> Result<Piece, RepairError> {
        let disk = &*self.shared.disk;
        let path = self.path.join(name.log_file());
        let file = disk.open(&path).map_err(io_error(&path))?;
        let index_path = self.path.join(name.index_file());
        let stored = stored_index(read_index(disk, &index_path), name);
        let length = file.length();
        if let Some((facts, _)) = &stored
            && facts.bytes == length
            && !is_suspect
        {
            return Ok(Piece {
                name,
                is_there: true,
                state: PieceState::Sound(*facts),
            });
        }
        // An index that was stored before the segment was cut and went on says where its old part ended.
        let stored_end = stored.as_ref().map(|(facts, _)| *facts);
        let stored_end = stored_end.filter(|facts| facts.bytes >= length);
        let end = stored_end.map(|facts| facts.end()).or(next);
        let file = Patient::new(file);
        let search = Search {
            file: &file,
            name,
            terms: &self.terms,
            anchors: stored.as_ref().map_or(&[], |(_, index)| index.entries()),
            noted: self.noted,
            offset_max: end.map(|end| end.offset),
            interval: self.settings.index_interval_bytes,
        };
        let found = search.run().map_err(io_error(&path))?;
        Ok(Piece {
            name,
            is_there: true,
            state: self.state_of(name, &file, end, found),
        })
    }

    fn state_of(
        &self,
        name: SegmentName,
        file: &Patient,
        end: Option<End>,
        found: Found,
    ) -> PieceState {
        if let ([run], None) = (&found.runs[..], &found.damage)
            && end.is_some()
        {
            // Sound to its last byte: what is missing before its successor was in a file of its own.
            return PieceState::Sound(run_facts(name, run));
        }
        let base = End {
            index: name.base_index,
            offset: name.base_offset,
        };
        let mut damaged = Damaged {
            runs: found.runs,
            damage: found
                .damage
                .unwrap_or_else(|| (file.length(), "the file ends".to_owned())),
            end,
            base,
            build: None,
            next_run: 0,
            was_refused: file.was_refused(),
        };
        if let Some(first) = self.first() {
            damaged.clip(first);
        }
        let run = damaged.runs.first();
        let sound_end = run.filter(|run| run.index == Some(damaged.base.index));
        let sound_end = sound_end
            .and_then(Run::end_index)
            .unwrap_or(damaged.base.index);
        // Nobody can read over a refused sector: it needs another file even where nothing is lost with it.
        let is_torn_tail = end.is_none()
            && !file.was_refused()
            && damaged.base == base
            && sound_end >= self.durable_index().max(base.index);
        match damaged.runs.first() {
            // Opening the log cuts what is behind.
            Some(run) if is_torn_tail => PieceState::Sound(run_facts(name, run)),
            None if is_torn_tail => PieceState::Sound(SegmentFacts::empty(name)),
            _ => PieceState::Damaged(damaged),
        }
    }
}

impl Damaged {
    /// Leaves out what is purged. The new file begins with the run that holds the log's first entry, or with that.
    fn clip(&mut self, first: End) {
        if self.base.index >= first.index {
            return;
        }
        let holds = |run: &Run| {
            let range = run.index.zip(run.end_index());
            range.is_some_and(|(from, end)| from <= first.index && first.index <= end)
        };
        if let Some(at) = self.runs.iter().position(holds) {
            self.runs.drain(..at);
            if let Some((index, offset)) =
                self.runs.first().and_then(|r| Some((r.index?, r.offset)))
            {
                self.base = End { index, offset };
            }
            return;
        }
        self.runs.retain(|run| match run.index {
            Some(index) => index > first.index,
            None => run.offset > first.offset,
        });
        self.base = first;
    }
}

fn run_facts(name: SegmentName, run: &Run) -> SegmentFacts {
    SegmentFacts {
        end_index: name.base_index.plus(run.count),
        end_offset: run.end_offset,
        bytes: run.end,
        ..SegmentFacts::empty(name)
    }
}

fn split<T, E: ToString>(read: Option<Result<T, E>>) -> (Option<T>, Option<String>) {
    match read {
        None => (None, None),
        Some(Ok(value)) => (Some(value), None),
        Some(Err(error)) => (None, Some(error.to_string())),
    }
}

/// An index that cannot be read is no loss.
fn stored_index(
    read: io::Result<Option<(SegmentFacts, SparseIndex)>>,
    name: SegmentName,
) -> Option<(SegmentFacts, SparseIndex)> {
    let stored = read.ok().flatten();
    stored.filter(|(facts, _)| facts.name == name)
}

pub(super) fn io_error(file: &Path) -> impl FnOnce(io::Error) -> RepairError {
    let file = file.to_owned();
    move |source| RepairError::Io { file, source }
}
