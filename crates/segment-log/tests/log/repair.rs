//! Damage of every kind, and a log that holds the same bytes as before once the missing entries were copied.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::path::{Path, PathBuf};

use model::batch::Batch;
use model::{FilePosition, LogId, LogIndex, Offset, Term};
use segment_log::disk::{Disk, SimulatedDisk, durable};
use segment_log::{FillError, Log, LogRepair, LogSettings, OpenLogError};

use crate::harness::{
    Chance, directory, entries, fill, ignore, internal, path, records, seeds, small_segments,
    try_directory,
};

/// A log as it was before it was damaged.
struct Original {
    disk: SimulatedDisk,
    settings: LogSettings,
    first: u64,
    purged: Option<(LogId, Offset)>,
    terms: Vec<(Term, LogIndex, Offset)>,
    entries: Vec<Batch>,
    files: BTreeMap<String, Vec<u8>>,
    /// Entries below are durable by right.
    noted: u64,
}

impl Original {
    /// What stands in the log now, all of it durable, most of it noted.
    fn of(disk: SimulatedDisk, log: &Log, noted: u64) -> Self {
        let ends = log.ends();
        let files = log_files(&*disk.mount());
        Self {
            settings: log.settings(),
            first: ends.first_index.get(),
            purged: ends.purged.map(|purged| (purged, ends.first_offset)),
            terms: log.terms(),
            entries: entries(log),
            files,
            noted,
            disk,
        }
    }

    fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    fn copies(&self, from: LogIndex, count: usize) -> Vec<Batch> {
        let skipped = (from.get() - self.first) as usize;
        let rest = self.entries.iter().skip(skipped);
        rest.take(count).cloned().collect()
    }

    /// Whatever is read is what was written.
    fn check_served(&self, repair: &mut LogRepair, chance: &mut Chance) {
        let from = LogIndex::new(self.first + chance.below(self.entries.len() as u64));
        let read = repair
            .read_entries(from..LogIndex::new(self.end()), 900)
            .unwrap();
        for (at, (index, batch)) in read.iter().enumerate() {
            assert_eq!(index.get(), from.get() + at as u64);
            assert_eq!(Some(batch), self.copies(*index, 1).first(), "entry {index}");
        }
    }

    /// One step of the repair; false once nothing is missing.
    fn step(&self, repair: &mut LogRepair, chance: &mut Chance) -> Result<bool, String> {
        if repair.lost_start().is_some() {
            let (purged, offset) = self.purged.expect("only a purged log has a start file");
            return done(repair.start_behind(purged, offset));
        }
        if repair.lost_terms().is_some() {
            return done(repair.adopt_terms(&self.terms));
        }
        let missing = repair.missing();
        if missing.is_empty() && repair.hides_tail() {
            return done(repair.reach(LogIndex::new(self.end())));
        }
        if missing.is_empty() {
            assert!(repair.is_whole());
            return Ok(false);
        }
        let range = &missing[chance.below(missing.len() as u64) as usize];
        assert!(range.first < range.end, "{range:?}");
        let copies = self.copies(range.first, 1 + chance.below(5) as usize);
        assert!(!copies.is_empty(), "{range:?}");
        match repair.fill(range.first, &copies) {
            // A gap behind one whose size is not known yet.
            Err(FillError::NotMissing { .. }) => {
                let range = &missing[0];
                done(repair.fill(range.first, &self.copies(range.first, 3)))
            }
            outcome => done(outcome),
        }
    }

    /// Scrubs and repairs the log until nothing is found, through power cuts where `crashes`, and checks that it is the
    /// same as before.
    fn repair(&self, chance: &mut Chance, crashes: bool) {
        let mut suspects = self.scrub();
        for attempt in 0.. {
            assert!(attempt < 200, "it does not end");
            if crashes && chance.below(2) == 0 {
                self.disk.write_fails_after(1 + chance.below(40));
            }
            let is_whole = self.try_repair(&suspects, chance);
            self.disk.crash();
            suspects = self.scrub();
            if is_whole && suspects.is_empty() {
                break;
            }
        }
        self.check_repaired();
    }

