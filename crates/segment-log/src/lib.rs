//! One partition's durable log: segments, sparse indexes, recovery, trimming and the flusher.
//!
//! It knows record batches (their 61-byte headers, never their records) and files. It knows neither
//! Raft nor topics nor networks. All `unsafe` code of Strandline is in `disk::mapping`.
//!
//! ```text
//! LogDirectory ── disk, clock, sync threads, noted-ends journal, runs, space budget
//!   ├─ Log ────── append, read, truncate, purge, recover     <log>/start, terms, snapshot
//!   ├─ LogRepair  a damaged log: what is missing, and how it is put back
//!        └─ segments  <20-digit base offset>.<base log index>.log  (+ .index, + .checkpoint)
//! ```

pub mod directory;
pub mod disk;
pub mod dump;
pub mod error;
mod flusher;
#[doc(hidden)]
pub mod fuzzing;
pub mod journal;
pub mod log;
mod meters;
mod noted_ends;
#[doc(hidden)]
pub mod planted;
mod repair;
mod runs;
mod segment;
mod small_file;
mod space;
mod start_file;
mod tail_cache;
mod term_table;

pub use directory::{LogDirectory, LogDirectorySettings};
pub use dump::{DumpError, DumpedBatch, dump};
pub use error::{
    AppendError, CheckpointError, OpenError, OpenLogError, PurgeError, ReadFromError, ReadLogError,
    SyncFailed, TruncateError, passes,
};
pub use flusher::{FlushWork, OnFlushWork};
pub use journal::{JournalDamaged, JournalError, KeyedJournal};
pub use log::{
    Appended, Fetched, HeaderAt, Log, LogEnds, LogSettings, OnDurable, SegmentDamage, SegmentInfo,
};
pub use repair::{AdoptError, FillError, Filled, LogRepair, MissingRange, RepairError};
pub use space::{NoSpace, SpaceReservation};
