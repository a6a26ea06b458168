//! A snapshot that is lost together with the entries before it: another takes its place, wherever it stands.

use std::path::PathBuf;

use model::batch::Batch;
use model::{LogId, LogIndex, Offset, Term};
use segment_log::disk::SimulatedDisk;

use crate::harness::{directory, entries, fill, open, path, small_segments, try_directory};

const PURGED: u64 = 24;

fn id(index: u64) -> LogId {
    LogId {
        term: Term::new(1).unwrap(),
        index: LogIndex::new(index),
    }
}

/// A log whose first entries are deleted, all its entries as they were, and its terms.
fn purged() -> (SimulatedDisk, Vec<Batch>, Vec<(Term, LogIndex, Offset)>) {
    let disk = SimulatedDisk::new(1);
    let directory = directory(disk.mount());
    let log = directory.open_log(path(), small_segments()).unwrap();
    fill(&log, 40);
    log.sync().unwrap();
    let (whole, terms) = (entries(&log), log.terms());
    log.write_snapshot(b"old").unwrap();
    log.purge(id(PURGED), Offset::new(PURGED + 1)).unwrap();
    directory.note_ends();
    drop(log);
    drop(directory);
    disk.crash();
    (disk, whole, terms)
}

fn suspects() -> Vec<PathBuf> {
    vec![path().join("snapshot")]
}

/// One attempt to begin the log behind `start`; why it failed.
fn begin(
    disk: &SimulatedDisk,
    start: Option<u64>,
    whole: &[Batch],
    terms: &[(Term, LogIndex, Offset)],
) -> Result<(), String> {
    let directory = try_directory(disk.mount()).ok_or("the directory does not open")?;
    let repair = directory.open_for_repair(path(), small_segments(), &suspects());
    let mut repair = repair.map_err(|error| error.to_string())?;
    assert!(repair.lost_snapshot().is_some() && !repair.is_whole());
    let stored = match start {
        None => repair.remove_snapshot(),
        Some(_) => repair.write_snapshot(b"new"),
    };
    stored.map_err(|error| error.to_string())?;
    let start = start.map(|upto| (id(upto), Offset::new(upto + 1)));
    let started = repair.start_before(start, terms);
    started.map_err(|error| error.to_string())?;
    while let Some(range) = repair.missing().first().cloned() {
        let first = range.first.get() as usize;
        let copies = &whole[first..(first + 3).min(range.end.get() as usize)];
        let filled = repair.fill(range.first, copies);
        filled.map_err(|error| error.to_string())?;
    }
    assert!(repair.is_whole());
    Ok(())
}

fn check(disk: &SimulatedDisk, start: Option<u64>, whole: &[Batch]) {
    let log = open(disk, &small_segments()).unwrap();
    let first = start.map_or(0, |upto| upto + 1);
    let ends = log.ends();
    assert_eq!((ends.first_index.get(), ends.end_index.get()), (first, 40));
    assert_eq!(ends.first_offset.get(), first);
    assert_eq!(entries(&log), whole[first as usize..]);
    let snapshot = log.read_snapshot().unwrap();
    assert_eq!(snapshot.is_some(), start.is_some());
}

#[test]
fn where_another_snapshot_stands_further_ahead_the_log_starts_there_and_what_was_deleted_is_missing()
 {
    for start in [None, Some(4), Some(13), Some(PURGED - 1)] {
        let (disk, whole, terms) = purged();
        begin(&disk, start, &whole, &terms).unwrap();
        disk.crash();
        check(&disk, start, &whole);
    }
}

#[test]
fn a_power_cut_at_any_write_leaves_a_log_that_the_next_attempt_begins_there() {
    for start in [None, Some(13)] {
        let (disk, whole, terms) = purged();
        let mut attempts = 0;
        for operations in 1.. {
            attempts += 1;
            disk.write_fails_after(operations);
            let begun = begin(&disk, start, &whole, &terms);
            disk.crash();
            if begun.is_ok() {
                break;
            }
        }
        assert!(attempts > 10, "{attempts}");
        begin(&disk, start, &whole, &terms).unwrap();
        disk.crash();
        check(&disk, start, &whole);
    }
}

#[test]
fn another_snapshot_that_stands_at_the_start_or_behind_it_needs_no_copies() {
    for upto in [PURGED, PURGED + 5, 60] {
        let (disk, whole, _) = purged();
        let directory = directory(disk.mount());
        let repair = directory.open_for_repair(path(), small_segments(), &suspects());
        let mut repair = repair.unwrap();
        repair.write_snapshot(b"new").unwrap();
        let offset = Offset::new(upto + 1);
        repair.start_behind(id(upto), offset).unwrap();
        assert!(repair.is_whole());
        drop(repair);
        drop(directory);
        disk.crash();
        let log = open(&disk, &small_segments()).unwrap();
        assert_eq!(log.ends().first_index.get(), upto + 1);
        assert_eq!(entries(&log), whole[(upto as usize + 1).min(40)..]);
    }
}

#[test]
fn what_follows_an_entry_of_another_term_than_the_snapshot_goes_with_it() {
    let (disk, _, _) = purged();
    let directory = directory(disk.mount());
    let repair = directory.open_for_repair(path(), small_segments(), &suspects());
    let mut repair = repair.unwrap();
    repair.write_snapshot(b"new").unwrap();
    let other = LogId {
        term: Term::new(2).unwrap(),
        index: LogIndex::new(30),
    };
    repair.start_behind(other, Offset::new(31)).unwrap();
    assert!(repair.is_whole());
    drop(repair);
    drop(directory);
    disk.crash();
    let log = open(&disk, &small_segments()).unwrap();
    let ends = log.ends();
    assert_eq!((ends.first_index.get(), ends.end_index.get()), (31, 31));
    assert_eq!(ends.purged, Some(other));
}
