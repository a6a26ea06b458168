//! Syncs that fail, disks that are full, readers that ask for what is not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::{Durability, LogId, LogIndex, Offset, Term, Timestamp};
use segment_log::disk::SimulatedDisk;
use segment_log::{AppendError, LogSettings, ReadFromError};

use crate::harness::{
    acknowledging, directory, entries, fill, ignore, internal, open, path, records, small_segments,
    used_bytes,
};

#[test]
fn a_failed_sync_is_final_and_reads_below_the_durable_end_go_on() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &LogSettings::default()).unwrap();
    fill(&log, 2);
    log.sync().unwrap();
    disk.fail_next_sync(".log");
    let acknowledged = Arc::new(AtomicU64::new(0));
    let batch = records(2, 1, 1, 10, 0);
    let done = acknowledging(&acknowledged, 3);
    log.append(LogIndex::new(2), vec![batch.clone()], done)
        .unwrap();
    assert!(log.sync().is_err());
    // The disk would sync again; the log does not ask it to.
    assert!(log.sync().is_err());
    assert!(log.failed().is_some());
    assert_eq!(acknowledged.load(Ordering::SeqCst), 0);
    let again = log.append(LogIndex::new(3), vec![batch], ignore());
    assert!(matches!(again, Err(AppendError::Failed(_))));
    let ends = log.ends();
    assert_eq!(ends.durable_index, LogIndex::new(2));
    let fetched = log
        .read_from(Offset::ZERO, ends.durable_offset, 1000)
        .unwrap();
    assert_eq!(fetched.next_offset, Offset::new(2));
}

#[test]
fn what_a_failed_sync_left_in_the_page_cache_is_rewritten_before_the_log_reports_it() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &LogSettings::default()).unwrap();
    fill(&log, 3);
    disk.fail_next_sync(".log");
    assert!(log.sync().is_err());
    drop(log);
    // The process restarts: the page cache shows the entries, the platter does not have them.
    disk.kill();
    let log = open(&disk, &LogSettings::default()).unwrap();
    let reported = log.ends().durable_index;
    drop(log);
    disk.crash();
    let log = open(&disk, &LogSettings::default()).unwrap();
    assert!(log.ends().end_index >= reported, "{reported} was reported");
}

#[test]
fn a_full_disk_refuses_a_reservation_and_grants_it_once_there_is_space() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &LogSettings::default()).unwrap();
    fill(&log, 1);
    log.sync().unwrap();
    disk.set_capacity(2 << 20);
    let held = log.reserve(64 << 10).unwrap();
    let refused = log.reserve(4 << 20).unwrap_err();
    assert_eq!(refused.needed, 4 << 20);
    assert!(refused.to_string().contains("delete data"), "{refused}");
    assert_eq!(entries(&log).len(), 1);
    drop(held);
    disk.set_capacity(64 << 20);
    assert!(log.reserve(4 << 20).is_ok());
    assert!(log.failed().is_none());
}

#[test]
fn an_empty_log_takes_no_file_and_a_log_of_one_entry_no_more_than_64_kib() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &LogSettings::default()).unwrap();
    assert!(log.segments().is_empty());
    fill(&log, 1);
    log.sync().unwrap();
    let file = path().join("00000000000000000000.0.log");
    assert!(disk.durable_bytes(&file).unwrap().len() <= 64 << 10);
}

