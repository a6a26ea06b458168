//! What can go wrong while a log is repaired.

use std::io;
use std::path::PathBuf;

use model::{LogIndex, Offset, Term};
use thiserror::Error;

use crate::error::passes;
use crate::journal::JournalError;

/// Why a damaged log cannot be looked through or changed.
#[derive(Debug, Error)]
pub enum RepairError {
    /// It is open, or being repaired already.
    #[error("{} is open: a log is repaired while nobody has it open", path.display())]
    Open {
        /// The log's directory.
        path: PathBuf,
    },
    /// Its files contradict each other.
    #[error("{}: {reason}; keep the directory and replace this replica", file.display())]
    Contradiction {
        /// The file, relative to the data directory.
        file: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The journal of noted ends failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The disk refused.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file or directory, relative to the data directory.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl RepairError {
    /// Whether nothing but the moment is wrong, such as a full disk or no file handle left.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Io { source, .. } if passes(source))
    }
}

/// Why copied entries are not taken. Those before the one that is named were.
#[derive(Debug, Error)]
pub enum FillError {
    /// Nothing that begins there is missing.
    #[error("no missing range begins at entry {first}")]
    NotMissing {
        /// The first entry of what was copied.
        first: LogIndex,
    },
    /// Its checksum does not match.
    #[error("entry {index} as copied is not sound: {reason}")]
    Unsound {
        /// The entry.
        index: LogIndex,
        /// What is wrong with it.
        reason: String,
    },
    /// It is another entry than the one that was here.
    #[error("entry {index} was of term {expected:?} here, the copy is of term {found:?}")]
    OtherTerm {
        /// The entry.
        index: LogIndex,
        /// The term by the term table.
        expected: Option<Term>,
        /// The copy's term.
        found: Option<Term>,
    },
    /// Offsets must adjoin.
    #[error("entry {index} must begin at offset {expected}, the copy begins at {found}")]
    WrongOffset {
        /// The entry.
        index: LogIndex,
        /// The offset behind the entry before.
        expected: Offset,
        /// The copy's.
        found: Offset,
    },
    /// What was copied does not end where the undamaged rest begins.
    #[error("the copies end at offset {found}, entry {index} begins at {expected}")]
    DoesNotMeet {
        /// The first entry of the rest.
        index: LogIndex,
        /// Its offset.
        expected: Offset,
        /// Where the copies end.
        found: Offset,
    },
    /// The repair itself failed.
    #[error(transparent)]
    Repair(#[from] RepairError),
}
