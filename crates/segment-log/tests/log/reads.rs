//! What readers get around damage, unwritten entries and restarts: every sound record, no unsound one.

use std::path::PathBuf;

use model::batch::Batch;
use model::{LogId, LogIndex, Offset, Term, Timestamp};
use segment_log::disk::SimulatedDisk;
use segment_log::{LogSettings, ReadFromError, ReadLogError};

use crate::harness::{fill, ignore, open, path, records, small_segments};

fn first_file() -> PathBuf {
    path().join("00000000000000000000.0.log")
}

/// 30 entries in several sealed segments, read in again after a restart with one bit of the first file flipped.
fn flipped(byte: u64) -> segment_log::Log {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &small_segments()).unwrap();
    fill(&log, 30);
    log.sync().unwrap();
    drop(log);
    disk.kill();
    disk.flip_bit(&first_file(), byte, 3).unwrap();
    open(&disk, &small_segments()).unwrap()
}

#[test]
fn a_read_between_the_high_watermark_and_the_end_is_empty_and_only_one_behind_the_end_is_refused() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &small_segments()).unwrap();
    fill(&log, 30);
    let high_watermark = Offset::new(20);
    for from in [20, 25, 30] {
        let from = Offset::new(from);
        let fetched = log.read_from(from, high_watermark, 10_000).unwrap();
        assert_eq!((fetched.bytes, fetched.next_offset), (0, from));
    }
    match log.read_from(Offset::new(31), high_watermark, 10_000) {
        Err(ReadFromError::AboveEnd { wanted, end }) => {
            assert_eq!((wanted, end), (Offset::new(31), Offset::new(30)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn records_before_a_damaged_batch_are_served_and_the_next_read_names_the_damage() {
    let bytes = records(0, 1, 1, 100, 0).total_bytes() as u64;
    let log = flipped(2 * bytes + 70);
    let end = log.ends().end_offset;
    let fetched = log.read_from(Offset::ZERO, end, 10_000).unwrap();
    assert_eq!(fetched.next_offset, Offset::new(2));
    assert_eq!(fetched.bytes as u64, 2 * bytes);
    assert_eq!(
        fetched.batches.iter().map(|run| run.len()).sum::<usize>(),
        fetched.bytes
    );
    match log.read_from(fetched.next_offset, end, 10_000) {
        Err(ReadFromError::Stored(ReadLogError::Damaged { file, byte, .. })) => {
            assert_eq!((file, byte), (first_file(), 2 * bytes));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn records_before_an_unreadable_sector_are_served() {
    let bytes = records(0, 1, 1, 100, 0).total_bytes() as u64;
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &LogSettings::default()).unwrap();
    fill(&log, 10);
    log.sync().unwrap();
    disk.fail_reads(&first_file(), 3 * bytes + 80..3 * bytes + 81)
        .unwrap();
    let end = log.ends().end_offset;
    let fetched = log.read_from(Offset::ZERO, end, 10_000).unwrap();
    assert_eq!(fetched.next_offset, Offset::new(3));
    let rest = log.read_from(fetched.next_offset, end, 10_000);
    let Err(ReadFromError::Stored(ReadLogError::Io { file, .. })) = rest else {
        panic!("{rest:?}");
    };
    assert_eq!(file, first_file());
    disk.heal_reads(&first_file()).unwrap();
    let rest = log.read_from(fetched.next_offset, end, 10_000).unwrap();
    assert_eq!(rest.next_offset, end);
}

#[test]
fn a_header_with_a_flipped_bit_is_neither_replayed_nor_found_by_time() {
    // Every bit that the checksum alone protects: attributes, timestamps, producer, counts.
    for byte in (21..61).filter(|byte| !(23..27).contains(byte)) {
        let log = flipped(byte);
        let read = log.read_headers(LogIndex::ZERO..LogIndex::new(5), 5);
        assert!(
            matches!(read, Err(ReadLogError::Damaged { .. })),
            "byte {byte}: {read:?}"
        );
        let log = flipped(byte);
        let found = log.offset_for_timestamp(Timestamp::from_millis(0), log.ends().end_offset);
        assert!(
            matches!(found, Err(ReadLogError::Damaged { .. })),
            "byte {byte}: {found:?}"
        );
    }
}

#[test]
fn a_scrub_takes_entries_that_are_not_written_yet_for_no_damage() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &small_segments()).unwrap();
    fill(&log, 5);
    log.sync().unwrap();
    // The first segment is full in memory, and only begun on disk.
    fill(&log, 30);
    assert!(log.segments()[0].sealed);
    assert_eq!(log.verify(LogIndex::ZERO..LogIndex::new(30)).unwrap(), []);
}

#[test]
fn after_a_restart_only_reads_at_the_end_are_hot() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &LogSettings::default()).unwrap();
    assert!(
        log.is_hot(Offset::ZERO),
        "nothing is there to be read from a disk"
    );
    fill(&log, 10);
    assert!(log.is_hot(Offset::ZERO));
    log.sync().unwrap();
    drop(log);
    disk.kill();
    let log = open(&disk, &LogSettings::default()).unwrap();
    assert!(!log.is_hot(Offset::ZERO));
    assert!(log.is_hot(log.ends().end_offset));
}

#[test]
fn a_batch_larger_than_a_segment_gets_one_of_its_own_and_is_read_whole() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &small_segments()).unwrap();
    let large: Vec<Batch> = (0..4)
        .map(|offset| records(offset, 1, 1, [10, 5000, 7000, 10][offset as usize], 0))
        .collect();
    for (index, batch) in large.iter().enumerate() {
        log.append(LogIndex::new(index as u64), vec![batch.clone()], ignore())
            .unwrap();
    }
    log.sync().unwrap();
    assert_eq!(log.segments().len(), 4);
    for (offset, batch) in large.iter().enumerate() {
        let from = Offset::new(offset as u64);
        let fetched = log.read_from(from, Offset::new(4), 1).unwrap();
        assert_eq!(fetched.batches, [batch.to_bytes()]);
    }
    disk.crash();
    let log = open(&disk, &small_segments()).unwrap();
    assert_eq!(crate::harness::entries(&log), large);
}

