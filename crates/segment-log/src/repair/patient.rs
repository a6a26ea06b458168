//! Reads a file whose device refuses some of its sectors: these come as bytes that no sound batch holds.

use std::io::{self, ErrorKind, IoSlice};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use model::FilePosition;

use crate::disk::DiskFile;
use crate::error::passes;

/// What is read at once where a larger read was refused, in bytes: the least that devices refuse alone.
const SECTOR_BYTES: u64 = 512;

/// A file that can be read whole, whatever of it is unreadable.
pub(super) struct Patient {
    file: Arc<dyn DiskFile>,
    /// Whether a sector was refused.
    refused: AtomicBool,
}

impl Patient {
    pub(super) fn new(file: Arc<dyn DiskFile>) -> Self {
        let refused = AtomicBool::new(false);
        Self { file, refused }
    }

    /// Whether some of what was read so far could not be.
    pub(super) fn was_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }
}

/// Stands for what cannot be read. Not zeros, nor any byte again and again: a batch may well hold these, and must not
/// pass for readable.
fn fill(sector: &mut [u8], position: u64) {
    for (byte, at) in sector.iter_mut().zip(position..) {
        let [mixed, ..] = at.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        *byte = mixed ^ 0xa5;
    }
}

impl DiskFile for Patient {
    fn length(&self) -> u64 {
        self.file.length()
    }

    fn read_at(&self, position: FilePosition, buffer: &mut [u8]) -> io::Result<()> {
        match self.file.read_at(position, buffer) {
            Err(error) if error.kind() != ErrorKind::UnexpectedEof && !passes(&error) => {}
            outcome => return outcome,
        }
        let mut at = position.get();
        let mut left = buffer;
        while !left.is_empty() {
            let in_sector = SECTOR_BYTES - at % SECTOR_BYTES;
            let (sector, rest) = left.split_at_mut(left.len().min(in_sector as usize));
            let length = sector.len() as u64;
            match self.file.read_at(FilePosition::new(at), sector) {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof || passes(&error) => {
                    return Err(error);
                }
                Err(_) => {
                    self.refused.store(true, Ordering::Relaxed);
                    fill(sector, at);
                }
                Ok(()) => {}
            }
            at += length;
            left = rest;
        }
        Ok(())
    }

    fn write_at(&self, position: FilePosition, parts: &[IoSlice<'_>]) -> io::Result<()> {
        self.file.write_at(position, parts)
    }

    fn slice(&self, range: Range<u64>) -> io::Result<Bytes> {
        self.file.slice(range)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.file.set_length(length)
    }

    fn reserve(&self, range: Range<u64>) -> io::Result<()> {
        self.file.reserve(range)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn release_mapping(&self) {
        self.file.release_mapping();
    }
}
