//! The log against a plain list of batches, through everything that may happen to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::batch::Batch;
use model::{Durability, LogId, LogIndex, Offset, Term, Timestamp};
use segment_log::disk::SimulatedDisk;
use segment_log::{Log, LogDirectory, LogSettings};

use crate::harness::{
    Chance, acknowledging, entries, internal, path, records, seeds, small_segments, try_directory,
};

/// What the log must hold.
#[derive(Clone, Default)]
struct Model {
    first: u64,
    first_offset: u64,
    purged: Option<LogId>,
    entries: Vec<Batch>,
    /// Entries below are durable.
    safe_end: u64,
}

impl Model {
    fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    fn end_offset(&self) -> u64 {
        self.entries
            .last()
            .map_or(self.first_offset, |batch| batch.header().end_offset().get())
    }

    fn offset_before(&self, index: u64) -> u64 {
        self.entries
            .get((index - self.first) as usize)
            .map_or(self.end_offset(), |batch| {
                batch.header().base_offset().get()
            })
    }

    fn term_of(&self, index: u64) -> Term {
        let batch = &self.entries[(index - self.first) as usize];
        batch.header().term().unwrap()
    }

    fn last_term(&self) -> u64 {
        let last = self.entries.last().and_then(|last| last.header().term());
        let last = last.or(self.purged.map(|purged| purged.term));
        last.map_or(1, Term::get)
    }

    fn purge(&mut self, upto: LogId, offset: u64) {
        let keep = (upto.index.get() + 1 - self.first).min(self.entries.len() as u64);
        self.entries.drain(..keep as usize);
        self.first = upto.index.get() + 1;
        self.first_offset = offset;
        self.purged = Some(upto);
        self.safe_end = self.safe_end.max(self.first);
    }

    fn truncate(&mut self, end: u64) {
        self.entries.truncate((end - self.first) as usize);
        self.safe_end = self.safe_end.min(end);
    }
}

struct Run {
    disk: SimulatedDisk,
    settings: LogSettings,
    chance: Chance,
    directory: Option<(Arc<LogDirectory>, Log)>,
    model: Model,
    acknowledged: Arc<AtomicU64>,
    term: u64,
}

#[test]
fn an_fsync_log_holds_what_the_model_holds_through_crashes() {
    run_all(Durability::Fsync);
}

#[test]
fn a_page_cache_log_holds_what_the_model_holds_through_crashes() {
    run_all(Durability::PageCache);
}

fn run_all(durability: Durability) {
    for seed in seeds(300) {
        println!("STRAND_TEST_SEED={seed}");
        let mut run = Run {
            disk: SimulatedDisk::new(seed),
            settings: LogSettings {
                durability,
                ..small_segments()
            },
            chance: Chance(seed),
            directory: None,
            model: Model::default(),
            acknowledged: Arc::default(),
            term: 1,
        };
        run.reopen(&[Model::default()]);
        for _ in 0..120 {
            run.step();
        }
    }
}

impl Run {
    fn log(&self) -> Log {
        self.directory.as_ref().unwrap().1.clone()
    }

    fn step(&mut self) {
        if self.chance.below(12) == 0 {
            let count = 1 + self.chance.below(12);
            self.disk.write_fails_after(count);
        }
        let before = self.model.clone();
        let is_done = match self.chance.below(20) {
            0..=7 => self.append(),
            8..=10 => self.log().sync().is_ok(),
            11 => self.truncate(),
            12 => self.purge(),
            13 => self.log().roll().is_ok(),
            14 => {
                self.directory.as_ref().unwrap().0.note_ends();
                true
            }
            15 => return self.end_of_process(&[before]),
            _ => true,
        };
        self.collect_acknowledged();
        let is_dead = self.disk.mount().exists(path()).is_err();
        if !is_done || is_dead || self.log().failed().is_some() {
            let after = self.model.clone();
            return self.end_of_process(&[before, after]);
        }
        self.check();
    }

