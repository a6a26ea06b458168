//! What a leader's committed log says about a damaged one: another term from some entry on, another start, the terms.
//!
//! Who calls these has seen to it that a quorum confirms that leader.

use model::{LogId, LogIndex, Offset, Term};
use thiserror::Error;

use super::LogRepair;
use super::error::RepairError;
use super::survey::{PieceState, io_error};
use crate::log::remove_if_there;
use crate::noted_ends::End;
use crate::segment::SegmentName;
use crate::start_file::{LogStart, START_FILE};
use crate::term_table::{TERM_FILE, TermStart, TermTable};

/// Why another's terms are not taken.
#[derive(Debug, Error)]
pub enum AdoptError {
    /// They make no table.
    #[error("the copied terms do not ascend, or are not all above {first}")]
    Senseless {
        /// Where the log starts.
        first: LogIndex,
    },
    /// The repair itself failed.
    #[error(transparent)]
    Repair(#[from] RepairError),
}

impl LogRepair {
    /// Drops every entry from `index` on, a missing one: the committed log has another there. The durable end is
    /// lowered, durably, before a byte is touched. Blocks.
    ///
    /// # Errors
    /// [`RepairError`]; it can be done again.
    pub fn cut_from(&mut self, index: LogIndex) -> Result<(), RepairError> {
        let ranges = self.missing();
        let Some(range) = ranges.iter().find(|range| range.first == index) else {
            return Err(RepairError::Contradiction {
                file: self.path.clone(),
                reason: format!(
                    "it was to be cut from entry {index}, where no missing range begins"
                ),
            });
        };
        let end = End {
            index,
            offset: range.first_offset,
        };
        self.shared.noted.lower(&self.path, Some(end))?;
        self.noted = self.noted.map(|noted| noted.min(end));
        self.reached = self.reached.map(|reached| reached.min(index));
        // Newest first: a crash must not leave a later segment without the ones before.
        while let Some(last) = self.pieces.last()
            && last.name.base_index >= index
        {
            if last.is_there {
                self.remove_files(last.name)?;
            }
            self.pieces.pop();
        }
        let _ = self.terms.truncate(index);
        if let Some(last) = self.pieces.last_mut()
            && let PieceState::Damaged(damaged) = &mut last.state
        {
            damaged.end = None;
            damaged
                .runs
                .retain(|run| run.index.is_some_and(|first| first < index));
            damaged.next_run = damaged.next_run.min(damaged.runs.len());
        }
        self.index = None;
        self.mend_what_needs_no_copies()
    }

    /// Whether a segment that copies do not lead up to is what a crash has left of a truncation: all of it lies above the
    /// noted end.
    pub(super) fn is_leftover(&self, at: usize, begins: LogIndex) -> bool {
        let noted = self.noted.map_or(LogIndex::ZERO, |noted| noted.index);
        let piece = self.pieces.get(at);
        piece.is_some_and(|piece| piece.name.base_index == begins && begins >= noted)
    }

    /// Drops every segment behind one: nothing tells any more where that one ends.
    pub(super) fn drop_leftovers(&mut self, behind: usize) -> Result<(), RepairError> {
        while self.pieces.len() > behind + 1
            && let Some(last) = self.pieces.pop()
        {
            if last.is_there {
                let file = self.path.join(last.name.log_file());
                tracing::warn!(file = %file.display(), "a segment that is not of this log is deleted: a crash has left it");
                self.remove_files(last.name)?;
            }
        }
        if let Some(last) = self.pieces.last_mut()
            && let PieceState::Damaged(damaged) = &mut last.state
        {
            damaged.end = None;
        }
        self.index = None;
        Ok(())
    }

    /// Forgets everything up to and including `upto`: a snapshot that stands there is stored. Blocks.
    ///
    /// # Errors
    /// [`RepairError`]; it can be done again.
    pub fn start_behind(&mut self, upto: LogId, offset_after: Offset) -> Result<(), RepairError> {
        let first = self.first_index();
        if self.lost_start.is_none() && upto.index < first {
            if upto.index.next() == first {
                self.lost_snapshot = None;
            }
            return Ok(());
        }
        let start = LogStart {
            purged: upto,
            offset: offset_after,
        };
        let disk = self.shared.disk.clone();
        let here = self.term_at(upto.index);
        // What follows an entry that is not the committed one is not committed either.
        let is_other = self.lost_terms.is_none() && here.is_some_and(|here| here != upto.term);
        let is_beyond = self.lost_terms.is_none() && upto.index.next() >= self.end_index();
        if is_other || is_beyond {
            // A reset: the noted end names entries that are no longer needed.
            self.shared.noted.lower(&self.path, None)?;
            self.noted = None;
        }
        let path = self.path.join(START_FILE);
        start.write(&*disk, &self.path).map_err(io_error(&path))?;
        self.start = Some(start);
        self.lost_start = None;
        self.lost_snapshot = None;
        self.index = None;
        if is_other {
            let there = self.pieces.iter().rev().filter(|piece| piece.is_there);
            for name in there.map(|piece| piece.name) {
                self.remove_files(name)?;
            }
            self.pieces.clear();
        }
        self.survey(&self.suspects())
    }

    /// Puts another replica's terms in the place of a lost table. What is stored must match them. Blocks.
    ///
    /// # Errors
    /// [`AdoptError`].
    pub fn adopt_terms(&mut self, terms: &[(Term, LogIndex, Offset)]) -> Result<(), AdoptError> {
        let first = self.first_index();
        let ascends = terms.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1 && a.2 <= b.2);
        let reaches = terms.first().is_some_and(|(_, index, _)| *index <= first);
        if !ascends || !reaches {
            return Err(AdoptError::Senseless { first });
        }
        let mut table = TermTable::default();
        for (term, index, offset) in terms {
            table.push(TermStart {
                term: *term,
                index: *index,
                offset: *offset,
            });
        }
        table.trim(first);
        let path = self.path.join(TERM_FILE);
        let written = table.write(&*self.shared.disk, &self.path);
        written.map_err(io_error(&path))?;
        self.terms = table;
        self.lost_terms = None;
        // Nothing was checked against these terms yet, nor are the segments before known to be sound.
        let all = self.all_files()?;
        Ok(self.survey(&all)?)
    }

    fn remove_files(&self, name: SegmentName) -> Result<(), RepairError> {
        let disk = &*self.shared.disk;
        let checkpoint = crate::log::checkpoint_file(name.base_index);
        for file in [name.log_file(), name.index_file(), checkpoint] {
            let path = self.path.join(file);
            remove_if_there(disk, &path).map_err(io_error(&path))?;
        }
        disk.sync_directory(&self.path)
            .map_err(io_error(&self.path))
    }
}
