//! Crash-safe file actions: after each returns, a power cut cannot take it back, and a power cut during
//! one leaves the state before or the state after.
//!
//! Made of the seam's calls only, so they are the same on the real and the simulated disk.

use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};

use model::FilePosition;

use super::seam::Disk;

/// Appended to a file's name while its next content is written. A leftover one is garbage.
pub const TEMPORARY_SUFFIX: &str = ".tmp";

/// Replaces the file at `path`, or creates it: written beside it, synced, renamed over it, directory
/// synced. Readers see the old content or the new, never a mixture.
pub fn replace_file_durably(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = write_beside(disk, path, bytes)?;
    disk.rename(&beside, path)?;
    disk.sync_directory(parent(path))
}

/// The first half of [`replace_file_durably`]: the new content beside the old, synced. Returns its path. After an
/// error nothing is left of it, so that a full disk is not fuller than before.
pub(crate) fn write_beside(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let beside = temporary_path(path);
    match disk.remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if let Err(error) = write_new_file(disk, &beside, bytes) {
        // The first error is the one that tells.
        let _ = disk.remove_file(&beside);
        return Err(error);
    }
    Ok(beside)
}

/// Creates the file at `path` with this content. `AlreadyExists` if the name is taken.
///
/// A power cut before it returns may leave a file whose content is partial: use
/// [`replace_file_durably`] where the content must be whole or absent.
pub fn create_file_durably(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_new_file(disk, path, bytes)?;
    disk.sync_directory(parent(path))
}

/// Removes the file at `path`; no error if there is none.
pub fn remove_file_durably(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    disk.sync_directory(parent(path))
}

/// The whole content of a file; `None` if there is none.
///
/// Errors: `InvalidData`, naming file, size and limit, where it is longer than `limit` bytes.
pub fn read_small_file(disk: &dyn Disk, path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = file.length();
    let fitting = usize::try_from(length)
        .ok()
        .filter(|length| *length <= limit);
    let Some(length) = fitting else {
        let text = format!(
            "{} holds {length} bytes, at most {limit} are expected: it is not a file of this kind or is damaged",
            path.display()
        );
        return Err(io::Error::new(ErrorKind::InvalidData, text));
    };
    let mut bytes = vec![0; length];
    file.read_at(FilePosition::ZERO, &mut bytes)?;
    Ok(Some(bytes))
}

fn write_new_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = disk.create(path)?;
    file.write_at(FilePosition::ZERO, &[IoSlice::new(bytes)])?;
    file.sync()
}

fn temporary_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY_SUFFIX);
    PathBuf::from(name)
}

/// The directory that a path's last name is in.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new(""))
}