    fn try_repair(&self, suspects: &[PathBuf], chance: &mut Chance) -> bool {
        let Some(directory) = try_directory(self.disk.mount()) else {
            return false;
        };
        let opened = directory.open_for_repair(path(), self.settings.clone(), suspects);
        let mut repair = match opened {
            Ok(repair) => repair,
            Err(error) => {
                println!("{error}");
                return false;
            }
        };
        for steps in 0.. {
            assert!(steps < 2_000, "no progress: {:?}", repair.missing());
            self.check_alive_and_served(&mut repair, chance);
            match self.step(&mut repair, chance) {
                Ok(true) => {}
                Ok(false) => return true,
                Err(error) => {
                    println!("{error}");
                    return false;
                }
            }
        }
        false
    }

    fn check_alive_and_served(&self, repair: &mut LogRepair, chance: &mut Chance) {
        let is_alive = self.disk.mount().exists(path()).is_ok();
        if is_alive && repair.lost_start().is_none() && repair.lost_terms().is_none() {
            self.check_served(repair, chance);
        }
    }

    /// Reads all that is stored; the files in which damage was met.
    fn scrub(&self) -> Vec<PathBuf> {
        let directory = directory(self.disk.mount());
        let log = match directory.open_log(path(), self.settings.clone()) {
            Ok(log) => log,
            Err(OpenLogError::Damaged { file, .. }) => return vec![file],
            // A sector that cannot be read.
            Err(_) => return vec![path().to_owned()],
        };
        let ends = log.ends();
        assert!(
            ends.end_index.get() >= self.noted,
            "cut below the noted end"
        );
        let mut met = Vec::new();
        let mut at = ends.first_index;
        while at < ends.end_index {
            let read = log.read_entries(at..ends.end_index, 700);
            for (index, batch) in read.unwrap_or_default() {
                assert_eq!(Some(&batch), self.copies(index, 1).first(), "entry {index}");
            }
            at = at.next();
        }
        for base in log.segment_bases() {
            match log.verify(base..base.next()) {
                Ok(found) => met.extend(found.into_iter().map(|damage| damage.file)),
                // A sector that cannot be read.
                Err(_) => met.push(file_at(&self.files, base)),
            }
        }
        met
    }

    fn check_repaired(&self) {
        let directory = directory(self.disk.mount());
        let log = directory.open_log(path(), self.settings.clone()).unwrap();
        let ends = log.ends();
        assert_eq!(log.verify(LogIndex::ZERO..ends.end_index).unwrap(), []);
        let kept = ends.end_index.get() - self.first;
        assert_eq!(ends.first_index.get(), self.first);
        assert!(
            ends.end_index.get() >= self.noted,
            "{ends:?}, noted {}",
            self.noted
        );
        assert_eq!(entries(&log), self.entries[..kept as usize]);
        for (index, batch) in (self.first..).zip(&self.entries[..kept as usize]) {
            assert_eq!(log.term_at(LogIndex::new(index)), batch.header().term());
        }
        if let Some((purged, offset)) = self.purged {
            assert_eq!((ends.purged, ends.first_offset), (Some(purged), offset));
        }
        // It goes on.
        let next = internal(ends.end_offset.get(), 1_000, b"");
        log.append(ends.end_index, vec![next], ignore()).unwrap();
        log.sync().unwrap();
    }
}

fn done<T, E: ToString>(outcome: Result<T, E>) -> Result<bool, String> {
    outcome.map(|_| true).map_err(|error| error.to_string())
}

fn bytes_of(disk: &dyn Disk, name: &str) -> Vec<u8> {
    let file = path().join(name);
    durable::read_small_file(disk, &file, 1 << 24)
        .unwrap()
        .unwrap()
}

fn log_files(disk: &dyn Disk) -> BTreeMap<String, Vec<u8>> {
    let listed = disk.list(path()).unwrap().into_iter();
    let names = listed
        .map(|entry| entry.name)
        .filter(|name| name.ends_with(".log"));
    names
        .map(|name| (name.clone(), bytes_of(disk, &name)))
        .collect()
}