#[test]
fn what_a_quorum_has_before_it_is_written_here_is_read_from_memory() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &small_segments()).unwrap();
    fill(&log, 10);
    log.sync().unwrap();
    // Nobody writes these.
    fill(&log, 15);
    let read = |from: u64, up_to: u64, max_bytes: usize| {
        let mut found = Vec::new();
        let mut next = Offset::new(from);
        loop {
            let fetched = log.read_from(next, Offset::new(up_to), max_bytes).unwrap();
            if fetched.bytes == 0 {
                return found;
            }
            for mut run in fetched.batches {
                while !run.is_empty() {
                    let batch = Batch::split_off(&mut run).unwrap();
                    batch.check_crc().unwrap();
                    found.push(batch.header().base_offset().get());
                }
            }
            next = fetched.next_offset;
        }
    };
    for max_bytes in [1, 10_000] {
        assert_eq!(read(8, 15, max_bytes), [8, 9, 10, 11, 12, 13, 14]);
        assert_eq!(read(12, 14, max_bytes), [12, 13]);
        assert_eq!(read(12, 12, max_bytes), []);
    }
}

#[test]
fn a_record_that_is_kept_is_found_by_offset_and_time_however_many_purges_cut_across_the_read() {
    let disk = SimulatedDisk::new(1);
    let settings = LogSettings {
        segment_bytes: 200,
        ..small_segments()
    };
    let log = open(&disk, &settings).unwrap();
    fill(&log, 400);
    log.sync().unwrap();
    drop(log);
    disk.kill();
    // Opened anew, so that nothing is read from memory.
    let log = open(&disk, &settings).unwrap();
    let purging = log.clone();
    let purged = std::thread::spawn(move || {
        for index in 0..390 {
            let upto = LogId {
                term: Term::new(1).unwrap(),
                index: LogIndex::new(index),
            };
            purging.purge(upto, Offset::new(index + 1)).unwrap();
        }
    });
    let (kept, end) = (Offset::new(395), Offset::new(400));
    let time = Timestamp::from_millis(395);
    while !purged.is_finished() {
        let found = log.offset_for_timestamp(time, end).unwrap();
        assert_eq!(found, Some((kept, time)));
        let fetched = log.read_from(kept, end, 1).unwrap();
        assert_eq!(fetched.next_offset, Offset::new(396));
        // What is about to go is there, or said to be gone.
        let first = log.ends().first_offset;
        let read = log.read_from(first, end, 1);
        let is_gone = matches!(read, Err(ReadFromError::BelowLogStart { .. }));
        assert!(is_gone || read.unwrap().bytes > 0, "nothing at {first}");
        let found = log.offset_for_timestamp(Timestamp::from_millis(0), end);
        assert!(found.unwrap().is_some());
    }
    purged.join().unwrap();
}
