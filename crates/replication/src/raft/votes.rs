//! The votes of all groups of a data directory, in one journal.
//!
//! ```text
//! key    the group's
//! value  u64 term, u64 candidate, u8 committed, then, if known, u64 term and u64 index of the last committed entry
//! ```
//! The committed entry is a hint that rides along: it may be older than the truth, and newer than what the disk holds
//! of the log.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::{Buf, BufMut};
use parking_lot::Mutex;
use segment_log::disk::Disk;
use segment_log::planted::{self, Bug};
use segment_log::{JournalError, KeyedJournal};
use tokio::sync::watch;

use super::types::{Committed, RaftLogId, Vote};

/// The journal's name in the data directory.
const FILE: &str = "votes";

/// What is kept of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    vote: Vote,
    committed: Option<RaftLogId>,
}

/// The votes of every group.
pub(crate) struct Votes {
    journal: KeyedJournal,
    rows: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
    failed: watch::Sender<Option<Arc<str>>>,
}

impl Votes {
    pub(crate) fn open(disk: Arc<dyn Disk>) -> Result<Self, JournalError> {
        let (journal, rows) = KeyedJournal::open(disk, Path::new(FILE))?;
        Ok(Self {
            journal,
            rows: Mutex::new(rows),
            failed: watch::Sender::new(None),
        })
    }

    /// Why no vote can be saved any more: then every group must stop.
    pub(crate) fn failed(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.failed.subscribe()
    }

    /// The last vote that the group at `key` has saved.
    ///
    /// # Errors
    /// Its bytes are none that this version knows. Not to be taken for "never voted".
    pub(crate) fn read(&self, key: &[u8]) -> io::Result<Option<Vote>> {
        Ok(self.row(key)?.map(|row| row.vote))
    }

    /// The last committed entry noted for the group at `key`.
    ///
    /// # Errors
    /// As [`Votes::read`].
    pub(crate) fn committed(&self, key: &[u8]) -> io::Result<Option<RaftLogId>> {
        Ok(self.row(key)?.and_then(|row| row.committed))
    }

    /// Saves a vote durably. Blocks.
    pub(crate) fn save(
        &self,
        key: &[u8],
        vote: Vote,
        committed: Option<RaftLogId>,
    ) -> Result<(), JournalError> {
        self.put(key, encode(Row { vote, committed }))?;
        if planted::has(Bug::SkipVoteSync) {
            return Ok(());
        }
        self.sync()
    }

    /// Saves a vote durably where the one that is kept is for an earlier term. Blocks.
    ///
    /// # Errors
    /// As [`Votes::read`], or the journal's.
    pub(crate) fn raise(&self, key: &[u8], vote: Vote) -> io::Result<()> {
        let kept = self.row(key)?;
        if kept.is_some_and(|kept| kept.vote.leader_id.term >= vote.leader_id.term) {
            return Ok(());
        }
        let committed = kept.and_then(|kept| kept.committed);
        self.save(key, vote, committed).map_err(io::Error::other)
    }

    /// Notes how far the group has committed; durable with the next vote of any group.
    pub(crate) fn note_committed(&self, key: &[u8], committed: RaftLogId) -> io::Result<()> {
        // Held, so that a vote that is saved meanwhile is not overwritten with the old one.
        let mut rows = self.rows.lock();
        let Some(stored) = rows.get(key) else {
            return Ok(());
        };
        let Row { vote, .. } = decode(stored).ok_or_else(unknown)?;
        let committed = Some(committed);
        let value = encode(Row { vote, committed });
        let staged = self.journal.append(key, &value);
        rows.insert(key.to_vec(), value);
        staged.map_err(io::Error::other)
    }

    /// Forgets the vote of a group that is gone for good. Blocks.
    pub(crate) fn forget(&self, key: &[u8]) -> Result<(), JournalError> {
        self.put(key, Vec::new())?;
        self.sync()
    }

