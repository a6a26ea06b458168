//! Opening a log: what is bad above the noted end is a torn tail and cut, what is bad below it is damage and stays.
//!
//! All segments but the last were synced before their successor was created, so anything bad in them is damage.

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Durability, LogIndex, Offset, Timestamp};
use parking_lot::Mutex;

use super::state::State;
use super::truncate::remove_if_there;
use super::write::{Current, Writer};
use super::{Log, LogInner, LogSettings};
use crate::directory::Shared;
use crate::disk::DiskFile;
use crate::error::OpenLogError;
use crate::noted_ends::End;
use crate::planted::{self, Bug};
use crate::segment::file::read_index;
use crate::segment::scan::{Cursor, Depth, walk};
use crate::segment::{
    IndexEntry, SealedSegment, SegmentFacts, SegmentFile, SegmentName, SparseIndex,
};
use crate::start_file::{LogStart, START_FILE};
use crate::tail_cache::TailCache;
use crate::term_table::{TERM_FILE, TermTable};

mod last_segment;

/// A log being opened.
struct Recovery<'a> {
    shared: &'a Shared,
    path: &'a Path,
    settings: &'a LogSettings,
    start: Option<LogStart>,
    terms: TermTable,
    noted: Option<End>,
    /// Behind the segments that were found sound so far.
    end: Option<End>,
    /// Whether there was no such log.
    is_new: bool,
}

/// Notes whether the log may acknowledge what is not synced; whether it may.
fn may_be_lax(shared: &Shared, path: &Path, durability: Durability, is_new: bool) -> bool {
    let runs = &shared.runs;
    let is_in_doubt = !is_new && runs.doubt_of(path).is_some();
    match durability {
        // Everything that is here is synced now.
        Durability::Fsync if !is_in_doubt => {
            runs.forget(path);
            false
        }
        Durability::Fsync => false,
        Durability::PageCache if runs.is_lax(path) && !is_new => true,
        Durability::PageCache => {
            let noted = runs.settle(path, true);
            if let Err(error) = &noted {
                tracing::warn!(log = %path.display(), %error, "every append is synced, for it cannot be noted that some are not");
            }
            noted.is_ok()
        }
    }
}

/// A segment that was read through.
struct Scanned {
    facts: SegmentFacts,
    index: SparseIndex,
    file: Arc<dyn DiskFile>,
    /// Why the walk stopped, if not at zeros or the file's end.
    bad: Option<String>,
    /// The time of its first entry.
    first_time: Option<Timestamp>,
    /// Where the entry at the noted end begins, or would begin.
    noted_position: Option<u64>,
}

impl Log {
    pub(crate) fn recover(
        shared: Arc<Shared>,
        path: &Path,
        settings: LogSettings,
    ) -> Result<Self, OpenLogError> {
        let durability = settings.durability;
        let mut recovery = Recovery::read(&shared, path, &settings)?;
        let (sealed, last) = recovery.segments()?;
        let is_new = recovery.is_new;
        let (mut state, writer) = recovery.finish(sealed, last)?;
        let durable = state.durable;
        shared.runs.opened(path);
        state.may_be_lax = may_be_lax(&shared, path, durability, is_new);
        shared.budget.log_opened();
        let inner = Arc::new(LogInner {
            path: path.to_owned(),
            round: Mutex::new(()),
            writer: Mutex::new(writer),
            state: Mutex::new(state),
            shared,
        });
        if durable.index > LogIndex::ZERO {
            inner.note(durable);
        }
        Ok(Self { inner })
    }
}

