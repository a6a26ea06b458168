//! The snapshot beside a damaged log, and a start of the log further ahead, where the snapshot that replaces a lost one
//! stands there.

use std::path::PathBuf;

use bytes::Bytes;
use model::{LogId, LogIndex, Offset, Term};

use super::LogRepair;
use super::ends::AdoptError;
use super::survey::io_error;
use crate::disk::durable::remove_file_durably;
use crate::error::CheckpointError;
use crate::log::{SNAPSHOT_FILE, read_state_file, write_state_file};
use crate::start_file::{LogStart, START_FILE};
use crate::term_table::{TERM_FILE, TermStart, TermTable};

impl LogRepair {
    /// Takes the snapshot for lost where somebody could not use it.
    pub(super) fn doubt_snapshot(&mut self, suspects: &[PathBuf]) {
        if suspects.contains(&self.path.join(SNAPSHOT_FILE)) {
            self.lost_snapshot = Some(match self.read_snapshot() {
                Err(error) => error.to_string(),
                Ok(None) => "it is missing".to_owned(),
                Ok(Some(_)) => "it does not reach up to the first entry of the log".to_owned(),
            });
        }
    }

    /// The snapshot beside the log, if there is one. Blocks.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`], [`CheckpointError::Io`].
    pub fn read_snapshot(&self) -> Result<Option<Bytes>, CheckpointError> {
        read_state_file(&self.shared, &self.path, SNAPSHOT_FILE, LogIndex::ZERO)
    }

    /// Replaces the snapshot durably. [`LogRepair::start_behind`] or [`LogRepair::start_before`] comes next. Blocks.
    ///
    /// # Errors
    /// [`CheckpointError::Io`].
    pub fn write_snapshot(&mut self, bytes: &[u8]) -> Result<(), CheckpointError> {
        let (shared, path) = (&self.shared, &self.path);
        write_state_file(shared, path, SNAPSHOT_FILE, LogIndex::ZERO, bytes)
    }

    /// Removes the snapshot durably: there is none where the log begins with its first entry. Blocks.
    ///
    /// # Errors
    /// [`CheckpointError::Io`].
    pub fn remove_snapshot(&mut self) -> Result<(), CheckpointError> {
        let file = self.path.join(SNAPSHOT_FILE);
        let removed = remove_file_durably(&*self.shared.disk, &file);
        removed.map_err(|source| CheckpointError::Io { file, source })
    }

    /// Lets the log start further ahead, behind `start` or at the very beginning: the snapshot that is stored now stands
    /// there. What was deleted since is missing then, and to be copied. `terms` are those of a log that holds it,
    /// committed. Blocks.
    ///
    /// # Errors
    /// [`AdoptError`]; it can be done again.
    pub fn start_before(
        &mut self,
        start: Option<(LogId, Offset)>,
        terms: &[(Term, LogIndex, Offset)],
    ) -> Result<(), AdoptError> {
        let first = start.map_or(LogIndex::ZERO, |(upto, _)| upto.index.next());
        let table = self.longer_table(first, terms);
        let table = table.ok_or(AdoptError::Senseless { first })?;
        let disk = self.shared.disk.clone();
        let (terms_file, start_file) = (self.path.join(TERM_FILE), self.path.join(START_FILE));
        // A table that says too much harms nothing, one that says too little does.
        let written = table.write(&*disk, &self.path);
        written.map_err(io_error(&terms_file))?;
        self.terms = table;
        self.start = start.map(|(purged, offset)| LogStart { purged, offset });
        let moved = match self.start {
            Some(start) => start.write(&*disk, &self.path),
            None => remove_file_durably(&*disk, &start_file),
        };
        moved.map_err(io_error(&start_file))?;
        self.lost_snapshot = None;
        self.index = None;
        Ok(self.survey(&self.suspects())?)
    }

    /// The terms of the log, and before them those that another has from `first` on.
    fn longer_table(
        &self,
        first: LogIndex,
        terms: &[(Term, LogIndex, Offset)],
    ) -> Option<TermTable> {
        let own = self.terms.starts();
        let ahead = |term: &Term| own.first().is_none_or(|own| *term < own.term);
        let mut table = TermTable::default();
        let others = terms.iter().filter(|(term, ..)| ahead(term));
        let others = others.map(|(term, index, offset)| TermStart {
            term: *term,
            index: *index,
            offset: *offset,
        });
        for start in others.chain(own.iter().copied()) {
            table.push(start);
        }
        table.trim(first);
        let starts = table.starts();
        let ascends = starts.is_sorted_by(|a, b| a.term < b.term && a.index < b.index);
        let reaches = starts.first().is_some_and(|start| start.index <= first);
        (ascends && reaches).then_some(table)
    }
}
