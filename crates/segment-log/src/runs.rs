//! What this directory's runs may have forgotten: the rule for `page-cache` logs after a power cut.
//!
//! A `page-cache` log acknowledges what is written and not synced. That outlives a killed process, for the page cache
//! does; it outlives neither the machine nor the mount. So each run notes, durably and before it appends anything, where
//! its unsynced bytes live ([`CacheId`]), and at its end, once every log is synced, that it ended cleanly. A start that
//! finds a run that did not end cleanly, and lives elsewhere itself, has found a power cut.
//!
//! ```text
//! the journal `runs`
//!   key "\0run"   u8 version 1, u64 this run, u64 the run that found the last power cut (0: none has),
//!                 u8 1: it ended cleanly, u8 1: its cache id is known, the cache id (24 bytes)
//!   key of a log  u64 the run in which the log was last known to hold all that it has acknowledged
//! ```
//!
//! **A log has a key from before its first acknowledgement without a sync** until it is opened with nothing but synced
//! acknowledgements: what the setting is now does not matter, only whether anything may have been acknowledged on the
//! weaker promise. It is *in doubt* where a power cut was found after the run that its key names. So a doubt needs no
//! deed to arise and none to last: it is there at every start, whatever happens in between, until [`Runs::settle`] says
//! that the log holds again what it acknowledged, or that the loss is accepted. Logs that only ever acknowledged what was
//! synced have no key and are never in doubt, nor are logs made after the power cut.
//!
//! A run ends cleanly only if everything was synced that may be forgotten: also logs that a run killed before it left
//! unsynced and that this one has not opened.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::disk::{CacheId, Disk};
use crate::error::OpenError;
use crate::journal::{JournalError, KeyedJournal, Values};
use crate::noted_ends::key;
use crate::small_file::Fields;

/// The journal's file name.
const RUNS_FILE: &str = "runs";
/// No path begins with a zero byte.
const RUN_KEY: &[u8] = b"\0run";
const VERSION: u8 = 1;

/// A run, as it is noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    number: u64,
    /// The run that found the last power cut; 0 where none has.
    forgot_at: u64,
    ended_cleanly: bool,
    cache: Option<CacheId>,
}

/// The runs of one data directory, and the logs that may forget.
pub(crate) struct Runs {
    journal: KeyedJournal,
    run: Run,
    /// The logs that may hold acknowledged bytes which were never synced, and since which run they are known to be whole.
    lax: Mutex<BTreeMap<Vec<u8>, u64>>,
    /// Those of them that a run which was killed may have left unsynced, and that were not opened since.
    owing: Mutex<BTreeSet<Vec<u8>>>,
    /// A log was given up with bytes that were not synced.
    left_unsynced: AtomicBool,
}

impl Runs {
    /// Notes that a run begins, durably. Nothing may be appended before.
    pub(crate) fn open(disk: Arc<dyn Disk>) -> Result<Self, OpenError> {
        let cache = disk.cache_id()?;
        let (journal, mut stored) = KeyedJournal::open_or_begin(disk, Path::new(RUNS_FILE))?;
        let last = stored.remove(RUN_KEY).map(|bytes| Run::decode(&bytes));
        let lax = lax_logs(&stored);
        let run = Run::after(last, cache);
        let was_left = last.is_some_and(|last| !last.is_some_and(|last| last.ended_cleanly));
        let owing = was_left.then(|| lax.keys().cloned().collect());
        if run.forgot_at == run.number {
            tracing::warn!(
                run = run.number,
                logs = lax.len(),
                "the run before did not end, and the machine or the mount is another one: page-cache logs may have forgotten what they acknowledged"
            );
        }
        let runs = Self {
            journal,
            run,
            lax: Mutex::new(lax),
            owing: Mutex::new(owing.unwrap_or_default()),
            left_unsynced: AtomicBool::new(false),
        };
        runs.journal.append(RUN_KEY, &run.encode())?;
        runs.journal.sync()?;
        Ok(runs)
    }

    /// Since which run a log may have forgotten what it acknowledged.
    pub(crate) fn doubt_of(&self, log: &Path) -> Option<u64> {
        let whole_at = *self.lax.lock().get(&key(log))?;
        let forgot_at = self.run.forgot_at;
        (forgot_at > whole_at).then_some(forgot_at)
    }

    /// Whether a log may hold acknowledged bytes that were never synced.
    pub(crate) fn is_lax(&self, log: &Path) -> bool {
        self.lax.lock().contains_key(&key(log))
    }

    /// The log is open, and what was left unsynced of it is synced.
    pub(crate) fn opened(&self, log: &Path) {
        self.owing.lock().remove(&key(log));
    }

    /// Notes, durably, that a log holds all it has acknowledged, and may from now on acknowledge what is not synced
    /// (`stays_lax`) or not. Blocks.
    pub(crate) fn settle(&self, log: &Path, stays_lax: bool) -> Result<(), JournalError> {
        self.put(log, stays_lax.then_some(self.run.number))?;
        self.journal.sync()
    }