impl<'a> Recovery<'a> {
    /// Reads the small files; creates the directory of a new log.
    fn read(
        shared: &'a Shared,
        path: &'a Path,
        settings: &'a LogSettings,
    ) -> Result<Self, OpenLogError> {
        let mut recovery = Self {
            shared,
            path,
            settings,
            start: None,
            terms: TermTable::default(),
            noted: match planted::has(Bug::TruncateOnDamage) {
                true => None,
                false => shared.noted.of(path),
            },
            end: None,
            is_new: false,
        };
        let disk = &*shared.disk;
        if !disk.exists(path).map_err(|error| recovery.io(error))? {
            recovery.is_new = true;
            disk.create_directory(path)
                .map_err(|error| recovery.io(error))?;
            return Ok(recovery);
        }
        // A process that was killed may have removed or renamed files and not synced that: what is seen must stay so.
        disk.sync_directory(path)
            .map_err(|error| recovery.io(error))?;
        let start = LogStart::read(disk, path).map_err(|error| recovery.io(error))?;
        recovery.start = start
            .transpose()
            .map_err(|error| recovery.damaged(START_FILE, 0, error.to_string()))?;
        let terms = TermTable::read(disk, path).map_err(|error| recovery.io(error))?;
        recovery.terms = terms
            .transpose()
            .map_err(|error| recovery.damaged(TERM_FILE, 0, error.to_string()))?
            .unwrap_or_default();
        recovery.end = recovery.first();
        Ok(recovery)
    }

    /// Where the log begins, as far as the start file says.
    fn first(&self) -> Option<End> {
        self.start.map(|start| End {
            index: start.purged.index.next(),
            offset: start.offset,
        })
    }

    /// The sealed segments, and the last one, which is read through.
    fn segments(&mut self) -> Result<(VecDeque<SealedSegment>, Option<Scanned>), OpenLogError> {
        let mut names = self.names()?;
        self.drop_purged(&mut names)?;
        self.check_first(&names)?;
        let mut sealed = VecDeque::new();
        let Some(last) = names.pop() else {
            return Ok((sealed, None));
        };
        for (at, name) in names.iter().copied().enumerate() {
            if !self.adjoins(name)? {
                self.remove(names.get(at..).unwrap_or_default())?;
                self.remove(&[last])?;
                return Ok((sealed, None));
            }
            let segment = self.sealed(name)?;
            self.end = Some(segment.facts.end());
            sealed.push_back(segment);
        }
        if !self.adjoins(last)? {
            self.remove(&[last])?;
            return Ok((sealed, None));
        }
        let scanned = self.scan(last)?;
        Ok((sealed, Some(scanned)))
    }