#[test]
fn a_reader_below_the_start_or_above_the_end_is_told_both_offsets() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &small_segments()).unwrap();
    fill(&log, 30);
    log.sync().unwrap();
    let files = log.segments().len();
    let upto = LogId {
        term: Term::new(1).unwrap(),
        index: LogIndex::new(19),
    };
    log.purge(upto, Offset::new(20)).unwrap();
    assert!(log.segments().len() < files);
    assert_eq!(log.term_at(upto.index), Some(upto.term));
    match log.read_from(Offset::new(3), Offset::new(30), 100) {
        Err(ReadFromError::BelowLogStart { wanted, log_start }) => {
            assert_eq!((wanted, log_start), (Offset::new(3), Offset::new(20)));
        }
        other => panic!("{other:?}"),
    }
    match log.read_from(Offset::new(31), Offset::new(30), 100) {
        Err(ReadFromError::AboveEnd { wanted, end }) => {
            assert_eq!((wanted, end), (Offset::new(31), Offset::new(30)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_page_cache_append_is_acknowledged_once_written_and_an_fsync_one_once_synced() {
    for (durability, at_once) in [(Durability::PageCache, 1), (Durability::Fsync, 0)] {
        let disk = SimulatedDisk::new(1);
        let settings = LogSettings {
            durability,
            ..LogSettings::default()
        };
        let log = open(&disk, &settings).unwrap();
        fill(&log, 1);
        log.sync().unwrap();
        let acknowledged = Arc::new(AtomicU64::new(0));
        let done = acknowledging(&acknowledged, 1);
        log.append(LogIndex::new(1), vec![records(1, 1, 1, 5, 0)], done)
            .unwrap();
        assert_eq!(acknowledged.load(Ordering::SeqCst), at_once);
        assert_eq!(log.ends().durable_index, LogIndex::new(1));
        log.sync().unwrap();
        assert_eq!(acknowledged.load(Ordering::SeqCst), 1);
        assert_eq!(log.ends().durable_index, LogIndex::new(2));
    }
}

#[test]
fn a_page_cache_append_that_begins_a_segment_or_a_term_leaves_the_syncs_of_that_to_others() {
    let disk = SimulatedDisk::new(1);
    let settings = LogSettings {
        durability: Durability::PageCache,
        ..small_segments()
    };
    let log = open(&disk, &settings).unwrap();
    fill(&log, 1);
    log.sync().unwrap();
    let mut left = 0;
    for index in 1..100 {
        let acknowledged = Arc::new(AtomicU64::new(0));
        let (before, term) = (log.segment_bases().len(), 1 + index / 40);
        let begins_term = index % 40 == 0;
        let done = acknowledging(&acknowledged, 1);
        let batch = records(index, term, 1, 100, 0);
        log.append(LogIndex::new(index), vec![batch], done).unwrap();
        let begins = begins_term || log.segment_bases().len() > before;
        let at_once = acknowledged.load(Ordering::SeqCst) == 1;
        assert_eq!(at_once, !begins, "entry {index}");
        left += u32::from(begins);
        log.sync().unwrap();
        assert_eq!(acknowledged.load(Ordering::SeqCst), 1);
    }
    assert!(left > 5, "{left}");
}

#[test]
fn callbacks_of_entries_that_are_cut_off_are_dropped() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &LogSettings::default()).unwrap();
    let acknowledged = Arc::new(AtomicU64::new(0));
    for index in 0..3 {
        let done = acknowledging(&acknowledged, index + 1);
        log.append(LogIndex::new(index), vec![records(index, 1, 1, 5, 0)], done)
            .unwrap();
    }
    log.truncate_after(Some(LogIndex::ZERO)).unwrap();
    log.sync().unwrap();
    assert_eq!(acknowledged.load(Ordering::SeqCst), 1);
    assert_eq!(Arc::strong_count(&acknowledged), 1);
}

#[test]
fn a_segment_of_internal_entries_only_shares_its_base_offset_and_is_cut_out_of_fetches() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &LogSettings::default()).unwrap();
    log.append(LogIndex::ZERO, vec![internal(0, 1, b"")], ignore())
        .unwrap();
    assert!(log.roll().unwrap());
    log.append(LogIndex::new(1), vec![records(0, 1, 2, 5, 7)], ignore())
        .unwrap();
    log.sync().unwrap();
    let bases: Vec<_> = log
        .segments()
        .iter()
        .map(|s| (s.base_offset, s.base_index))
        .collect();
    assert_eq!(
        bases,
        [
            (Offset::ZERO, LogIndex::ZERO),
            (Offset::ZERO, LogIndex::new(1))
        ]
    );
    assert_eq!(log.segments()[0].max_timestamp, None);
    let fetched = log.read_from(Offset::ZERO, Offset::new(2), 1000).unwrap();
    assert_eq!(fetched.batches, [records(0, 1, 2, 5, 7).to_bytes()]);
    let found = log
        .offset_for_timestamp(Timestamp::from_millis(1), Offset::new(2))
        .unwrap();
    assert_eq!(found, Some((Offset::ZERO, Timestamp::from_millis(7))));
}