    fn append(&mut self) -> bool {
        // After a cut, entries of the term before may come, as well as later ones.
        self.term = match self.chance.below(3) {
            0 => self.model.last_term(),
            _ => self.term.max(self.model.last_term()),
        };
        if self.chance.below(6) == 0 {
            self.term += 1;
        }
        let mut batches = Vec::new();
        let mut offset = self.model.end_offset();
        for _ in 0..=self.chance.below(3) {
            let batch = if self.chance.below(4) == 0 {
                internal(offset, self.term, b"payload")
            } else {
                let count = 1 + self.chance.below(4);
                let (bytes, time) = (self.chance.below(120), self.chance.below(1000));
                records(offset, self.term, count, bytes as usize, time as i64)
            };
            offset = batch.header().end_offset().get();
            batches.push(batch);
        }
        let first = LogIndex::new(self.model.end());
        self.model.entries.extend(batches.iter().cloned());
        let done = acknowledging(&self.acknowledged, self.model.end());
        self.log().append(first, batches, done).is_ok()
    }

    fn collect_acknowledged(&mut self) {
        let durable = self.log().ends().durable_index.get();
        let told = self.acknowledged.load(Ordering::SeqCst);
        if self.settings.durability == Durability::Fsync && self.log().failed().is_none() {
            assert!(
                told <= durable.max(self.model.first),
                "told {told}, durable {durable}"
            );
        }
        self.model.safe_end = self.model.safe_end.max(durable.min(self.model.end()));
    }

    fn truncate(&mut self) -> bool {
        let end = self.model.first + self.chance.below(self.model.entries.len() as u64 + 1);
        // The model first: the disk may die in the middle.
        self.acknowledged.fetch_min(end, Ordering::SeqCst);
        self.model.truncate(end);
        let last = LogIndex::new(end).previous();
        if self.model.purged.is_none() && end == 0 {
            return self.log().truncate_after(None).is_ok();
        }
        self.log().truncate_after(last).is_ok()
    }

    fn purge(&mut self) -> bool {
        let length = self.model.entries.len() as u64;
        let upto = if self.chance.below(8) == 0 {
            let term = Term::new(1 + self.chance.below(self.term)).unwrap();
            let index = LogIndex::new(self.model.end() + self.chance.below(5));
            LogId { term, index }
        } else if length == 0 {
            return true;
        } else {
            let index = self.model.first + self.chance.below(length);
            LogId {
                term: self.model.term_of(index),
                index: LogIndex::new(index),
            }
        };
        let is_reset = upto.index.get() >= self.model.end();
        let offset = if is_reset {
            self.model.end_offset() + 3
        } else {
            self.model.offset_before(upto.index.get() + 1)
        };
        self.model.purge(upto, offset);
        self.log().purge(upto, Offset::new(offset)).is_ok()
    }

    fn end_of_process(&mut self, candidates: &[Model]) {
        let is_kill = self.chance.below(3) == 0;
        loop {
            self.directory = None;
            if is_kill {
                self.disk.kill();
            } else {
                self.disk.crash();
            }
            // Recovery itself may be interrupted.
            if self.chance.below(3) > 0 {
                break;
            }
            self.disk.write_fails_after(1 + self.chance.below(6));
            if let Some(directory) = try_directory(self.disk.mount()) {
                drop(directory.open_log(path(), self.settings.clone()));
            }
        }
        self.reopen(candidates);
    }

