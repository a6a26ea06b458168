//! One open file of the real disk: written by pwritev, read by pread or through a map.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use model::FilePosition;
use parking_lot::Mutex;

use super::super::linux;
use super::super::mapping::{self, Mapping};
use super::super::seam::DiskFile;

/// Zeros are written ahead from this, several times per call.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
const ZERO_PARTS_PER_CALL: u64 = 16;

pub(super) struct RealFile {
    file: File,
    /// For the messages of errors and signals.
    path: PathBuf,
    length: AtomicU64,
    /// The map of the file as long as it was at some time; replaced when a slice needs more.
    mapping: Mutex<Option<Arc<Mapping>>>,
    /// Held during a sync; why one has failed. The kernel tells a failed write-back once per open file: of two threads
    /// that sync at once, or one after the other, the second would be told that all is well.
    failed_sync: Mutex<Option<Failure>>,
}

/// An error that can be told more than once.
struct Failure {
    kind: ErrorKind,
    number: Option<i32>,
    text: String,
}

impl RealFile {
    pub(super) fn new(file: File, path: PathBuf) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self {
            file,
            path,
            length: AtomicU64::new(length),
            mapping: Mutex::new(None),
            failed_sync: Mutex::new(None),
        })
    }

    /// A map that covers at least the first `end` bytes; `end` is within the length.
    fn map_to(&self, end: usize) -> io::Result<Arc<Mapping>> {
        let mut mapping = self.mapping.lock();
        if let Some(current) = mapping.as_ref().filter(|current| current.length() >= end) {
            return Ok(Arc::clone(current));
        }
        let length = as_usize(self.length())?.max(end);
        let grown = Arc::new(Mapping::new(&self.file, length, &self.path)?);
        *mapping = Some(Arc::clone(&grown));
        Ok(grown)
    }

    fn check_within_length(&self, range: &Range<u64>) -> io::Result<()> {
        let length = self.length();
        if range.start <= range.end && range.end <= length {
            return Ok(());
        }
        let text = format!(
            "bytes {}..{} of {} were asked for, it has {length}",
            range.start,
            range.end,
            self.path.display()
        );
        Err(io::Error::new(ErrorKind::UnexpectedEof, text))
    }

    fn write_zeros(&self, range: Range<u64>) -> io::Result<()> {
        let chunk = ZEROS.len() as u64;
        let mut position = range.start;
        while position < range.end {
            let mut left = (range.end - position).min(chunk * ZERO_PARTS_PER_CALL);
            let mut parts = Vec::with_capacity(ZERO_PARTS_PER_CALL as usize);
            let length = left;
            while left > 0 {
                let part = ZEROS.get(..left.min(chunk) as usize).unwrap_or(&ZEROS);
                parts.push(IoSlice::new(part));
                left -= part.len() as u64;
            }
            write_all_parts(&self.file, position, &mut parts)?;
            position += length;
        }
        Ok(())
    }
}

impl DiskFile for RealFile {
    fn length(&self) -> u64 {
        self.length.load(Ordering::Acquire)
    }

    fn write_at(&self, position: FilePosition, parts: &[IoSlice<'_>]) -> io::Result<()> {
        let bytes: u64 = parts.iter().map(|part| part.len() as u64).sum();
        if bytes == 0 {
            return Ok(());
        }
        let result = write_all_parts(&self.file, position.get(), &mut parts.to_vec());
        match result {
            Ok(()) => {
                let end = position.plus(bytes).get();
                self.length.fetch_max(end, Ordering::AcqRel);
                Ok(())
            }
            Err(error) => {
                // A part of the bytes may have made the file longer: what we keep in memory must say so.
                if let Ok(metadata) = self.file.metadata() {
                    self.length.fetch_max(metadata.len(), Ordering::AcqRel);
                }
                Err(error)
            }
        }
    }

    fn read_at(&self, position: FilePosition, buffer: &mut [u8]) -> io::Result<()> {
        let start = position.get();
        self.check_within_length(&(start..position.plus(buffer.len() as u64).get()))?;
        self.file.read_exact_at(buffer, start)
    }

    fn slice(&self, range: Range<u64>) -> io::Result<Bytes> {
        self.check_within_length(&range)?;
        if range.start == range.end {
            return Ok(Bytes::new());
        }
        let range = as_usize(range.start)?..as_usize(range.end)?;
        let mapping = self.map_to(range.end)?;
        mapping::slice(&mapping, range)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let mut mapping = self.mapping.lock();
        if length < self.length() {
            // Lowered first, so that no slice beyond the cut begins while it happens.
            self.length.store(length, Ordering::Release);
            *mapping = None;
        }
        let result = self.file.set_len(length);
        let now = match &result {
            Ok(()) => length,
            Err(_) => self.file.metadata()?.len(),
        };
        self.length.store(now, Ordering::Release);
        result
    }

    fn reserve(&self, range: Range<u64>) -> io::Result<()> {
        let length = self.length();
        let start = range.start.max(length);
        if range.end <= start {
            return Ok(());
        }
        let result = linux::allocate(&self.file, start, range.end - start)
            .and_then(|()| self.write_zeros(start..range.end));
        if let Err(error) = result {
            // Gives back what was allocated beyond the end; the first error is the one that tells.
            let _ = self.file.set_len(length);
            return Err(error);
        }
        self.length.fetch_max(range.end, Ordering::AcqRel);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut failed = self.failed_sync.lock();
        if let Some(failure) = &*failed {
            return Err(failure.again());
        }
        // On Linux fdatasync; on macOS std asks for F_FULLFSYNC.
        self.file
            .sync_data()
            .inspect_err(|error| *failed = Some(Failure::of(error)))
    }

    fn release_mapping(&self) {
        *self.mapping.lock() = None;
    }
}

impl Failure {
    fn of(error: &io::Error) -> Self {
        Self {
            kind: error.kind(),
            number: error.raw_os_error(),
            text: error.to_string(),
        }
    }

    fn again(&self) -> io::Error {
        match self.number {
            Some(number) => io::Error::from_raw_os_error(number),
            None => io::Error::new(self.kind, self.text.clone()),
        }
    }
}

/// Writes all of the parts: loops over short writes, interruptions and the limit of parts per call.
fn write_all_parts(file: &File, position: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
    let mut position = position;
    let mut left = parts;
    // Empty parts in front would make a call that writes nothing look like a device that takes nothing.
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match linux::write_parts(file, position, left) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => {
                position += written as u64;
                IoSlice::advance_slices(&mut left, written);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn as_usize(value: u64) -> io::Result<usize> {
    usize::try_from(value).map_err(|_| ErrorKind::FileTooLarge.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failed_sync_every_sync_of_the_file_fails_alike() {
        // A device that cannot be synced; then, as after a write-back error was told once, one that can.
        let refusing = File::open("/dev/null").unwrap();
        let mut file = RealFile::new(refusing, PathBuf::from("null")).unwrap();
        let first = file.sync().unwrap_err();
        file.file = tempfile::tempfile().unwrap();
        file.file.sync_data().unwrap();
        let again = file.sync().unwrap_err();
        assert_eq!(again.raw_os_error(), first.raw_os_error());
        assert_eq!(again.kind(), first.kind());
    }
}