#[test]
fn a_segment_rolls_by_age_from_its_first_append_and_an_empty_one_never_does() {
    let disk = SimulatedDisk::new(1);
    let settings = LogSettings {
        segment_age: Some(Duration::from_secs(5)),
        ..LogSettings::default()
    };
    let log = open(&disk, &settings).unwrap();
    assert!(!log.roll_if_due(Timestamp::from_millis(i64::MAX)).unwrap());
    fill(&log, 1);
    assert!(!log.roll_if_due(Timestamp::from_millis(5_999)).unwrap());
    assert!(log.roll_if_due(Timestamp::from_millis(6_000)).unwrap());
    assert!(!log.roll_if_due(Timestamp::from_millis(90_000)).unwrap());
    fill(&log, 2);
    assert_eq!(log.segments().len(), 2);
}

#[test]
fn a_restart_does_not_make_a_segment_young_again() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &LogSettings::default()).unwrap();
    for (index, time) in [(0, 400), (1, 900)] {
        let batch = records(index, 1, 1, 10, time);
        log.append(LogIndex::new(index), vec![batch], ignore())
            .unwrap();
    }
    log.sync().unwrap();
    drop(log);
    disk.kill();
    // The clock says 1000 again.
    let log = open(&disk, &LogSettings::default()).unwrap();
    let segment = &log.segments()[0];
    assert_eq!(segment.first_append, Some(Timestamp::from_millis(400)));
    assert_eq!(segment.last_append, Some(Timestamp::from_millis(1_000)));
}

#[test]
fn a_checkpoint_goes_with_its_segment_and_the_snapshot_stays() {
    let disk = SimulatedDisk::new(1);
    let directory = directory(disk.mount());
    let log = directory.open_log(path(), small_segments()).unwrap();
    fill(&log, 30);
    log.sync().unwrap();
    let bases = log.segment_bases();
    for base in &bases {
        log.write_checkpoint(*base, b"state").unwrap();
    }
    assert!(log.write_checkpoint(LogIndex::new(1), b"").is_err());
    log.write_snapshot(b"snapshot").unwrap();
    let upto = LogId {
        term: Term::new(1).unwrap(),
        index: bases[2].previous().unwrap(),
    };
    log.purge(upto, Offset::new(bases[2].get())).unwrap();
    assert_eq!(log.checkpoints().unwrap(), bases[2..]);
    log.truncate_after(bases[3].previous()).unwrap();
    assert_eq!(log.checkpoints().unwrap(), bases[2..3]);
    assert_eq!(
        log.read_checkpoint(bases[2]).unwrap().unwrap(),
        b"state"[..]
    );
    assert_eq!(log.read_snapshot().unwrap().unwrap(), b"snapshot"[..]);
}

#[test]
fn a_disk_too_full_for_zero_filling_still_takes_what_was_promised() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &LogSettings::default()).unwrap();
    disk.set_capacity(used_bytes(&disk) + (40 << 10));
    fill(&log, 3);
    log.sync().unwrap();
    assert_eq!(entries(&log).len(), 3);
}

#[test]
fn readers_that_race_with_cuts_at_both_ends_see_adjoining_entries_and_no_error() {
    let disk = SimulatedDisk::new(1);
    let directory = directory(disk.mount());
    let log = directory.open_log(path(), small_segments()).unwrap();
    fill(&log, 60);
    let is_done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for reader in 0..2_u64 {
            let (log, is_done) = (log.clone(), &is_done);
            scope.spawn(move || {
                let mut at = reader;
                while is_done.load(Ordering::SeqCst) == 0 {
                    let ends = log.ends();
                    at = (at * 7 + 13) % ends.end_index.get().max(1);
                    let from = LogIndex::new(at.max(ends.first_index.get()));
                    let read = log.read_entries(from..ends.end_index, 2_000).unwrap();
                    for (place, (index, batch)) in read.iter().enumerate() {
                        assert_eq!(*index, from.plus(place as u64));
                        assert_eq!(batch.header().base_offset().get(), index.get());
                    }
                    let read = log.read_headers(from..ends.end_index, 20).unwrap();
                    for (place, found) in read.iter().enumerate() {
                        assert_eq!(found.index, from.plus(place as u64));
                    }
                }
            });
        }
        for round in 1..60_u64 {
            let end = log.ends().end_index.get();
            log.truncate_after(Some(LogIndex::new(end - 8))).unwrap();
            fill(&log, end + 3);
            log.sync().unwrap();
            let upto = LogId {
                term: Term::new(1).unwrap(),
                index: LogIndex::new(round * 2),
            };
            log.purge(upto, Offset::new(round * 2 + 1)).unwrap();
        }
        is_done.store(1, Ordering::SeqCst);
    });
}
