//! The seam to the filesystem: a root directory with files in it, and how their bytes become durable.
//!
//! Two implementations pass one conformance suite ([`conformance`]): [`RealDisk`] on files, pread,
//! pwritev and maps, and [`SimulatedDisk`] in memory, which keeps what was *written* apart from what
//! was *synced* and plays power cuts, failing syncs, full disks and flipped bits from a seed.
//!
//! Nothing here knows what the bytes mean: no batches, no segments, no logs.
//!
//! ```text
//! Disk ─────── create, open, list, rename, remove, sync_directory     names below one root
//!   └─ DiskFile ─ write_at, read_at, slice, reserve, set_length, sync  one open file
//! durable ──── crash-safe actions made of these                       replace, create, remove
//! ```

pub mod conformance;
pub mod durable;
mod inner_path;
mod linux;
mod mapped_ranges;
mod mapping;
mod real;
mod seam;
mod simulated;

pub use durable::{
    create_file_durably, read_small_file, remove_file_durably, replace_file_durably,
};
pub use mapping::{BUS_ERROR_EXIT_CODE, install_bus_error_handler};
pub use real::RealDisk;
pub use seam::{CacheId, DirectoryEntry, Disk, DiskFile};
pub use simulated::SimulatedDisk;
