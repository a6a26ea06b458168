//! Checkpoints at segment bases, and the snapshot: opaque bytes that live and die with the log.
//!
//! ```text
//! <base log index, 20 digits>.checkpoint, snapshot:   u64 index, then the bytes; frame of `small_file`, magic SLc1
//! ```

use std::path::{Path, PathBuf};

use bytes::Bytes;
use model::LogIndex;

use super::{Log, LogInner};
use crate::directory::Shared;
use crate::disk::durable;
use crate::error::CheckpointError;
use crate::small_file;

const MAGIC: [u8; 4] = *b"SLc1";
pub(crate) const SNAPSHOT_FILE: &str = "snapshot";
const SUFFIX: &str = ".checkpoint";
const FILE_BYTES_MAX: usize = 1 << 30;

pub(crate) fn file_name(at: LogIndex) -> String {
    format!("{:020}{SUFFIX}", at.get())
}

impl Log {
    /// Stores the state as of a segment's base, durably; it goes when that segment goes. Blocks.
    ///
    /// # Errors
    /// [`CheckpointError::NoSuchBase`], [`CheckpointError::Stopped`], [`CheckpointError::Io`].
    pub fn write_checkpoint(&self, at: LogIndex, bytes: &[u8]) -> Result<(), CheckpointError> {
        // Held, so that the segment cannot go meanwhile and leave its checkpoint behind.
        let _round = self.inner.round.lock();
        self.inner.state.lock().check()?;
        if !self.segment_bases().contains(&at) {
            return Err(CheckpointError::NoSuchBase { at });
        }
        self.inner.write_state_file(&file_name(at), at, bytes)
    }

    /// The bases that have a checkpoint, ascending. Blocks.
    ///
    /// # Errors
    /// [`CheckpointError::Io`].
    pub fn checkpoints(&self) -> Result<Vec<LogIndex>, CheckpointError> {
        let listed = self.inner.shared.disk.list(&self.inner.path);
        let listed = listed.map_err(|source| CheckpointError::Io {
            file: self.inner.path.clone(),
            source,
        })?;
        let mut found: Vec<_> = listed
            .iter()
            .filter_map(|entry| entry.name.strip_suffix(SUFFIX)?.parse().ok())
            .map(LogIndex::new)
            .collect();
        found.sort_unstable();
        Ok(found)
    }

    /// The checkpoint at a base, if there is one. Blocks.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`], [`CheckpointError::Io`].
    pub fn read_checkpoint(&self, at: LogIndex) -> Result<Option<Bytes>, CheckpointError> {
        self.inner.read_state_file(&file_name(at), at)
    }

    /// Where the snapshot is, relative to the data directory.
    pub fn snapshot_file(&self) -> PathBuf {
        self.inner.path.join(SNAPSHOT_FILE)
    }

    /// Replaces the snapshot durably. Blocks.
    ///
    /// # Errors
    /// [`CheckpointError::Stopped`], [`CheckpointError::Io`].
    pub fn write_snapshot(&self, bytes: &[u8]) -> Result<(), CheckpointError> {
        // Held, so that the log is not taken away meanwhile: another may have its directory then.
        let _round = self.inner.round.lock();
        self.inner.state.lock().check()?;
        self.inner
            .write_state_file(SNAPSHOT_FILE, LogIndex::ZERO, bytes)
    }

    /// The snapshot, if there is one. Blocks.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`], [`CheckpointError::Io`].
    pub fn read_snapshot(&self) -> Result<Option<Bytes>, CheckpointError> {
        self.inner.read_state_file(SNAPSHOT_FILE, LogIndex::ZERO)
    }
}

impl LogInner {
    fn write_state_file(
        &self,
        name: &str,
        at: LogIndex,
        bytes: &[u8],
    ) -> Result<(), CheckpointError> {
        write_state_file(&self.shared, &self.path, name, at, bytes)
    }

    fn read_state_file(&self, name: &str, at: LogIndex) -> Result<Option<Bytes>, CheckpointError> {
        read_state_file(&self.shared, &self.path, name, at)
    }
}

/// Replaces a checkpoint or the snapshot of the log in `directory`.
pub(crate) fn write_state_file(
    shared: &Shared,
    directory: &Path,
    name: &str,
    at: LogIndex,
    bytes: &[u8],
) -> Result<(), CheckpointError> {
    let file = directory.join(name);
    let framed = small_file::encode(MAGIC, &[&at.get().to_be_bytes(), bytes].concat());
    let disk = &*shared.disk;
    shared
        .with_ballast(|| durable::replace_file_durably(disk, &file, &framed))
        .map_err(|source| CheckpointError::Io { file, source })
}

/// Reads a checkpoint or the snapshot of the log in `directory`.
pub(crate) fn read_state_file(
    shared: &Shared,
    directory: &Path,
    name: &str,
    at: LogIndex,
) -> Result<Option<Bytes>, CheckpointError> {
    let file = directory.join(name);
    let stored = match durable::read_small_file(&*shared.disk, &file, FILE_BYTES_MAX) {
        Ok(Some(stored)) => stored,
        Ok(None) => return Ok(None),
        Err(source) => return Err(CheckpointError::Io { file, source }),
    };
    let payload = small_file::decode(MAGIC, &stored).map_err(|error| error.to_string());
    let payload = payload.and_then(|payload| match payload.split_first_chunk::<8>() {
        Some((index, bytes)) if u64::from_be_bytes(*index) == at.get() => Ok(bytes),
        _ => Err("it belongs to another index".to_owned()),
    });
    match payload {
        Ok(bytes) => Ok(Some(Bytes::copy_from_slice(bytes))),
        Err(reason) => Err(CheckpointError::Damaged { file, reason }),
    }
}
