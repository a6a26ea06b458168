//! Prints a segment file offline: every batch with its position, and what is wrong with it. Plain `std::fs`, read-only.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use model::batch::{Batch, BatchHeader, HEADER_BYTES};
use model::{FilePosition, LogIndex, Offset};
use thiserror::Error;

use crate::segment::SegmentName;

/// Why a file cannot be dumped, or not further.
#[derive(Debug, Error)]
pub enum DumpError {
    /// Not a segment's name.
    #[error("{} is not named like a segment: <20-digit base offset>.<base log index>.log", path.display())]
    NotASegment {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Bytes that are neither a batch nor zeros: what follows cannot be found.
    #[error("{} is damaged at byte {position}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        position: FilePosition,
        /// What is wrong there.
        reason: String,
    },
}

/// One batch of a dump.
#[derive(Clone, Debug)]
pub struct DumpedBatch {
    /// Where it stands in the file.
    pub position: FilePosition,
    /// Its log index.
    pub index: LogIndex,
    /// The batch.
    pub batch: Batch,
    /// What is wrong with its checksum or offset; `None`: nothing.
    pub problem: Option<String>,
}

/// Reads the segment file at `path` batch by batch, to its end or to the zeros ahead of it.
///
/// # Errors
/// [`DumpError::NotASegment`] or [`DumpError::Io`]; then per item also [`DumpError::Damaged`], which ends the dump.
pub fn dump(
    path: &Path,
) -> Result<impl Iterator<Item = Result<DumpedBatch, DumpError>> + use<>, DumpError> {
    let name = path.file_name().and_then(|name| name.to_str());
    let Some(name) = name.and_then(SegmentName::parse) else {
        return Err(DumpError::NotASegment {
            path: path.to_owned(),
        });
    };
    let file = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
    let (length, file) = file.map_err(|source| DumpError::Io {
        path: path.to_owned(),
        source,
    })?;
    Ok(Dump {
        path: path.to_owned(),
        file: BufReader::new(file),
        length,
        position: 0,
        index: name.base_index,
        offset: name.base_offset,
        done: false,
    })
}

struct Dump {
    path: PathBuf,
    file: BufReader<File>,
    length: u64,
    position: u64,
    index: LogIndex,
    offset: Offset,
    done: bool,
}

impl Iterator for Dump {
    type Item = Result<DumpedBatch, DumpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done || self.position >= self.length {
            return None;
        }
        let next = self.read_batch().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

impl Dump {
    fn read_batch(&mut self) -> Result<Option<DumpedBatch>, DumpError> {
        let room = self.length - self.position;
        let mut bytes = vec![0; room.min(HEADER_BYTES as u64) as usize];
        self.fill(&mut bytes)?;
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let header = BatchHeader::parse(&bytes).map_err(|e| self.damaged(e.to_string()))?;
        let total = header.total_bytes();
        if total as u64 > room {
            return Err(self.damaged(format!("the batch has {total} bytes, there are {room}")));
        }
        let mut body = vec![0; total - HEADER_BYTES];
        self.fill(&mut body)?;
        bytes.append(&mut body);
        let batch = Batch::parse(Bytes::from(bytes)).map_err(|e| self.damaged(e.to_string()))?;
        let dumped = DumpedBatch {
            position: FilePosition::new(self.position),
            index: self.index,
            problem: self.problem(&batch),
            batch,
        };
        self.position += total as u64;
        self.index = self.index.next();
        self.offset = header.end_offset();
        Ok(Some(dumped))
    }

    fn problem(&self, batch: &Batch) -> Option<String> {
        if let Err(error) = batch.check_crc() {
            return Some(error.to_string());
        }
        let found = batch.header().base_offset();
        (found != self.offset).then(|| {
            format!(
                "base offset {found}, the batch before ends at {}",
                self.offset
            )
        })
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), DumpError> {
        self.file
            .read_exact(buffer)
            .map_err(|source| DumpError::Io {
                path: self.path.clone(),
                source,
            })
    }

    fn damaged(&self, reason: String) -> DumpError {
        DumpError::Damaged {
            path: self.path.clone(),
            position: FilePosition::new(self.position),
            reason,
        }
    }
}
