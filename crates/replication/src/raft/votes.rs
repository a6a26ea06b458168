//! The votes of all groups of a data directory, in one journal: `u64 term, u64 candidate, u8 committed`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::{Buf, BufMut};
use parking_lot::Mutex;
use segment_log::disk::Disk;
use segment_log::{JournalError, KeyedJournal};

use super::types::Vote;

/// The journal's name in the data directory.
const FILE: &str = "votes";

/// The votes of every group.
pub(crate) struct Votes {
    journal: KeyedJournal,
    found: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl Votes {
    pub(crate) fn open(disk: Arc<dyn Disk>) -> Result<Self, JournalError> {
        let (journal, found) = KeyedJournal::open(disk, Path::new(FILE))?;
        Ok(Self {
            journal,
            found: Mutex::new(found),
        })
    }

    /// The last vote that the group at `key` has saved; `None` too where its bytes are not a vote.
    pub(crate) fn read(&self, key: &[u8]) -> Option<Vote> {
        decode(self.found.lock().get(key)?)
    }

    /// Saves a vote durably. Blocks.
    pub(crate) fn save(&self, key: &[u8], vote: &Vote) -> Result<(), JournalError> {
        let bytes = encode(vote);
        self.journal.append(key, &bytes)?;
        self.journal.sync()?;
        self.found.lock().insert(key.to_vec(), bytes);
        Ok(())
    }

    /// Forgets the vote of a group that is gone for good. Blocks.
    pub(crate) fn forget(&self, key: &[u8]) -> Result<(), JournalError> {
        self.found.lock().remove(key);
        self.journal.append(key, &[])?;
        self.journal.sync()
    }
}

fn encode(vote: &Vote) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(17);
    bytes.put_u64(vote.leader_id.term);
    bytes.put_u64(vote.leader_id.voted_for);
    bytes.put_u8(u8::from(vote.committed));
    bytes
}

fn decode(mut bytes: &[u8]) -> Option<Vote> {
    let (term, candidate) = (bytes.try_get_u64().ok()?, bytes.try_get_u64().ok()?);
    Some(match bytes.try_get_u8().ok()? {
        0 => Vote::new(term, candidate),
        _ => Vote::new_committed(term, candidate),
    })
}