    fn names(&self) -> Result<Vec<SegmentName>, OpenLogError> {
        let listed = self.shared.disk.list(self.path).map_err(|e| self.io(e))?;
        let mut names: Vec<_> = listed
            .iter()
            .filter_map(|entry| SegmentName::parse(&entry.name))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Finishes a purge that a crash has interrupted.
    fn drop_purged(&self, names: &mut Vec<SegmentName>) -> Result<(), OpenLogError> {
        let Some(first) = self.first() else {
            return Ok(());
        };
        let count = names
            .windows(2)
            .take_while(|pair| {
                pair.get(1)
                    .is_some_and(|next| next.base_index <= first.index)
            })
            .count();
        let gone: Vec<_> = names.drain(..count).collect();
        self.remove(&gone)
    }

    fn check_first(&self, names: &[SegmentName]) -> Result<(), OpenLogError> {
        // A log that was never purged starts with its first term, and no cut removes its first segment before others.
        let is_whole = self.start.is_none();
        let of_term = self.terms.starts().first().map(|start| start.index);
        let first = self.first().map(|first| first.index).or(of_term);
        match (first, names.first()) {
            (Some(first), Some(name))
                if name.base_index > first && (is_whole || self.is_noted(name)) =>
            {
                let reason = format!(
                    "the log starts at entry {first}, its first segment at {}",
                    name.base_index
                );
                Err(self.damaged_at(&name.log_file(), 0, reason, first))
            }
            _ => Ok(()),
        }
    }

    fn is_noted(&self, name: &SegmentName) -> bool {
        self.noted
            .is_some_and(|noted| noted.index > name.base_index)
    }

    /// Whether a segment begins where the one before ends. One that does not, above the noted end, is what a crash
    /// left of a truncation or reset; below it, entries are missing.
    fn adjoins(&self, name: SegmentName) -> Result<bool, OpenLogError> {
        let Some(end) = self.end else {
            return Ok(true);
        };
        let base = End {
            index: name.base_index,
            offset: name.base_offset,
        };
        // The first segment may begin below the log start.
        let begins_in_purged = self.first() == Some(end) && base <= end;
        if base == end || begins_in_purged {
            return Ok(true);
        }
        if self.is_noted(&name) {
            let reason = format!(
                "it starts at entry {}, the one before ends at {}",
                base.index, end.index
            );
            return Err(self.damaged(&name.log_file(), 0, reason));
        }
        Ok(false)
    }

    /// A sealed segment's facts, from its index if that is sound, else by reading it through.
    fn sealed(&self, name: SegmentName) -> Result<SealedSegment, OpenLogError> {
        let path = self.path.join(name.log_file());
        let index_path = self.path.join(name.index_file());
        let disk = &*self.shared.disk;
        let length = disk.open(&path).map_err(|error| self.io(error))?.length();
        let stored = read_index(disk, &index_path).map_err(|error| self.io(error))?;
        let facts = match stored {
            Some((facts, _)) if facts.name == name && facts.bytes == length => facts,
            _ => {
                let scanned = self.scan(name)?;
                if scanned.facts.bytes != length {
                    let reason = scanned.bad.unwrap_or_else(|| "zeros".to_owned());
                    return Err(self.damaged_at(
                        &name.log_file(),
                        scanned.facts.bytes,
                        reason,
                        scanned.facts.end_index,
                    ));
                }
                scanned.facts
            }
        };
        let file = SegmentFile::new(self.path, name, facts.bytes);
        Ok(SealedSegment {
            facts,
            file: Arc::new(file),
        })
    }

    /// Reads a segment through, checksums included, as far as it is sound.
    fn scan(&self, name: SegmentName) -> Result<Scanned, OpenLogError> {
        let file = self.shared.disk.open(&self.path.join(name.log_file()));
        let file = file.map_err(|error| self.io(error))?;
        let from = Cursor {
            index: name.base_index,
            offset: name.base_offset,
            position: 0,
        };
        let mut facts = SegmentFacts::empty(name);
        let mut index = SparseIndex::default();
        let noted = self.noted.map_or(LogIndex::ZERO, |noted| noted.index);
        let mut first_time = None;
        let mut noted_position = (noted <= name.base_index).then_some(0);
        let interval = self.settings.index_interval_bytes;
        let walked = walk(
            &*file,
            from,
            file.length(),
            &self.terms,
            Depth::Batches,
            |at| {
                let entry = IndexEntry {
                    index: at.index,
                    offset: at.header.base_offset(),
                    position: at.position,
                    max_timestamp_before: facts.max_timestamp,
                };
                index.note(entry, interval);
                first_time = first_time.or(Some(at.header.max_timestamp()));
                facts.count(&at.header);
                if facts.end_index == noted {
                    noted_position = Some(facts.bytes);
                }
                ControlFlow::Continue(())
            },
        );
        let walked = walked.map_err(|error| self.io(error))?;
        Ok(Scanned {
            facts,
            index,
            file,
            bad: walked.bad,
            first_time,
            noted_position,
        })
    }

    /// Deletes segments that hold nothing that was acknowledged.
    fn remove(&self, names: &[SegmentName]) -> Result<(), OpenLogError> {
        let disk = &*self.shared.disk;
        for name in names.iter().rev() {
            let checkpoint = super::checkpoint::file_name(name.base_index);
            for file in [name.log_file(), name.index_file(), checkpoint] {
                remove_if_there(disk, &self.path.join(file)).map_err(|error| self.io(error))?;
            }
            // One by one: a crash must not leave a later segment without the ones before.
            disk.sync_directory(self.path)
                .map_err(|error| self.io(error))?;
        }
        Ok(())
    }

    fn io(&self, source: io::Error) -> OpenLogError {
        OpenLogError::Io {
            path: self.path.to_owned(),
            source,
        }
    }

    fn damaged(&self, file: &str, byte: u64, reason: String) -> OpenLogError {
        let end = self.end.map_or(LogIndex::ZERO, |end| end.index);
        self.damaged_at(file, byte, reason, end)
    }

    fn damaged_at(
        &self,
        file: &str,
        byte: u64,
        reason: String,
        first_missing: LogIndex,
    ) -> OpenLogError {
        OpenLogError::Damaged {
            file: PathBuf::from(self.path).join(file),
            byte,
            reason,
            first_missing,
            noted_end: self.noted.map_or(first_missing, |noted| noted.index),
        }
    }

    /// Checks the end against the noted one and puts the state together.
    fn finish(
        mut self,
        mut sealed: VecDeque<SealedSegment>,
        last: Option<Scanned>,
    ) -> Result<(State, Writer), OpenLogError> {
        let mut active = match last {
            Some(scanned) => self.last_segment(scanned)?,
            None => None,
        };
        let none = End {
            index: LogIndex::ZERO,
            offset: Offset::ZERO,
        };
        let end = self.end.unwrap_or(none);
        let end = match self.first() {
            Some(first) if end < first => {
                // A reset that a crash has interrupted, or purged entries that were never synced: nothing of the old
                // segments counts any more.
                let mut old: Vec<_> = sealed.drain(..).map(|segment| segment.facts.name).collect();
                old.extend(active.take().map(|(active, _)| active.facts.name));
                self.remove(&old)?;
                first
            }
            _ => end,
        };
        if let Some(noted) = self.noted.filter(|noted| noted.index > end.index) {
            let missing = SegmentName {
                base_index: end.index,
                base_offset: end.offset,
            };
            let reason = format!(
                "the file is missing, entries below {} were durable",
                noted.index
            );
            return Err(self.damaged(&missing.log_file(), 0, reason));
        }
        Ok(self.state(sealed, active, end))
    }

    fn state(
        mut self,
        sealed: VecDeque<SealedSegment>,
        active: Option<last_segment::ToGoOn>,
        end: End,
    ) -> (State, Writer) {
        let mut writer = Writer::default();
        let mut first_segment = sealed.front().map(|segment| segment.facts.name);
        let active = active.map(|(active, file)| {
            first_segment = first_segment.or(Some(active.facts.name));
            writer.current = Some(Current::new(active.file.clone(), file));
            active
        });
        let begins = first_segment.map(|name| End {
            index: name.base_index,
            offset: name.base_offset,
        });
        let first = self.first().or(begins).unwrap_or(end);
        // What is not rewritten and synced is durable only as far as it was noted, or sealed.
        let synced = match (self.settings.durability, &active) {
            (Durability::PageCache, Some(active)) => {
                let base = End {
                    index: active.facts.name.base_index,
                    offset: active.facts.name.base_offset,
                };
                self.noted.map_or(base, |noted| noted.max(base))
            }
            _ => end,
        };
        let terms_dirty = self.terms.truncate(end.index);
        match begins {
            // Entries below the start are still in the first segment, and walked over.
            Some(begins) => self.terms.trim(begins.index),
            // After a reset the file may still name later terms than those to come.
            None => self.terms = TermTable::default(),
        }
        let mut tail = TailCache::default();
        tail.restart(end.index);
        let mut state = State {
            settings: self.settings.clone(),
            start: self.start,
            first,
            sealed,
            active,
            end,
            last: None,
            written: end,
            durable: synced.clamp(first, end),
            terms: Arc::new(self.terms),
            terms_dirty,
            tail,
            staged: Vec::new(),
            waiting: VecDeque::new(),
            queued: false,
            cuts: 0,
            may_be_lax: false,
            unsynced_bytes: 0,
            failed: None,
            on_failure: None,
        };
        state.last = state.last_before(end.index);
        state.debug_check();
        (state, writer)
    }
}
