//! A keyed journal: the latest small value of each key, in one checksummed append-only file.
//!
//! ```text
//!  0  magic    "SLj1"
//!  4  length   u32    bytes of records
//!  8  crc      u32    CRC-32 of magic, length, records
//! 12  records: u8 key bytes, u16 value bytes, key, value      (no value: the key is removed)
//! ```
//! One frame per sync; frame follows frame. At most the last one can be torn by a crash, because a frame is
//! synced before the next is written: a bad frame with another one behind it, sound or not, is damage. So is a bad first
//! one, for the file got its name with that frame in it, synced. Zeros are reserved ahead of the frames, so that a full
//! disk does not stop it at once. Opening and growing past [`COMPACT_BYTES`] rewrite the file. It does not know what keys
//! and values mean.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::FilePosition;
use parking_lot::Mutex;
use thiserror::Error;

use crate::disk::{Disk, DiskFile, durable};
use crate::error::{SyncFailed, passes};
use crate::small_file::{self, FRAME_BYTES};

mod frame;
#[cfg(test)]
mod tests;

use frame::{decode_records, encode_records};

/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 64;
/// The longest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 1024;
/// Where the file is rewritten with the latest values only, in bytes.
pub const COMPACT_BYTES: u64 = 8 << 20;

const MAGIC: [u8; 4] = *b"SLj1";
const FILE_BYTES_MAX: usize = 1 << 30;
/// How far zeros are reserved ahead, in bytes: the ends or votes of more than a thousand logs.
const AHEAD_BYTES: u64 = 128 << 10;

/// The latest value of each key.
pub type Values = BTreeMap<Vec<u8>, Vec<u8>>;

/// A journal is damaged below its end: what it promised cannot be known any more.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{} is damaged at byte {byte}, what it promised is not known any more: treat this disk as replaced, start with an empty one", file.display())]
pub struct JournalDamaged {
    /// The journal, relative to the data directory.
    pub file: PathBuf,
    /// Where the bad frame starts.
    pub byte: u64,
}

