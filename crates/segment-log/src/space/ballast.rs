//! Space kept back in a file of zeros: given up on a full disk, so that the small writes which nothing was reserved
//! for (log starts, terms, snapshots, Raft's own entries) still work, above all those that free space.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::disk::{Disk, DiskFile};

const BALLAST_FILE: &str = "ballast";
/// How large it is, in bytes: two small files for each of 256 logs.
const BALLAST_BYTES: u64 = 2 << 20;
/// It takes no larger part of what is free.
const PART_OF_FREE: u64 = 32;
/// It is filled again where this many times its size is free.
const PLENTY: u64 = 4;

#[derive(Default)]
pub(crate) struct Ballast {
    file: Option<Arc<dyn DiskFile>>,
    /// How many bytes it holds.
    held: Mutex<u64>,
}

impl Ballast {
    /// Fills the file where there is space. A disk that refuses gets none: it is a help, not a need.
    pub(crate) fn open(disk: &dyn Disk) -> Self {
        let path = Path::new(BALLAST_FILE);
        let opened = match disk.exists(path) {
            Ok(true) => disk.open(path),
            _ => disk.create(path),
        };
        let file = opened.inspect_err(|error| tracing::warn!(%error, "no space is kept back"));
        let file = file.ok();
        let held = file.as_ref().map_or(0, |file| file.length());
        let ballast = Self {
            file,
            held: Mutex::new(held),
        };
        ballast.restore(disk);
        ballast
    }

    /// Empties it; says whether there was anything in it.
    pub(crate) fn release(&self) -> bool {
        let mut held = self.held.lock();
        let released = match &self.file {
            Some(file) if *held > 0 => file.set_length(0),
            _ => return false,
        };
        if let Err(error) = &released {
            tracing::warn!(%error, "the space kept back is not given up");
            return false;
        }
        tracing::warn!(
            bytes = *held,
            "the disk is full: gave up the space kept back"
        );
        *held = 0;
        true
    }

    /// Fills it again, if it is empty and there is space.
    pub(crate) fn restore(&self, disk: &dyn Disk) {
        let mut held = self.held.lock();
        let Some(file) = self.file.as_ref().filter(|_| *held == 0) else {
            return;
        };
        let free = disk.free_bytes().unwrap_or(0);
        let bytes = (free / PART_OF_FREE).min(BALLAST_BYTES) & !4095;
        if bytes == 0 || free < bytes * PLENTY {
            return;
        }
        if let Err(error) = file.reserve(0..bytes) {
            tracing::debug!(%error, "no space is kept back");
            return;
        }
        *held = bytes;
    }
}
