//! One partition's log: entries are appended, read, cut at either end, and found again after a crash.
//!
//! Three locks, always taken in this order: `round` (a sync, truncation or purge is under way), `io` (bytes are
//! being written), `state` (positions in memory, held briefly and never across I/O). Readers take only `state`.

mod append;
mod checkpoint;
mod locate;
mod purge;
mod read_by_index;
mod read_by_offset;
mod read_by_time;
mod recover;
mod roll;
mod round;
mod state;
mod truncate;
mod verify;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use model::batch::BatchHeader;
use model::{Durability, LogId, LogIndex, Offset, Term, Timestamp};
use parking_lot::Mutex;

use crate::directory::Shared;
use crate::error::SyncFailed;
use crate::journal::JournalError;
use state::State;
use write::Writer;

pub(crate) use checkpoint::{
    SNAPSHOT_FILE, file_name as checkpoint_file, read_state_file, write_state_file,
};
pub(crate) use truncate::remove_if_there;
pub use verify::SegmentDamage;

/// Called once everything up to an append is durable (`fsync`) or written (`page-cache`); with an error when that
/// will never be. Dropped uncalled when the entries are cut off.
pub type OnDurable = Box<dyn FnOnce(Result<(), SyncFailed>) + Send>;

/// Told that a log has failed for good.
pub type OnFailure = Box<dyn FnOnce() + Send>;

/// What can be set per log, and changed while it runs.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// A segment is full at this size, in bytes. A larger batch gets a segment of its own.
    pub segment_bytes: u64,
    /// A segment is full this long after its first append; `None`: never for its age.
    pub segment_age: Option<Duration>,
    /// About how many bytes lie between two entries of the sparse index.
    pub index_interval_bytes: u64,
    /// What an append waits for.
    pub durability: Durability,
    /// The most that is zero-filled ahead in one step, in bytes.
    pub reserve_step_max: u64,
    /// How many bytes of whole batches are kept in memory once they are written.
    pub tail_cache_bytes: u64,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            segment_bytes: 128 << 20,
            segment_age: None,
            index_interval_bytes: 4096,
            durability: Durability::Fsync,
            reserve_step_max: 4 << 20,
            tail_cache_bytes: 1 << 20,
        }
    }
}

/// Where the log ends after an append; both are exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The index behind the last entry.
    pub end_index: LogIndex,
    /// The offset behind the last record.
    pub end_offset: Offset,
}

/// Where the log begins and ends. `purged < first_index <= durable_index <= end_index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEnds {
    /// The first entry there is, or would be.
    pub first_index: LogIndex,
    /// The last entry that was purged.
    pub purged: Option<LogId>,
    /// The offset behind the purged entries.
    pub first_offset: Offset,
    /// The last entry, purged or not.
    pub last: Option<LogId>,
    /// Behind the last entry.
    pub end_index: LogIndex,
    /// Behind the last record.
    pub end_offset: Offset,
    /// Behind the last entry that is synced.
    pub durable_index: LogIndex,
    /// Behind the last record that is synced.
    pub durable_offset: Offset,
}

/// An entry's header, for those who need no records.
#[derive(Clone, Debug)]
pub struct HeaderAt {
    /// The entry.
    pub index: LogIndex,
    /// Its header.
    pub header: BatchHeader,
    /// What stands behind the header of an internal entry; `None` for record batches.
    pub payload: Option<Bytes>,
}

/// Record batches as stored, internal entries left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Runs of whole, adjoining batches.
    pub batches: Vec<Bytes>,
    /// Where to read on.
    pub next_offset: Offset,
    /// The bytes of all runs.
    pub bytes: usize,
}

/// What retention and operators want to know of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The index of its first entry.
    pub base_index: LogIndex,
    /// Behind its last record.
    pub end_offset: Offset,
    /// Behind its last entry.
    pub end_index: LogIndex,
    /// The bytes of its batches.
    pub bytes: u64,
    /// The largest timestamp of its records; `None` where it holds internal entries only.
    pub max_timestamp: Option<Timestamp>,
    /// When its first entry was appended; after a restart, for the last segment, the time that this entry claims, but
    /// not after the log was opened.
    pub first_append: Option<Timestamp>,
    /// When its last entry was appended; after a restart, for the last segment, when the log was opened.
    pub last_append: Option<Timestamp>,
    /// Whether it is full.
    pub sealed: bool,
    /// Whether a read or scrub has met damage in it.
    pub damaged: bool,
}