    /// The log holds nothing that was not synced, or is gone. Durable after the next [`Runs::sync`]; until then a power cut
    /// puts it in doubt for nothing.
    pub(crate) fn forget(&self, log: &Path) {
        let is_known = self.is_lax(log);
        if is_known && let Err(error) = self.put(log, None) {
            tracing::debug!(log = %log.display(), %error, "a log is not forgotten");
        }
    }

    /// A log was given up with bytes that were not synced: this run cannot end cleanly any more.
    pub(crate) fn leave_unsynced(&self, log: &Path) {
        if self.is_lax(log) {
            self.left_unsynced.store(true, Ordering::Release);
        }
    }

    /// Everything that is open is synced: notes, durably, that the run has ended, unless something else is not.
    pub(crate) fn end(&self) -> Result<(), JournalError> {
        let owes = self.left_unsynced.load(Ordering::Acquire) || !self.owing.lock().is_empty();
        if owes {
            return Ok(());
        }
        let ended = Run {
            ended_cleanly: true,
            ..self.run
        };
        self.journal.append(RUN_KEY, &ended.encode())?;
        self.journal.sync()
    }

    /// Makes durable what was forgotten.
    pub(crate) fn sync(&self) -> Result<(), JournalError> {
        self.journal.sync()
    }

    fn put(&self, log: &Path, whole_at: Option<u64>) -> Result<(), JournalError> {
        let key = key(log);
        // Held across both, so that the journal's latest is the map's.
        let mut lax = self.lax.lock();
        match whole_at {
            Some(run) => {
                self.journal.append(&key, &run.to_be_bytes())?;
                lax.insert(key, run);
            }
            None => {
                self.journal.append(&key, &[])?;
                lax.remove(&key);
                self.owing.lock().remove(&key);
            }
        }
        Ok(())
    }
}

fn lax_logs(stored: &Values) -> BTreeMap<Vec<u8>, u64> {
    let logs = stored.iter().map(|(log, bytes)| {
        // What cannot be read is no proof that the log is whole.
        let whole_at = Fields(bytes).u64().unwrap_or(0);
        (log.clone(), whole_at)
    });
    logs.collect()
}

impl Run {
    /// The run behind the last one, of which `Some(None)` says that its note makes no sense to this version.
    fn after(last: Option<Option<Self>>, cache: Option<CacheId>) -> Self {
        let first = Self {
            number: 1,
            forgot_at: 0,
            ended_cleanly: false,
            cache,
        };
        let Some(last) = last else {
            return first;
        };
        // Above every run that a key can name.
        let number = last.map_or(u64::MAX, |last| last.number.saturating_add(1));
        let lives_on = |last: Self| last.cache.is_some() && last.cache == cache;
        let forgot_at = match last {
            Some(last) if last.ended_cleanly || lives_on(last) => last.forgot_at,
            _ => number,
        };
        Self {
            number,
            forgot_at,
            ..first
        }
    }

    fn encode(self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.forgot_at.to_be_bytes());
        bytes.push(u8::from(self.ended_cleanly));
        bytes.push(u8::from(self.cache.is_some()));
        let cache = self.cache.map(|cache| *cache.as_bytes());
        bytes.extend_from_slice(&cache.unwrap_or_default());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        if fields.u8()? != VERSION {
            return None;
        }
        let number = fields.u64()?;
        let forgot_at = fields.u64()?;
        let ended_cleanly = fields.u8()? == 1;
        let is_known = fields.u8()? == 1;
        let cache = *fields.0.first_chunk::<{ CacheId::BYTES }>()?;
        Some(Self {
            number,
            forgot_at,
            ended_cleanly,
            cache: is_known.then(|| CacheId::from_bytes(cache)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Option<CacheId> = Some(CacheId::from_bytes([1; CacheId::BYTES]));
    const ELSEWHERE: Option<CacheId> = Some(CacheId::from_bytes([2; CacheId::BYTES]));

    const RUN: Run = Run {
        number: 7,
        forgot_at: 3,
        ended_cleanly: false,
        cache: HERE,
    };

    #[test]
    fn only_a_run_that_was_cut_off_elsewhere_has_forgotten() {
        let forgot_at = |last: Run, cache| Run::after(Some(Some(last)), cache).forgot_at;
        assert_eq!(forgot_at(RUN, HERE), 3);
        assert_eq!(forgot_at(RUN, ELSEWHERE), 8);
        let clean = Run {
            ended_cleanly: true,
            ..RUN
        };
        assert_eq!(forgot_at(clean, ELSEWHERE), 3);
        // Where nobody says where the bytes live, any end that was not clean may have been a power cut.
        assert_eq!(forgot_at(Run { cache: None, ..RUN }, None), 8);
        assert_eq!(forgot_at(RUN, None), 8);
        assert_eq!(Run::after(None, HERE).forgot_at, 0);
        let senseless = Run::after(Some(None), HERE);
        assert_eq!(senseless.forgot_at, senseless.number);
    }

    #[test]
    fn golden_bytes_and_round_trip() {
        let bytes = RUN.encode();
        assert_eq!(
            bytes[..19],
            [1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 3, 0, 1]
        );
        assert_eq!(bytes[19..], [1; CacheId::BYTES]);
        assert_eq!(Run::decode(&bytes), Some(RUN));
        assert!((0..bytes.len()).all(|cut| Run::decode(&bytes[..cut]).is_none()));
    }
}
