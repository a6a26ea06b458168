//! Bytes that are not what was written: below the noted end damage, above it a torn tail.

use std::path::PathBuf;

use model::{LogIndex, Offset};
use segment_log::disk::SimulatedDisk;
use segment_log::{LogSettings, OpenLogError, ReadFromError, ReadLogError};

use crate::harness::{directory, entries, fill, ignore, open, path, records, small_segments};

fn first_file() -> PathBuf {
    path().join("00000000000000000000.0.log")
}

/// A log of two durable entries, noted or not, and one more that is only written.
fn written(is_noted: bool) -> (SimulatedDisk, u64, u64) {
    let disk = SimulatedDisk::new(1);
    let directory = directory(disk.mount());
    let log = directory.open_log(path(), LogSettings::default()).unwrap();
    fill(&log, 2);
    log.sync().unwrap();
    if is_noted {
        directory.note_ends();
    }
    let two = log.segments()[0].bytes;
    fill(&log, 3);
    log.sync().unwrap();
    (disk.clone(), two, log.segments()[0].bytes)
}

#[test]
fn the_last_batch_cut_at_every_byte_is_cut_off_and_the_log_goes_on() {
    let (_, two, three) = written(true);
    for cut in two..three {
        let (disk, ..) = written(true);
        disk.kill();
        let file = disk.mount().open(&first_file()).unwrap();
        file.set_length(cut).unwrap();
        file.sync().unwrap();
        let log = open(&disk, &LogSettings::default()).unwrap();
        assert_eq!(log.ends().end_index, LogIndex::new(2), "cut at {cut}");
        fill(&log, 4);
        log.sync().unwrap();
        drop(log);
        disk.crash();
        let log = open(&disk, &LogSettings::default()).unwrap();
        assert_eq!(entries(&log).len(), 4, "cut at {cut}");
    }
}

#[test]
fn a_flipped_bit_above_the_noted_end_cuts_the_tail() {
    let (_, two, three) = written(true);
    for byte in two..three {
        let (disk, ..) = written(true);
        disk.kill();
        disk.flip_bit(&first_file(), byte, (byte % 8) as u32)
            .unwrap();
        let log = open(&disk, &LogSettings::default()).unwrap();
        assert_eq!(log.ends().end_index, LogIndex::new(2), "byte {byte}");
    }
}

#[test]
fn a_flipped_bit_below_the_noted_end_is_damage_with_file_and_byte() {
    let (_, two, _) = written(true);
    for byte in 0..two {
        let (disk, ..) = written(true);
        disk.kill();
        disk.flip_bit(&first_file(), byte, (byte % 8) as u32)
            .unwrap();
        let before = disk.durable_bytes(&first_file());
        match open(&disk, &LogSettings::default()) {
            Err(OpenLogError::Damaged {
                file,
                byte: at,
                noted_end,
                ..
            }) => {
                assert_eq!(file, first_file());
                assert_eq!(at, byte / (two / 2) * (two / 2), "byte {byte}");
                assert_eq!(noted_end, LogIndex::new(2));
            }
            other => panic!("byte {byte}: {:?}", other.map(|log| log.ends())),
        }
        assert_eq!(
            disk.durable_bytes(&first_file()),
            before,
            "nothing was changed"
        );
    }
}

#[test]
fn zeros_below_the_noted_end_are_damage_and_never_truncated() {
    let (disk, two, _) = written(true);
    disk.kill();
    disk.mount()
        .open(&first_file())
        .unwrap()
        .set_length(two / 2)
        .unwrap();
    match open(&disk, &LogSettings::default()).map(|log| log.ends()) {
        Err(OpenLogError::Damaged {
            byte,
            first_missing,
            ..
        }) => {
            assert_eq!(byte, two / 2);
            assert_eq!(first_missing, LogIndex::new(1));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_missing_file_below_the_noted_end_is_damage() {
    let (disk, ..) = written(true);
    disk.kill();
    disk.mount().remove_file(&first_file()).unwrap();
    assert!(matches!(
        open(&disk, &LogSettings::default()),
        Err(OpenLogError::Damaged { .. })
    ));
}

#[test]
fn without_a_note_even_the_first_batch_is_a_torn_tail() {
    let (disk, ..) = written(false);
    disk.kill();
    disk.flip_bit(&first_file(), 70, 0).unwrap();
    let log = open(&disk, &LogSettings::default()).unwrap();
    assert_eq!(log.ends().end_index, LogIndex::ZERO);
}

/// Four sealed segments and an active one, all durable.
fn sealed() -> SimulatedDisk {
    let disk = SimulatedDisk::new(1);
    let directory = directory(disk.mount());
    let log = directory.open_log(path(), small_segments()).unwrap();
    fill(&log, 30);
    log.sync().unwrap();
    assert!(log.segments().len() > 3);
    directory.note_ends();
    disk.kill();
    disk
}

#[test]
fn a_flipped_bit_in_a_sealed_segment_is_met_by_every_kind_of_read_and_by_the_scrub() {
    for byte in [100, 130, 160] {
        let disk = sealed();
        disk.flip_bit(&first_file(), byte, 3).unwrap();
        let log = open(&disk, &small_segments()).unwrap();
        let end = log.ends().end_offset;
        let fetched = log.read_from(Offset::ZERO, end, 10_000);
        assert!(matches!(
            fetched,
            Err(ReadFromError::Stored(ReadLogError::Damaged { .. }))
        ));
        let read = log.read_entries(LogIndex::ZERO..LogIndex::new(9), 10_000);
        assert!(matches!(read, Err(ReadLogError::Damaged { .. })));
        let found = log.verify(LogIndex::ZERO..log.ends().end_index).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].file, found[0].byte), (&first_file(), 0));
        assert!(log.segments()[0].damaged && !log.segments()[1].damaged);
    }
}

#[test]
fn an_index_that_is_missing_or_flipped_anywhere_is_rebuilt() {
    let index = first_file().with_extension("index");
    let length = sealed().durable_bytes(&first_file()).unwrap().len() as u64;
    assert!(length > 0);
    let whole = entries(&open(&sealed(), &small_segments()).unwrap());
    for byte in 0..120 {
        let disk = sealed();
        disk.flip_bit(&index, byte, 5).unwrap();
        let log = open(&disk, &small_segments()).unwrap();
        assert_eq!(entries(&log), whole, "byte {byte}");
    }
    let disk = sealed();
    disk.mount().remove_file(&index).unwrap();
    assert_eq!(entries(&open(&disk, &small_segments()).unwrap()), whole);
}

#[test]
fn a_batch_whose_term_is_not_the_tables_is_damage() {
    let (disk, ..) = written(true);
    disk.kill();
    // The last byte of the first batch's leader epoch, which its CRC does not cover.
    disk.flip_bit(&first_file(), 15, 2).unwrap();
    match open(&disk, &LogSettings::default()).map(|log| log.ends()) {
        Err(OpenLogError::Damaged { reason, .. }) => assert!(reason.contains("term"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn entries_that_do_not_adjoin_are_refused_and_nothing_is_kept() {
    let disk = SimulatedDisk::new(1);
    let log = open(&disk, &LogSettings::default()).unwrap();
    fill(&log, 2);
    let wrong = [
        (2, records(5, 1, 1, 1, 0)),
        (3, records(2, 1, 1, 1, 0)),
        (2, records(2, 0, 1, 1, 0)),
    ];
    for (index, batch) in wrong {
        assert!(
            log.append(LogIndex::new(index), vec![batch], ignore())
                .is_err()
        );
        assert_eq!(log.ends().end_index, LogIndex::new(2));
    }
}