/// Why a journal cannot be opened, written or synced.
#[derive(Debug, Error)]
pub enum JournalError {
    /// Damage below the end.
    #[error(transparent)]
    Damaged(#[from] JournalDamaged),
    /// It is not there, though it is made before anything else is.
    #[error(
        "{} is gone, and there are logs: what it promised cannot be known any more; put it back as it was, or start with \
         an empty data directory, which other replicas fill",
        file.display()
    )]
    Lost {
        /// The journal, relative to the data directory.
        file: PathBuf,
    },
    /// A write or sync failed; after a final failure the journal takes nothing more.
    #[error(transparent)]
    Failed(#[from] SyncFailed),
    /// The key or value is too long.
    #[error(
        "a key of {key} and a value of {value} bytes; the limits are {KEY_BYTES_MAX} and {VALUE_BYTES_MAX}"
    )]
    TooLong {
        /// The key's length.
        key: usize,
        /// The value's length.
        value: usize,
    },
    /// The file cannot be opened.
    #[error("{}: {source}", file.display())]
    Io {
        /// The journal, relative to the data directory.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// The journal. Callers that sync at the same time share one sync.
pub struct KeyedJournal {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    staged: Mutex<Staged>,
    writer: Mutex<Writer>,
}

#[derive(Default)]
struct Staged {
    pending: Values,
    /// Counts appends.
    appended: u64,
}

struct Writer {
    file: Arc<dyn DiskFile>,
    end: u64,
    latest: Values,
    /// The count of appends that are durable.
    synced: u64,
    failed: Option<SyncFailed>,
}

impl KeyedJournal {
    /// Opens the journal at `path`, and returns the latest value of each key; creates it where nothing else is yet.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] where a frame follows an unsound one; [`JournalError::Lost`]; [`JournalError::Io`].
    pub fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<(Self, Values), JournalError> {
        let io = io_at(path);
        if !disk.exists(path).map_err(&io)? && has_directories(&*disk).map_err(&io)? {
            return Err(JournalError::Lost {
                file: path.to_owned(),
            });
        }
        Self::open_or_begin(disk, path)
    }

    /// The same for a journal that earlier versions did not keep: it begins where it is absent.
    ///
    /// # Errors
    /// As [`KeyedJournal::open`].
    pub fn open_or_begin(disk: Arc<dyn Disk>, path: &Path) -> Result<(Self, Values), JournalError> {
        let io = io_at(path);
        let stored = durable::read_small_file(&*disk, path, FILE_BYTES_MAX).map_err(&io)?;
        // It is put in place with a frame in it: an empty one has lost its bytes.
        if stored.as_ref().is_some_and(Vec::is_empty) {
            return Err(JournalError::Damaged(JournalDamaged {
                file: path.to_owned(),
                byte: 0,
            }));
        }
        let stored = stored.unwrap_or_default();
        let (latest, sound) = replay(path, &stored)?;
        let (file, end) = rewrite(&*disk, path, &latest)
            .or_else(|error| match stored.get(..sound) {
                Some(sound) if passes(&error) && !sound.is_empty() => settle(&*disk, path, sound),
                _ => Err(error),
            })
            .map_err(io)?;
        let journal = Self {
            disk,
            path: path.to_owned(),
            staged: Mutex::default(),
            writer: Mutex::new(Writer {
                file,
                end,
                latest: latest.clone(),
                synced: 0,
                failed: None,
            }),
        };
        Ok((journal, latest))
    }

    /// Stages a value; an empty one removes the key. Durable after the next [`KeyedJournal::sync`].
    ///
    /// # Errors
    /// [`JournalError::TooLong`].
    pub fn append(&self, key: &[u8], value: &[u8]) -> Result<(), JournalError> {
        if key.len() > KEY_BYTES_MAX || value.len() > VALUE_BYTES_MAX {
            return Err(JournalError::TooLong {
                key: key.len(),
                value: value.len(),
            });
        }
        let mut staged = self.staged.lock();
        staged.pending.insert(key.to_vec(), value.to_vec());
        staged.appended += 1;
        Ok(())
    }

    /// Makes everything appended so far durable. Blocks.
    ///
    /// # Errors
    /// [`JournalError::Failed`]: a final one then and for ever after; else (a full disk) what was appended waits for
    /// the next call.
    pub fn sync(&self) -> Result<(), JournalError> {
        let target = self.staged.lock().appended;
        let mut writer = self.writer.lock();
        if let Some(failed) = &writer.failed {
            return Err(failed.clone().into());
        }
        if writer.synced >= target {
            return Ok(());
        }
        let (pending, appended) = {
            let mut staged = self.staged.lock();
            (std::mem::take(&mut staged.pending), staged.appended)
        };
        let written = self.write(&mut writer, &pending);
        match &written {
            Ok(()) => writer.synced = appended,
            Err(failed) if failed.is_final => writer.failed = Some(failed.clone()),
            Err(_) => {
                let mut staged = self.staged.lock();
                for (key, value) in pending {
                    // What was appended meanwhile is newer.
                    staged.pending.entry(key).or_insert(value);
                }
            }
        }
        Ok(written?)
    }

    fn write(&self, writer: &mut Writer, pending: &Values) -> Result<(), SyncFailed> {
        let frame = small_file::encode(MAGIC, &encode_records(pending));
        apply(&mut writer.latest, pending.clone());
        let end = writer.end + frame.len() as u64;
        if end > COMPACT_BYTES {
            match rewrite(&*self.disk, &self.path, &writer.latest) {
                Ok((file, end)) => {
                    (writer.file, writer.end) = (file, end);
                    return Ok(());
                }
                // It grows on instead, as far as there is space.
                Err(error) if passes(&error) => {}
                Err(error) => return Err(SyncFailed::for_good(&self.path, error)),
            }
        }
        reserve_ahead(&*writer.file, end);
        let at = FilePosition::new(writer.end);
        let written = writer.file.write_at(at, &[IoSlice::new(&frame)]);
        written.map_err(|error| SyncFailed::of_write(&self.path, error))?;
        let synced = writer.file.sync();
        synced.map_err(|error| SyncFailed::for_good(&self.path, error))?;
        writer.end = end;
        Ok(())
    }
}

fn apply(latest: &mut Values, records: Values) {
    for (key, value) in records {
        if value.is_empty() {
            latest.remove(&key);
        } else {
            latest.insert(key, value);
        }
    }
}

fn io_at(path: &Path) -> impl Fn(io::Error) -> JournalError {
    |source| JournalError::Io {
        file: path.to_owned(),
        source,
    }
}

/// Whether there is anything but files and what a filesystem puts into a new mount: the journals are made before the
/// first log.
fn has_directories(disk: &dyn Disk) -> io::Result<bool> {
    let mut entries = disk.list(Path::new(""))?.into_iter();
    let is_foreign = |name: &str| name == "lost+found" || name.starts_with('.');
    Ok(entries.any(|entry| entry.is_directory && !is_foreign(&entry.name)))
}

/// Zero-fills behind `end`, if little is left. Where that fails, the write itself will tell.
fn reserve_ahead(file: &dyn DiskFile, end: u64) {
    let length = file.length();
    if length < end + AHEAD_BYTES / 2
        && let Err(error) = file.reserve(length..end + AHEAD_BYTES)
    {
        tracing::debug!(%error, "no space reserved for a journal");
    }
}

/// Puts a new file with one frame in the journal's place.
fn rewrite(disk: &dyn Disk, path: &Path, latest: &Values) -> io::Result<(Arc<dyn DiskFile>, u64)> {
    let bytes = small_file::encode(MAGIC, &encode_records(latest));
    let beside = durable::write_beside(disk, path, &bytes)?;
    disk.rename(&beside, path)?;
    // From here on the old file has no name: there is no going back to it, whatever this error is.
    let synced = disk.sync_directory(durable::parent(path));
    synced.map_err(io::Error::other)?;
    let (file, end) = (disk.open(path)?, bytes.len() as u64);
    reserve_ahead(&*file, end);
    Ok((file, end))
}

/// Without space for a new file: makes the sound frames durable where they are, and what is behind them zeros.
fn settle(disk: &dyn Disk, path: &Path, sound: &[u8]) -> io::Result<(Arc<dyn DiskFile>, u64)> {
    let file = disk.open(path)?;
    let end = sound.len() as u64;
    let behind = vec![0; file.length().saturating_sub(end) as usize];
    file.write_at(
        FilePosition::ZERO,
        &[IoSlice::new(sound), IoSlice::new(&behind)],
    )?;
    file.sync()?;
    Ok((file, end))
}

/// The latest values, and where the sound frames end.
pub(crate) fn replay(path: &Path, bytes: &[u8]) -> Result<(Values, usize), JournalDamaged> {
    let mut latest = Values::new();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..)
        && (rest.iter().any(|byte| *byte != 0) || (at == 0 && !rest.is_empty()))
    {
        let Some((records, length)) = sound_frame(rest) else {
            // A frame is synced before the next one is written: what two of them have left was not torn.
            let behind = rest.get(1..).unwrap_or_default();
            let begins_behind = behind.windows(MAGIC.len()).any(|bytes| bytes == MAGIC);
            if at == 0 || begins_behind {
                return Err(JournalDamaged {
                    file: path.to_owned(),
                    byte: at as u64,
                });
            }
            tracing::warn!(file = %path.display(), byte = at, "cut a torn tail off the journal");
            break;
        };
        apply(&mut latest, records);
        at += length;
    }
    Ok((latest, at))
}

/// The records of the frame that `bytes` begin with, and its length.
fn sound_frame(bytes: &[u8]) -> Option<(Values, usize)> {
    let length = bytes.get(4..8)?.first_chunk::<4>()?;
    let length = (u32::from_be_bytes(*length) as usize).checked_add(FRAME_BYTES)?;
    let payload = small_file::decode(MAGIC, bytes.get(..length)?).ok()?;
    Some((decode_records(payload)?, length))
}