    /// Opens the log and adopts the candidate that it matches: an operation cut short happened or did not.
    fn reopen(&mut self, candidates: &[Model]) {
        let directory = try_directory(self.disk.mount()).expect("the directory opens");
        let log = directory
            .open_log(path(), self.settings.clone())
            .expect("the log opens");
        let ends = log.ends();
        let found = entries(&log);
        let least = candidates.iter().map(|model| model.safe_end).min().unwrap();
        let matching = candidates.iter().rev().find(|model| {
            let is_empty_start = model.purged.is_none() && found.is_empty();
            ends.purged == model.purged
                && (is_empty_start || ends.first_index.get() == model.first)
                && model.entries.starts_with(&found)
        });
        let matching = matching.unwrap_or_else(|| {
            panic!(
                "found {ends:?} with {} entries, expected one of {:?}",
                found.len(),
                candidates
                    .iter()
                    .map(|m| (m.first, m.end(), m.safe_end, m.purged))
                    .collect::<Vec<_>>()
            )
        });
        self.model = matching.clone();
        self.model.entries.truncate(found.len());
        if self.settings.durability == Durability::Fsync {
            assert!(
                self.model.end() >= least,
                "lost: end {}, durable {least}",
                self.model.end()
            );
            assert_eq!(ends.durable_index, ends.end_index);
        }
        self.model.safe_end = self.model.safe_end.min(self.model.end());
        self.acknowledged.store(0, Ordering::SeqCst);
        self.directory = Some((directory, log));
        self.check();
    }

    fn check(&mut self) {
        let (log, model) = (self.log(), &self.model);
        let ends = log.ends();
        assert_eq!(ends.end_index.get(), model.end());
        assert_eq!(ends.end_offset.get(), model.end_offset());
        assert_eq!(ends.purged, model.purged);
        assert_eq!(entries(&log), model.entries);
        for (at, batch) in model.entries.iter().enumerate() {
            let index = LogIndex::new(model.first + at as u64);
            assert_eq!(log.term_at(index), batch.header().term());
        }
        if model.entries.is_empty() {
            return;
        }
        let from = model.first + self.chance.below(model.entries.len() as u64);
        check_headers(&log, model, from);
        if self.chance.below(3) == 0 {
            check_fetch(&log, model, self.chance.below(2000) as usize);
        }
        check_time(&log, model, self.chance.below(1000) as i64);
    }
}

fn check_headers(log: &Log, model: &Model, from: u64) {
    let read = log
        .read_headers(LogIndex::new(from)..LogIndex::new(model.end()), 5)
        .unwrap();
    assert!(!read.is_empty());
    for (at, found) in read.iter().enumerate() {
        let batch = &model.entries[(from - model.first) as usize + at];
        assert_eq!(found.index.get(), from + at as u64);
        assert_eq!(found.header, *batch.header());
        let payload = batch
            .header()
            .is_internal()
            .then(|| batch.records().clone());
        assert_eq!(found.payload, payload);
    }
}

/// Reads everything by offset, as far as it is written.
fn check_fetch(log: &Log, model: &Model, max_bytes: usize) {
    let mut expected = Vec::new();
    let mut found = Vec::new();
    let mut from = Offset::new(model.first_offset);
    let up_to = log.ends().durable_offset;
    for batch in model
        .entries
        .iter()
        .filter(|batch| !batch.header().is_internal())
    {
        if batch.header().end_offset() <= up_to {
            expected.extend_from_slice(&batch.to_bytes());
        }
    }
    while from < up_to {
        let fetched = log.read_from(from, up_to, max_bytes).unwrap();
        assert!(fetched.next_offset > from, "stuck at {from} below {up_to}");
        fetched
            .batches
            .iter()
            .for_each(|run| found.extend_from_slice(run));
        from = fetched.next_offset;
    }
    assert_eq!(found, expected);
}

fn check_time(log: &Log, model: &Model, wanted: i64) {
    let wanted = Timestamp::from_millis(wanted);
    let up_to = log.ends().durable_offset;
    let expected = model
        .entries
        .iter()
        .map(|batch| batch.header())
        .find(|header| {
            !header.is_internal()
                && header.max_timestamp() >= wanted
                && header.end_offset() <= up_to
        });
    let expected = expected.map(|header| (header.base_offset(), header.max_timestamp()));
    assert_eq!(log.offset_for_timestamp(wanted, up_to).unwrap(), expected);
}