/// A handle to an open log. Clones share it.
#[derive(Clone)]
pub struct Log {
    pub(crate) inner: Arc<LogInner>,
}

pub(crate) struct LogInner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) path: PathBuf,
    round: Mutex<()>,
    writer: Mutex<Writer>,
    state: Mutex<State>,
}

impl Drop for LogInner {
    fn drop(&mut self) {
        self.note_unsynced();
        self.shared.budget.log_closed();
    }
}

impl Log {
    /// The log's directory, relative to the data directory.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Where the log begins and ends now.
    pub fn ends(&self) -> LogEnds {
        self.inner.state.lock().ends()
    }

    /// The failure that stopped the log, if one has.
    pub fn failed(&self) -> Option<SyncFailed> {
        self.inner.state.lock().failed.clone()
    }

    /// Has `tell` called once a write or sync has failed for good, on the thread that finds out; at once where one has.
    pub fn on_failure(&self, tell: OnFailure) {
        let mut state = self.inner.state.lock();
        if state.failed.is_none() {
            state.on_failure = Some(tell);
            return;
        }
        drop(state);
        tell();
    }

    /// The settings in force.
    pub fn settings(&self) -> LogSettings {
        self.inner.state.lock().settings.clone()
    }

    /// Since which run of the data directory the log may have forgotten what it acknowledged: a power cut has come over
    /// acknowledgements that were not synced. `None` while it holds all of it.
    pub fn doubt(&self) -> Option<u64> {
        self.inner.shared.runs.doubt_of(&self.inner.path)
    }

    /// Says that the log holds all that it has acknowledged, or that what it lacks is given up: syncs it, and ends its
    /// doubt durably. Blocks.
    ///
    /// # Errors
    /// [`JournalError::Failed`]: the doubt stays.
    pub fn end_doubt(&self) -> Result<(), JournalError> {
        self.sync()?;
        let is_lax = self.settings().durability == Durability::PageCache;
        self.inner.shared.runs.settle(&self.inner.path, is_lax)
    }

    /// Changes the settings, for appends from now on.
    pub fn update_settings(&self, settings: LogSettings) {
        self.inner.state.lock().settings = settings;
    }

    /// The term of the entry at `index`; `None` where there is no such entry. The last purged one still has one.
    pub fn term_at(&self, index: LogIndex) -> Option<Term> {
        self.inner.state.lock().term_at(index)
    }

    /// Each term that wrote entries still here, with its first index and offset.
    pub fn terms(&self) -> Vec<(Term, LogIndex, Offset)> {
        let state = self.inner.state.lock();
        let starts = state.terms.starts().iter();
        starts.map(|s| (s.term, s.index, s.offset)).collect()
    }

    /// The last term not above `term` that wrote entries, and the offset where it ended: OffsetForLeaderEpoch
    /// (KIP-320). `None` where there is no such term.
    pub fn end_offset_of_term(&self, term: Term) -> Option<(Term, Offset)> {
        let state = self.inner.state.lock();
        let starts = state.terms.starts();
        let behind = starts.partition_point(|start| start.term <= term);
        let found = starts.get(behind.checked_sub(1)?)?;
        let end = starts
            .get(behind)
            .map_or(state.end.offset, |next| next.offset);
        Some((found.term, end))
    }

    /// All segments, ascending. The last one is appended to, unless it is sealed.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        self.inner.state.lock().segment_infos()
    }

    /// The files in which a read or a scrub has met damage, relative to the data directory.
    pub fn damaged_files(&self) -> Vec<PathBuf> {
        let state = self.inner.state.lock();
        let sealed = state.sealed.iter().map(|sealed| &sealed.file);
        let all = sealed.chain(state.active.iter().map(|active| &active.file));
        let damaged = all.filter(|file| file.damaged.load(Ordering::Relaxed));
        damaged.map(|file| file.path.clone()).collect()
    }

    /// The first index of each segment, ascending.
    pub fn segment_bases(&self) -> Vec<LogIndex> {
        let state = self.inner.state.lock();
        state.facts().map(|facts| facts.name.base_index).collect()
    }

    /// The first index of the last segment; `None` where there is no segment.
    pub fn last_base(&self) -> Option<LogIndex> {
        let state = self.inner.state.lock();
        state.facts().next_back().map(|facts| facts.name.base_index)
    }
}
