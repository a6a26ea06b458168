//! A damaged log, closed: which entries its bytes still hold, which ones are missing, and how they are put back.
//!
//! Damage hides entries, it does not unhold them. So nothing here lowers what was promised, but for
//! [`LogRepair::cut_from`] and [`LogRepair::start_behind`], which follow what a leader's *committed* log says.
//! A segment of which the device refuses some may hide entries that were acknowledged and not noted yet:
//! [`LogRepair::reach`] says up to where there must be copies. A segment above the noted end to which the copies do not
//! lead up is what a crash has left of a truncation, and goes.
//! A snapshot that cannot be used is damage too, where entries below it are deleted: [`LogRepair::start_behind`] or
//! [`LogRepair::start_before`] goes with another one.
//! Every change is a new file that takes the place of the old one in one step: a crash leaves the damage as it was or
//! mended, and a map of the old file goes on showing the old bytes.
//!
//! ```text
//! survey ── which files there are, which ones must be, where each one ends
//!   └─ runs ── the sound batches of one file, and what says which entries they are
//!        └─ resync ── where sound bytes begin again behind bad ones
//! rebuild ── a new file of old runs and copied entries     serve ── reads of what is sound, for other replicas
//! ```
//! It knows neither peers nor terms' meaning: who copies the entries decides whom to believe.

mod ends;
mod error;
mod patient;
mod rebuild;
mod resync;
mod runs;
mod serve;
mod snapshot;
mod survey;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{LogIndex, Offset, Term};

use crate::directory::Shared;
use crate::log::LogSettings;
use crate::noted_ends::End;
use crate::segment::SparseIndex;
use crate::start_file::LogStart;
use crate::term_table::TermTable;
use survey::Piece;

pub use ends::AdoptError;
pub use error::{FillError, RepairError};
pub use rebuild::Filled;

/// Entries that are durable by right and cannot be read. They can be copied from any replica that holds entries of
/// the same index and term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRange {
    /// The file they belong in, relative to the data directory.
    pub file: PathBuf,
    /// Where in it the first bad byte is.
    pub byte: u64,
    /// What is wrong there.
    pub reason: String,
    /// The first missing entry.
    pub first: LogIndex,
    /// Its offset.
    pub first_offset: Offset,
    /// Behind the last one; where damage hides how many there are, behind the last there can be.
    pub end: LogIndex,
}

/// A damaged log that nobody has open. While this lives nobody can open it.
pub struct LogRepair {
    shared: Arc<Shared>,
    path: PathBuf,
    settings: LogSettings,
    start: Option<LogStart>,
    terms: TermTable,
    noted: Option<End>,
    /// Why the start file or the term table cannot be read.
    lost_start: Option<String>,
    lost_terms: Option<String>,
    /// Why the snapshot cannot be used, where somebody has met that.
    lost_snapshot: Option<String>,
    /// The segments, ascending, those that are missing too.
    pieces: Vec<Piece>,
    /// Behind the last entry that can have been acknowledged, where the bytes do not tell and somebody else has.
    reached: Option<LogIndex>,
    /// The stored index that was read last, for reads.
    index: Option<(LogIndex, Arc<SparseIndex>)>,
}

impl LogRepair {
    /// Looks through the log at `path`. Segments that seem sound are not read, but for those that `suspects` names
    /// (paths relative to the data directory, as in errors). Blocks.
    pub(crate) fn open(
        shared: Arc<Shared>,
        path: &Path,
        settings: LogSettings,
        suspects: &[PathBuf],
    ) -> Result<Self, RepairError> {
        let mut repair = Self {
            noted: shared.noted.of(path),
            shared,
            path: path.to_owned(),
            settings,
            start: None,
            terms: TermTable::default(),
            lost_start: None,
            lost_terms: None,
            lost_snapshot: None,
            pieces: Vec::new(),
            reached: None,
            index: None,
        };
        repair.read_small_files()?;
        repair.doubt_snapshot(suspects);
        repair.survey(suspects)?;
        Ok(repair)
    }

    /// The log's directory, relative to the data directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether nothing is missing: then the log can be opened, once this is dropped.
    pub fn is_whole(&self) -> bool {
        self.lost_start.is_none()
            && self.lost_terms.is_none()
            && self.lost_snapshot.is_none()
            && self.pieces.iter().all(Piece::is_sound)
    }

    /// What is missing, ascending. Behind a lost term table nothing can be told.
    pub fn missing(&self) -> Vec<MissingRange> {
        let ranges = self.pieces.iter().flat_map(|piece| piece.missing(self));
        ranges.collect()
    }

    /// Why the term table cannot be read: [`LogRepair::adopt_terms`] puts another in its place.
    pub fn lost_terms(&self) -> Option<&str> {
        self.lost_terms.as_deref()
    }

    /// Why the start of the log is not known: [`LogRepair::start_behind`] says it anew.
    pub fn lost_start(&self) -> Option<&str> {
        self.lost_start.as_deref()
    }

    /// Why the snapshot cannot be used: another one is to be written, and the log to start where that stands.
    pub fn lost_snapshot(&self) -> Option<&str> {
        self.lost_snapshot.as_deref()
    }

    /// Whether more was durable, perhaps, than is noted and can be read: the device refuses some of the last segment.
    /// [`LogRepair::reach`] says how much.
    pub fn hides_tail(&self) -> bool {
        self.reached.is_none() && self.pieces.iter().any(Piece::hides_tail)
    }

    /// Has everything below `end` copied, where the tail is hidden: the end of a leader's log, which a quorum has
    /// confirmed since. What it does not have was never committed, nor will be. Blocks.
    ///
    /// # Errors
    /// [`RepairError`]; it can be done again.
    pub fn reach(&mut self, end: LogIndex) -> Result<(), RepairError> {
        self.reached = Some(end);
        self.mend_what_needs_no_copies()
    }

    /// The first entry there is, or should be.
    pub fn first_index(&self) -> LogIndex {
        self.first().map_or(LogIndex::ZERO, |first| first.index)
    }

    /// Behind the last entry that is known to be durable, or must be taken for that.
    pub fn durable_index(&self) -> LogIndex {
        let noted = self.noted.map_or(LogIndex::ZERO, |noted| noted.index);
        let reached = self.reached.unwrap_or(LogIndex::ZERO);
        noted.max(reached).max(self.first_index())
    }

    /// Behind the last entry that there is or should be.
    pub fn end_index(&self) -> LogIndex {
        let last = self.pieces.last().map(|piece| piece.end_index(self));
        last.unwrap_or(LogIndex::ZERO).max(self.durable_index())
    }

    /// The term that the entry at `index` has or must have. The last purged one still has one.
    pub fn term_at(&self, index: LogIndex) -> Option<Term> {
        match self.start {
            Some(start) if start.purged.index == index => Some(start.purged.term),
            _ if index < self.first_index() || index >= self.end_index() => None,
            _ => self.terms.term_at(index),
        }
    }

    /// Each term with its first index and offset.
    pub fn terms(&self) -> Vec<(Term, LogIndex, Offset)> {
        let starts = self.terms.starts().iter();
        starts.map(|s| (s.term, s.index, s.offset)).collect()
    }

    fn first(&self) -> Option<End> {
        self.start.map(|start| End {
            index: start.purged.index.next(),
            offset: start.offset,
        })
    }
}

impl Drop for LogRepair {
    fn drop(&mut self) {
        self.shared.repaired(&self.path);
    }
}
