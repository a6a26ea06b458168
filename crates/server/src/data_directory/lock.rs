//! The lock that keeps a second broker off: `flock` on a file that holds the process id of the first.
//!
//! The kernel frees it when the process ends, however that is. The file itself stays.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::error::DirectoryError;

/// Held until it is dropped.
pub(super) struct DirectoryLock {
    _file: File,
}

/// No process id has more digits.
const PID_BYTES_MAX: u64 = 20;

impl DirectoryLock {
    pub(super) fn take(directory: &Path, name: &str) -> Result<Self, DirectoryError> {
        let io = |doing| DirectoryError::io(directory, doing);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let path = directory.join(name);
        let mut file = options.open(path).map_err(io("open its lock file"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DirectoryError::Locked {
                    path: directory.to_owned(),
                    holder: holder(&mut file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(io("lock it")(error)),
        }
        let mut write = || {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write().map_err(io("note the process id in its lock file"))?;
        Ok(Self { _file: file })
    }
}

/// `None` while the holder has not written it yet.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(PID_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