    fn row(&self, key: &[u8]) -> io::Result<Option<Row>> {
        match self.rows.lock().get(key) {
            Some(stored) => decode(stored).map(Some).ok_or_else(unknown),
            None => Ok(None),
        }
    }

    fn put(&self, key: &[u8], value: Vec<u8>) -> Result<(), JournalError> {
        let mut rows = self.rows.lock();
        self.journal.append(key, &value)?;
        if value.is_empty() {
            rows.remove(key);
        } else {
            rows.insert(key.to_vec(), value);
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), JournalError> {
        self.journal.sync().inspect_err(|error| {
            // On a full disk it is tried again.
            if matches!(error, JournalError::Failed(failed) if !failed.is_final) {
                return;
            }
            let reason: Arc<str> = format!("votes cannot be saved: {error}").into();
            self.failed.send_if_modified(|failed| {
                let first = failed.is_none();
                failed.get_or_insert(reason);
                first
            });
        })
    }
}

/// For the fuzz targets: whether the bytes are a vote. One reads back as it was written.
pub(crate) fn is_sound(bytes: &[u8]) -> bool {
    let row = decode(bytes);
    row.inspect(|row| assert_eq!(encode(*row), bytes)).is_some()
}

fn unknown() -> io::Error {
    io::Error::other("the group's vote is in a form that this version does not know")
}

fn encode(row: Row) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(33);
    bytes.put_u64(row.vote.leader_id.term);
    bytes.put_u64(row.vote.leader_id.voted_for);
    bytes.put_u8(u8::from(row.vote.committed));
    if let Some(id) = row.committed {
        bytes.put_u64(*id.leader_id);
        bytes.put_u64(id.index);
    }
    bytes
}

fn decode(mut bytes: &[u8]) -> Option<Row> {
    let (term, candidate) = (bytes.try_get_u64().ok()?, bytes.try_get_u64().ok()?);
    let vote = match bytes.try_get_u8().ok()? {
        0 => Vote::new(term, candidate),
        1 => Vote::new_committed(term, candidate),
        _ => return None,
    };
    let committed = match bytes.remaining() {
        0 => None,
        _ => Some(openraft::LogId {
            leader_id: Committed::new(bytes.try_get_u64().ok()?),
            index: bytes.try_get_u64().ok()?,
        }),
    };
    Some(Row { vote, committed }).filter(|_| bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_and_no_cut_of_it_panics_or_is_taken_for_another_vote() {
        let id = openraft::LogId {
            leader_id: Committed::new(3),
            index: 77,
        };
        for committed in [None, Some(id)] {
            let vote = Vote::new_committed(4, 2);
            let bytes = encode(Row { vote, committed });
            assert_eq!(decode(&bytes), Some(Row { vote, committed }));
            for cut in 0..bytes.len() {
                let found = decode(&bytes[..cut]);
                assert!(found.is_none_or(|row| row.vote == vote && row.committed.is_none()));
            }
        }
    }

    #[test]
    fn a_vote_is_raised_and_never_lowered_and_what_was_committed_is_kept() {
        let disk = Arc::new(segment_log::disk::SimulatedDisk::new(1)).mount();
        let votes = Votes::open(disk).unwrap();
        let committed = Some(openraft::LogId {
            leader_id: Committed::new(3),
            index: 77,
        });
        votes.save(b"p", Vote::new(4, 1), committed).unwrap();
        for (term, expected) in [(4, Vote::new(4, 1)), (3, Vote::new(4, 1))] {
            votes.raise(b"p", Vote::new_committed(term, 2)).unwrap();
            assert_eq!(votes.read(b"p").unwrap(), Some(expected));
        }
        votes.raise(b"p", Vote::new_committed(5, 2)).unwrap();
        assert_eq!(votes.read(b"p").unwrap(), Some(Vote::new_committed(5, 2)));
        assert_eq!(votes.committed(b"p").unwrap(), committed);
        votes.raise(b"other", Vote::new_committed(1, 0)).unwrap();
        let first = votes.read(b"other").unwrap();
        assert_eq!(first, Some(Vote::new_committed(1, 0)));
    }
}