fn file_at(files: &BTreeMap<String, Vec<u8>>, base: LogIndex) -> PathBuf {
    let ending = format!(".{base}.log");
    let name = files.keys().find(|name| name.ends_with(&ending)).unwrap();
    path().join(name)
}

fn overwrite(disk: &SimulatedDisk, file: &Path, position: u64, bytes: &[u8]) {
    let file = disk.mount().open(file).unwrap();
    let at = FilePosition::new(position);
    file.write_at(at, &[IoSlice::new(bytes)]).unwrap();
    file.sync().unwrap();
}

/// A log of random entries in some segments, closed.
fn random(seed: u64, chance: &mut Chance) -> Original {
    let disk = SimulatedDisk::new(seed);
    let directory = directory(disk.mount());
    let settings = LogSettings {
        segment_bytes: [700, 1500, 6000, 1 << 20][chance.below(4) as usize],
        ..small_segments()
    };
    let log = directory.open_log(path(), settings).unwrap();
    let count = 20 + chance.below(60);
    let (mut term, mut noted) = (1, 0);
    for index in 0..count {
        if chance.below(12) == 0 {
            term += 1 + chance.below(2);
        }
        let offset = log.ends().end_offset.get();
        let batch = match chance.below(4) {
            // Of the same bytes, again and again.
            0 => internal(offset, term, b""),
            1 => internal(offset, term, &chance.next().to_be_bytes()),
            _ => {
                let bytes = [10, 100, 100, 700][chance.below(4) as usize];
                records(
                    offset,
                    term,
                    1 + chance.below(3),
                    bytes,
                    chance.below(500) as i64,
                )
            }
        };
        log.append(LogIndex::new(index), vec![batch], ignore())
            .unwrap();
        if chance.below(5) == 0 {
            log.sync().unwrap();
        }
        if index == count.saturating_sub(chance.below(4)) {
            log.sync().unwrap();
            directory.note_ends();
            noted = log.ends().durable_index.get();
        }
    }
    log.sync().unwrap();
    if chance.below(3) == 0 {
        let index = LogIndex::new(chance.below(count - 1));
        let header = log
            .read_headers(index.next()..index.next().next(), 1)
            .unwrap();
        let term = log.term_at(index).unwrap();
        let offset = header[0].header.base_offset();
        log.purge(LogId { term, index }, offset).unwrap();
    }
    if chance.below(4) > 0 {
        directory.note_ends();
        noted = count;
    }
    let original = Original::of(disk.clone(), &log, noted);
    drop(log);
    drop(directory);
    original.disk.crash();
    original
}

/// Does something bad to the medium. What it was, for the log of a failing test.
fn damage(original: &Original, chance: &mut Chance) -> String {
    let disk = original.disk.mount();
    let listed = disk.list(path()).unwrap();
    let logs: Vec<_> = listed
        .iter()
        .filter(|e| e.name.ends_with(".log") && e.length > 0)
        .collect();
    if logs.is_empty() {
        return "nothing is left to damage".to_owned();
    }
    let target = logs[chance.below(logs.len() as u64) as usize];
    let file = path().join(&target.name);
    let at = chance.below(target.length);
    match chance.below(10) {
        0..=2 => original
            .disk
            .flip_bit(&file, at, chance.below(8) as u32)
            .unwrap(),
        3 => {
            let start = at / 512 * 512;
            let garbage: Vec<u8> = (0..512.min(target.length - start))
                .map(|_| chance.next() as u8)
                .collect();
            overwrite(&original.disk, &file, start, &garbage);
        }
        4 => {
            let length = (1 + chance.below(2_000)).min(target.length - at);
            overwrite(&original.disk, &file, at, &vec![0; length as usize]);
        }
        5 => {
            // A write that was meant for another place.
            let source = logs[chance.below(logs.len() as u64) as usize];
            let stored = durable::read_small_file(&*disk, &path().join(&source.name), 1 << 24);
            let Ok(Some(bytes)) = stored else {
                return "an unreadable source".to_owned();
            };
            let from = chance.below(bytes.len() as u64) as usize;
            let length = 512
                .min(bytes.len() - from)
                .min((target.length - at) as usize);
            overwrite(&original.disk, &file, at, &bytes[from..from + length]);
        }
        6 => {
            let opened = disk.open(&file).unwrap();
            opened.set_length(at).unwrap();
            opened.sync().unwrap();
        }
        7 => {
            disk.remove_file(&file).unwrap();
            disk.sync_directory(path()).unwrap();
        }
        8 => original.disk.fail_reads(&file, at..at + 512).unwrap(),
        _ => {
            let small: Vec<_> = listed
                .iter()
                .filter(|entry| !entry.name.ends_with(".log") && entry.length > 0)
                .collect();
            if small.is_empty() {
                return "no small file to damage".to_owned();
            }
            let target = small[chance.below(small.len() as u64) as usize];
            let file = path().join(&target.name);
            let at = chance.below(target.length);
            original
                .disk
                .flip_bit(&file, at, chance.below(8) as u32)
                .unwrap();
            return format!("bit in {} at {at}", target.name);
        }
    }
    format!("{} at {at} of {}", target.name, target.length)
}

