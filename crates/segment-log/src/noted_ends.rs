//! The journal of noted ends: below a log's noted end everything is durable, so anything bad there is damage.
//!
//! Key: the log's directory, hashed when longer than a key may be. Value: `u64 end index, u64 end offset`.

use std::path::Path;
use std::sync::Arc;

use model::{LogIndex, Offset};
use parking_lot::Mutex;

use crate::disk::Disk;
use crate::journal::{JournalError, KEY_BYTES_MAX, KeyedJournal, Values};
use crate::planted::{self, Bug};
use crate::small_file::Fields;

/// The journal's file name.
pub(crate) const NOTED_ENDS_FILE: &str = "noted-ends";

/// An end of a log, exclusive, in both counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct End {
    pub(crate) index: LogIndex,
    pub(crate) offset: Offset,
}

pub(crate) struct NotedEnds {
    journal: KeyedJournal,
    /// The ends as they were noted last, durable or on their way.
    latest: Mutex<Values>,
}

impl NotedEnds {
    pub(crate) fn open(disk: Arc<dyn Disk>) -> Result<Self, JournalError> {
        let (journal, latest) = KeyedJournal::open(disk, Path::new(NOTED_ENDS_FILE))?;
        Ok(Self {
            journal,
            latest: Mutex::new(latest),
        })
    }

    pub(crate) fn of(&self, log: &Path) -> Option<End> {
        let latest = self.latest.lock();
        let mut fields = Fields(latest.get(&key(log))?);
        Some(End {
            index: LogIndex::new(fields.u64()?),
            offset: Offset::new(fields.u64()?),
        })
    }

    /// Notes an end that is durable; the note itself becomes durable with the next sync.
    pub(crate) fn note(&self, log: &Path, end: End) -> Result<(), JournalError> {
        let value = [end.index.get(), end.offset.get()]
            .map(u64::to_be_bytes)
            .concat();
        self.put(log, value)
    }

    /// Lowers a noted end durably, before bytes above it are touched. `None` forgets the log.
    pub(crate) fn lower(&self, log: &Path, end: Option<End>) -> Result<(), JournalError> {
        let Some(noted) = self.of(log) else {
            return Ok(());
        };
        match end {
            Some(_) if planted::has(Bug::KeepNotedEnd) => return Ok(()),
            Some(end) if noted <= end => return Ok(()),
            Some(end) => self.note(log, end)?,
            None => self.put(log, Vec::new())?,
        }
        self.journal.sync()
    }

    pub(crate) fn sync(&self) -> Result<(), JournalError> {
        self.journal.sync()
    }

    fn put(&self, log: &Path, value: Vec<u8>) -> Result<(), JournalError> {
        let key = key(log);
        let mut latest = self.latest.lock();
        self.journal.append(&key, &value)?;
        if value.is_empty() {
            latest.remove(&key);
        } else {
            latest.insert(key, value);
        }
        Ok(())
    }
}

/// A path that is too long keeps its end and a checksum of all of it.
pub(crate) fn key(log: &Path) -> Vec<u8> {
    let path = log.as_os_str().as_encoded_bytes();
    if path.len() <= KEY_BYTES_MAX {
        return path.to_vec();
    }
    let kept = path.len() - (KEY_BYTES_MAX - 4);
    let tail = path.get(kept..).unwrap_or_default();
    [&crc32fast::hash(path).to_be_bytes(), tail].concat()
}
