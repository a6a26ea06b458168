//! A disk that is full.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

/// The largest and the smallest piece that is taken at a time.
const PIECE_BYTES_MAX: u64 = 64 << 20;
const PIECE_BYTES_MIN: u64 = 4096;

/// Takes all the space of a file system, until it is dropped.
#[derive(Debug)]
pub struct Ballast {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Ballast {
    /// Fills the file system that a directory lies on.
    #[track_caller]
    pub fn fill(directory: &Path) -> Self {
        let path = directory.join("ballast");
        let file = File::create(&path).expect("the ballast's file is made");
        let mut ballast = Self {
            path,
            file,
            bytes: 0,
        };
        ballast.top_up();
        ballast
    }

    /// Takes also what has been given free since.
    #[track_caller]
    pub fn top_up(&mut self) {
        let mut piece = PIECE_BYTES_MAX;
        while piece >= PIECE_BYTES_MIN {
            match fallocate(&self.file, FallocateFlags::empty(), self.bytes, piece) {
                Ok(()) => self.bytes += piece,
                Err(Errno::NOSPC) => piece /= 2,
                Err(error) => panic!("{}: {error}", self.path.display()),
            }
        }
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            eprintln!("{}: {error}", self.path.display());
        }
    }
}