#[test]
fn random_damage_is_found_never_served_and_repaired_to_the_same_bytes() {
    let mut corruptions = 0;
    for seed in seeds(80) {
        println!("STRAND_TEST_SEED={seed}");
        let mut chance = Chance(seed);
        let original = random(seed, &mut chance);
        for _ in 0..=chance.below(4) {
            println!("{}", damage(&original, &mut chance));
            corruptions += 1;
        }
        let crashes = chance.below(2) == 0;
        original.repair(&mut chance, crashes);
    }
    println!("{corruptions} corruptions: all found or harmless, none served, all repaired");
}

#[test]
fn every_flipped_bit_of_a_noted_log_is_repaired_to_the_same_files() {
    let mut chance = Chance(7);
    let length = sealed().files.values().map(Vec::len).sum::<usize>();
    for byte in (0..length).step_by(61) {
        let original = sealed();
        let mut at = byte;
        let mut files = original.files.iter();
        let name = files.find(|(_, bytes)| {
            let is_here = at < bytes.len();
            at = if is_here { at } else { at - bytes.len() };
            is_here
        });
        let file = path().join(name.unwrap().0);
        original
            .disk
            .flip_bit(&file, at as u64, byte as u32 % 8)
            .unwrap();
        original.repair(&mut chance, false);
        original.check_files();
    }
}

#[test]
fn durable_entries_behind_the_noted_end_are_kept_where_damage_lies_before_them() {
    let original = ten(2);
    // What a misdirected write leaves: nothing tells any more at which entry the sound rest begins.
    let file = file_at(&original.files, LogIndex::ZERO);
    let bytes: usize = original.entries[..2].iter().map(Batch::total_bytes).sum();
    overwrite(&original.disk, &file, 0, &vec![0; bytes]);
    original.repair(&mut Chance(3), false);
    original.check_files();
}

#[test]
fn durable_entries_behind_the_noted_end_that_the_device_refuses_are_not_dropped() {
    let original = ten(2);
    let file = file_at(&original.files, LogIndex::ZERO);
    let sound: usize = original.entries[..4].iter().map(Batch::total_bytes).sum();
    let all: usize = original.entries.iter().map(Batch::total_bytes).sum();
    let refused = sound as u64 + 10..all as u64;
    original.disk.fail_reads(&file, refused).unwrap();
    original.repair(&mut Chance(3), false);
    original.check_files();
}

