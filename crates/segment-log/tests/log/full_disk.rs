//! A full disk stops nothing for good: what was not promised waits, what was promised fits, what frees space works.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use model::clock::SimulatedClock;
use model::{Durability, LogId, LogIndex, Offset, Term, Timestamp};
use segment_log::disk::SimulatedDisk;
use segment_log::{LogDirectory, LogDirectorySettings, LogSettings};

use crate::harness::{
    acknowledging, directory, entries, fill, ignore, open, path, records, small_segments,
    used_bytes,
};

const PLENTY: u64 = 1 << 40;

#[test]
fn entries_wait_for_space_and_are_written_once_there_is_some() {
    for durability in [Durability::Fsync, Durability::PageCache] {
        let disk = SimulatedDisk::new(1);
        let settings = LogSettings {
            durability,
            ..small_segments()
        };
        let log = open(&disk, &settings).unwrap();
        fill(&log, 3);
        log.sync().unwrap();
        disk.set_capacity(0);
        let acknowledged = Arc::new(AtomicU64::new(0));
        for index in 3..30 {
            let done = acknowledging(&acknowledged, index + 1);
            let batch = records(index, 1 + index / 10, 1, 100, 0);
            log.append(LogIndex::new(index), vec![batch], done).unwrap();
        }
        let refused = log.sync().unwrap_err();
        assert!(!refused.is_final, "{refused}");
        assert!(refused.to_string().contains("space"), "{refused}");
        assert!(log.failed().is_none());
        assert_eq!(acknowledged.load(Ordering::SeqCst), 0);
        assert!(!log.roll().unwrap());
        let whole = entries(&log);
        assert_eq!(whole.len(), 30);
        disk.set_capacity(PLENTY);
        log.sync().unwrap();
        assert_eq!(acknowledged.load(Ordering::SeqCst), 30);
        drop(log);
        disk.crash();
        assert_eq!(entries(&open(&disk, &settings).unwrap()), whole);
    }
}

#[test]
fn what_fitted_before_the_disk_was_full_is_acknowledged() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &LogSettings::default()).unwrap();
    fill(&log, 1);
    log.sync().unwrap();
    let acknowledged = Arc::new(AtomicU64::new(0));
    let fits = records(1, 1, 1, 100, 0);
    log.append(
        LogIndex::new(1),
        vec![fits],
        acknowledging(&acknowledged, 2),
    )
    .unwrap();
    log.sync().unwrap();
    disk.set_capacity(0);
    // The zero-filled rest of the first step takes this one too.
    let fits = records(2, 1, 1, 100, 0);
    log.append(
        LogIndex::new(2),
        vec![fits],
        acknowledging(&acknowledged, 3),
    )
    .unwrap();
    log.sync().unwrap();
    assert_eq!(acknowledged.load(Ordering::SeqCst), 3);
}

#[test]
fn a_waiting_log_goes_on_by_itself() {
    let disk = SimulatedDisk::new(1);
    let clock = Arc::new(SimulatedClock::new(Timestamp::from_millis(1_000)));
    let directory =
        LogDirectory::open(disk.mount(), clock, LogDirectorySettings::default()).unwrap();
    let log = directory.open_log(path(), LogSettings::default()).unwrap();
    disk.set_capacity(0);
    let (told, answer) = mpsc::channel();
    let done = Box::new(move |outcome: Result<(), _>| told.send(outcome.is_ok()).unwrap());
    log.append(LogIndex::ZERO, vec![records(0, 1, 1, 10, 0)], done)
        .unwrap();
    assert!(answer.recv_timeout(Duration::from_millis(250)).is_err());
    disk.set_capacity(PLENTY);
    assert_eq!(answer.recv_timeout(Duration::from_secs(30)), Ok(true));
    directory.close().unwrap();
}

#[test]
fn a_directory_can_be_closed_while_entries_wait_and_they_are_told() {
    let disk = SimulatedDisk::new(1);
    let directory = directory(disk.mount());
    let log = directory.open_log(path(), LogSettings::default()).unwrap();
    disk.set_capacity(0);
    let (told, answer) = mpsc::channel();
    let done = Box::new(move |outcome: Result<(), _>| told.send(outcome.is_ok()).unwrap());
    log.append(LogIndex::ZERO, vec![records(0, 1, 1, 10, 0)], done)
        .unwrap();
    assert!(directory.close().is_err());
    assert_eq!(answer.try_recv(), Ok(false));
    assert!(log.failed().is_some());
}

#[test]
fn segments_are_purged_and_cut_on_a_disk_without_a_byte_left() {
    let disk = SimulatedDisk::new(1);
    let directory = directory(disk.mount());
    let log = directory.open_log(path(), small_segments()).unwrap();
    fill(&log, 60);
    log.sync().unwrap();
    directory.note_ends();
    disk.set_capacity(used_bytes(&disk));
    // More than fits, waiting.
    log.append(
        LogIndex::new(60),
        vec![records(60, 1, 1, 4 << 20, 0)],
        ignore(),
    )
    .unwrap();
    assert!(log.sync().is_err());
    let before = log.segments().len();
    let upto = |index| LogId {
        term: Term::new(1).unwrap(),
        index: LogIndex::new(index),
    };
    log.write_snapshot(b"state").unwrap();
    log.purge(upto(30), Offset::new(31)).unwrap();
    assert!(log.segments().len() < before);
    log.truncate_after(Some(LogIndex::new(50))).unwrap();
    assert_eq!(log.ends().end_index, LogIndex::new(51));
    assert!(log.failed().is_none());
    log.purge(upto(70), Offset::new(71)).unwrap();
    assert_eq!(log.ends().end_index, LogIndex::new(71));
    assert!(log.failed().is_none());
    drop((log, directory));
    disk.crash();
    let log = open(&disk, &small_segments()).unwrap();
    assert_eq!(log.ends().first_index, LogIndex::new(71));
}

#[test]
fn a_directory_opens_on_a_full_disk_and_so_does_its_log() {
    let disk = SimulatedDisk::new(1);
    let first = directory(disk.mount());
    let log = first.open_log(path(), small_segments()).unwrap();
    fill(&log, 30);
    log.sync().unwrap();
    first.note_ends();
    let whole = entries(&log);
    drop((log, first));
    disk.set_capacity(1);
    disk.crash();
    let log = open(&disk, &small_segments()).unwrap();
    assert_eq!(entries(&log), whole);
    assert!(log.reserve(1).is_err());
}

#[test]
fn zero_filling_takes_no_space_that_was_promised_to_others() {
    let disk = SimulatedDisk::new(1);
    let directory = directory(disk.mount());
    let logs: Vec<_> = (0..60)
        .map(|n| {
            let path = std::path::PathBuf::from(format!("partitions/topic/{n}"));
            directory.open_log(&path, LogSettings::default()).unwrap()
        })
        .collect();
    disk.set_capacity(used_bytes(&disk) + (3 << 20));
    let mut refused = 0;
    for round in 0..40 {
        let mut held = Vec::new();
        for log in &logs {
            match log.reserve(8 << 10) {
                Ok(space) => held.push((log, space)),
                Err(_) => refused += 1,
            }
        }
        for (log, space) in held {
            let end = log.ends().end_offset.get();
            log.append(
                LogIndex::new(end),
                vec![records(end, 1, 1, 7 << 10, 0)],
                ignore(),
            )
            .unwrap();
            drop(space);
        }
        for log in &logs {
            log.sync()
                .unwrap_or_else(|error| panic!("round {round}: {error}"));
        }
    }
    assert!(refused > 0, "the disk was never full");
}
