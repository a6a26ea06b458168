//! What can go wrong, one enum per operation, with the numbers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{LogIndex, Offset, Term};
use rustix::io::Errno;
use thiserror::Error;

use crate::journal::JournalError;

/// A write or sync failed.
#[derive(Clone, Debug, Error)]
#[error("{}: {reason}; {}", file.display(), self.remedy())]
pub struct SyncFailed {
    /// The file, relative to the data directory.
    pub file: PathBuf,
    /// What the operating system said.
    pub reason: Arc<io::Error>,
    /// Whether the log accepts nothing more until the process starts anew. If not (a full disk, no file handle left),
    /// nothing is lost: what was to be written waits, and is tried again.
    pub is_final: bool,
}

impl SyncFailed {
    /// A failure after which nothing is sure any more.
    pub(crate) fn for_good(file: &Path, error: io::Error) -> Self {
        Self {
            file: file.to_owned(),
            reason: Arc::new(error),
            is_final: true,
        }
    }

    /// A failure of a call that can be made again, if what stood in its way can go away. Never for a sync of data.
    pub(crate) fn of_write(file: &Path, error: io::Error) -> Self {
        Self {
            is_final: !passes(&error),
            ..Self::for_good(file, error)
        }
    }

    fn remedy(&self) -> &'static str {
        if self.is_final {
            "what was not synced before is not acknowledged, restart the broker once the disk is sound"
        } else {
            "nothing is lost, it goes on by itself once there is space (and file handles) again"
        }
    }
}

/// Whether an error tells of something used up: space, quota, file handles or memory.
pub fn passes(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, OutOfMemory, QuotaExceeded, StorageFull};
    let no_handle = matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE)
    );
    let kind = error.kind();
    no_handle
        || matches!(
            kind,
            StorageFull | QuotaExceeded | OutOfMemory | Interrupted
        )
}

/// Why a data directory cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The journal of noted ends is unusable.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The disk refused.
    #[error("the data directory cannot be opened: {0}")]
    Io(#[from] io::Error),
}

/// Why a log cannot be opened.
#[derive(Debug, Error)]
pub enum OpenLogError {
    /// Bytes below the durable end are not what was written. Nothing was changed.
    #[error("{} is damaged at byte {byte}: {reason}; the entries from {first_missing} below {noted_end} were durable and must be copied from a replica", file.display())]
    Damaged {
        /// The file, relative to the data directory.
        file: PathBuf,
        /// Where the first bad byte range starts.
        byte: u64,
        /// What is wrong there.
        reason: String,
        /// The first entry that cannot be read.
        first_missing: LogIndex,
        /// The index behind the last entry known to be durable.
        noted_end: LogIndex,
    },
    /// The log is open already.
    #[error("{} is open already", path.display())]
    AlreadyOpen {
        /// The log's directory.
        path: PathBuf,
    },
    /// The journal of noted ends failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The disk refused.
    #[error("{} cannot be opened: {source}", path.display())]
    Io {
        /// The log's directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Why entries are not appended. Nothing of them is kept.
#[derive(Debug, Error)]
pub enum AppendError {
    /// Entries must adjoin.
    #[error("the log ends at index {end}, the entries start at {first}")]
    WrongIndex {
        /// The log's end.
        end: LogIndex,
        /// Where the entries start.
        first: LogIndex,
    },
    /// Offsets must adjoin.
    #[error("entry {index} must have the base offset {expected}, it has {found}")]
    WrongOffset {
        /// The entry.
        index: LogIndex,
        /// The log's end offset there.
        expected: Offset,
        /// The batch's base offset.
        found: Offset,
    },
    /// Terms never go back, and an unstamped batch has none.
    #[error("entry {index} must have a term of {least} or later, it has {found:?}")]
    WrongTerm {
        /// The entry.
        index: LogIndex,
        /// The last entry's term.
        least: Term,
        /// The batch's term.
        found: Option<Term>,
    },
    /// The log stopped.
    #[error(transparent)]
    Failed(#[from] SyncFailed),
}

/// Why a read by log index fails. Racing with truncation or purge is no error.
#[derive(Clone, Debug, Error)]
pub enum ReadLogError {
    /// Stored bytes are not what was written.
    #[error("{} is damaged at byte {byte}: {reason}", file.display())]
    Damaged {
        /// The segment file, relative to the data directory.
        file: PathBuf,
        /// Where in it.
        byte: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The disk refused.
    #[error("{} cannot be read: {source}", file.display())]
    Io {
        /// The segment file, relative to the data directory.
        file: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
}

impl ReadLogError {
    /// Whether nothing but the moment is wrong, such as no file handle left: it can be tried again.
    pub fn passes(&self) -> bool {
        match self {
            Self::Damaged { .. } => false,
            Self::Io { source, .. } => passes(source),
        }
    }
}

/// Why a read by offset fails.
#[derive(Clone, Debug, Error)]
pub enum ReadFromError {
    /// The records are gone.
    #[error("offset {wanted} is below the log start {log_start}; read from there")]
    BelowLogStart {
        /// The offset asked for.
        wanted: Offset,
        /// The first offset there is.
        log_start: Offset,
    },
    /// The records are not there yet.
    #[error("offset {wanted} is above the log end {end}; read from there")]
    AboveEnd {
        /// The offset asked for.
        wanted: Offset,
        /// The offset behind the last record.
        end: Offset,
    },
    /// Stored bytes are unsound or unreadable.
    #[error(transparent)]
    Stored(#[from] ReadLogError),
}

/// Why the log is not cut at its end.
#[derive(Debug, Error)]
pub enum TruncateError {
    /// Purged entries are committed.
    #[error("the log cannot be cut after {wanted:?}: it is purged below {first}")]
    BelowPurge {
        /// The last entry that was to be kept.
        wanted: Option<LogIndex>,
        /// The first entry there is.
        first: LogIndex,
    },
    /// The cut's place could not be found.
    #[error(transparent)]
    Read(#[from] ReadLogError),
    /// The log stopped.
    #[error(transparent)]
    Failed(#[from] SyncFailed),
}

/// Why the log is not cut at its front.
#[derive(Debug, Error)]
pub enum PurgeError {
    /// The log stopped.
    #[error(transparent)]
    Failed(#[from] SyncFailed),
}

/// Why a checkpoint or snapshot is not written or read.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// No segment begins there.
    #[error("no segment begins at index {at}")]
    NoSuchBase {
        /// The index asked for.
        at: LogIndex,
    },
    /// The log takes nothing more: it has failed, or was taken away.
    #[error(transparent)]
    Stopped(#[from] SyncFailed),
    /// The file is not what was written.
    #[error("{} is damaged: {reason}", file.display())]
    Damaged {
        /// The file, relative to the data directory.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The disk refused.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file, relative to the data directory.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl CheckpointError {
    /// Whether the file is lost: it is not what was written, or the disk has a bad place there.
    pub fn is_loss(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Io { source, .. } => !passes(source),
            Self::NoSuchBase { .. } | Self::Stopped(_) => false,
        }
    }
}