/// A write that went to the wrong place begins behind the offset of entry 3, which no checksum covers, and ends in entry 5.
#[test]
fn a_foreign_batch_under_the_old_offset_beside_damage_is_given_up_once_others_have_another() {
    let original = ten(10);
    let file = file_at(&original.files, LogIndex::ZERO);
    let start_of = |entry: usize| -> u64 {
        let before = original.entries[..entry].iter();
        before.map(|batch| batch.total_bytes() as u64).sum()
    };
    let foreign = records(77, 1, 2, 40, 0);
    let mut bytes = foreign.parts().concat().split_off(8);
    bytes.resize((start_of(5) + 40 - start_of(3) - 8) as usize, 0xee);
    overwrite(&original.disk, &file, start_of(3) + 8, &bytes);
    let directory = directory(original.disk.mount());
    let repair = directory.open_for_repair(path(), original.settings.clone(), &[file]);
    let mut repair = repair.unwrap();
    let first = repair.missing()[0].first;
    assert_eq!(first, LogIndex::new(4), "entry 3 seems sound");
    let own = repair.read_entries(LogIndex::new(3)..first, 1).unwrap();
    assert_ne!(own[0].1, original.entries[3]);
    let wrong = repair.fill(first, &original.copies(first, 10));
    assert!(
        matches!(wrong, Err(FillError::WrongOffset { .. })),
        "{wrong:?}"
    );
    assert!(repair.distrust_before(first).unwrap());
    let first = repair.missing()[0].first;
    assert_eq!(first, LogIndex::new(3));
    repair.fill(first, &original.copies(first, 10)).unwrap();
    assert!(repair.is_whole(), "{:?}", repair.missing());
    drop((repair, directory));
    original.check_repaired();
    original.check_files();
}

#[test]
fn a_segment_that_a_crash_has_left_of_a_truncation_does_not_say_where_a_damaged_one_ends() {
    let disk = SimulatedDisk::new(1);
    let directory = directory(disk.mount());
    let log = directory.open_log(path(), small_segments()).unwrap();
    let mut index = 0;
    while log.segments().len() < 3 {
        directory.note_ends();
        let batch = records(index, 1, 1, 100, 0);
        log.append(LogIndex::new(index), vec![batch], ignore())
            .unwrap();
        log.sync().unwrap();
        index += 1;
    }
    let bases = log.segment_bases();
    let (second, last) = (bases[1], bases[2]);
    let original = Original::of(disk.clone(), &log, last.get());
    drop((log, directory));
    let mounted = disk.mount();
    let (file, other) = (
        file_at(&original.files, last),
        path().join(format!("{:020}.{last}.log", last.get() + 4)),
    );
    mounted.rename(&file, &other).unwrap();
    mounted.sync_directory(path()).unwrap();
    drop(mounted);
    let second = file_at(&original.files, second);
    let index = second.with_extension("index");
    disk.mount().remove_file(&index).unwrap();
    let bytes = bytes_of(
        &*disk.mount(),
        second.file_name().unwrap().to_str().unwrap(),
    );
    disk.flip_bit(&second, bytes.len() as u64 - 20, 3).unwrap();
    original.repair(&mut Chance(3), false);
    assert!(!original.disk.mount().exists(&other).unwrap());
}

/// One segment of ten durable entries, of which so many are noted.
fn ten(noted: u64) -> Original {
    let disk = SimulatedDisk::new(1);
    let directory = directory(disk.mount());
    let settings = LogSettings {
        segment_bytes: 1 << 20,
        ..small_segments()
    };
    let log = directory.open_log(path(), settings).unwrap();
    for index in 0..10 {
        let batch = records(index, 1, 1, 100, 0);
        log.append(LogIndex::new(index), vec![batch], ignore())
            .unwrap();
        log.sync().unwrap();
        if index + 1 == noted {
            directory.note_ends();
        }
    }
    Original::of(disk.clone(), &log, noted)
}

/// Some sealed segments and an active one, all noted.
fn sealed() -> Original {
    let disk = SimulatedDisk::new(1);
    let directory = directory(disk.mount());
    let log = directory.open_log(path(), small_segments()).unwrap();
    fill(&log, 30);
    log.sync().unwrap();
    assert!(log.segments().len() > 3);
    directory.note_ends();
    let original = Original::of(disk.clone(), &log, 30);
    original.disk.crash();
    original
}

impl Original {
    /// The files' batches are the same bytes as before; the last one has grown by an entry since.
    fn check_files(&self) {
        let now = log_files(&*self.disk.mount());
        for (name, before) in &self.files {
            let used = before.iter().rposition(|byte| *byte != 0).unwrap() + 1;
            assert_eq!(now[name][..used], before[..used], "{name}");
        }
    }
}
