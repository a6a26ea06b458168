use std::sync::Arc;

use super::*;
use crate::disk::SimulatedDisk;

fn path() -> &'static Path {
    Path::new("votes")
}

fn open(disk: &SimulatedDisk) -> Result<(KeyedJournal, Values), JournalError> {
    KeyedJournal::open(disk.mount(), path())
}

/// Three synced frames, where each begins, and where the last one ends.
fn three_frames() -> (SimulatedDisk, Vec<u64>) {
    let disk = SimulatedDisk::new(3);
    let (journal, _) = open(&disk).unwrap();
    let mut ends = Vec::new();
    for value in [b"one", b"two", b"six"] {
        ends.push(journal.writer.lock().end);
        journal.append(b"key", value).unwrap();
        journal.sync().unwrap();
    }
    ends.push(journal.writer.lock().end);
    drop(journal);
    disk.kill();
    (disk, ends)
}

#[test]
fn golden_bytes() {
    let disk = SimulatedDisk::new(1);
    let (journal, latest) = open(&disk).unwrap();
    assert!(latest.is_empty());
    journal.append(b"k", b"vv").unwrap();
    journal.sync().unwrap();
    let bytes = disk.durable_bytes(path()).unwrap();
    assert_eq!(&bytes[..8], b"SLj1\0\0\0\0");
    assert_eq!(&bytes[12..20], b"SLj1\0\0\0\x06");
    assert_eq!(&bytes[24..30], b"\x01\0\x02kvv");
}

#[test]
fn a_journal_that_is_gone_or_has_lost_its_bytes_does_not_begin_anew() {
    let (disk, _) = three_frames();
    let mounted = disk.mount();
    mounted.create_directory(Path::new("lost+found")).unwrap();
    mounted.create_directory(Path::new(".snapshots")).unwrap();
    mounted.remove_file(path()).unwrap();
    drop(open(&disk).unwrap());
    let mounted = disk.mount();
    mounted.create_directory(Path::new("partitions")).unwrap();
    drop(open(&disk).unwrap());
    let mounted = disk.mount();
    mounted.remove_file(path()).unwrap();
    let gone = open(&disk).map(drop).unwrap_err();
    assert!(matches!(gone, JournalError::Lost { .. }), "{gone}");
    assert!(gone.to_string().starts_with("votes is gone"), "{gone}");
    KeyedJournal::open_or_begin(disk.mount(), path()).unwrap();
    let file = disk.mount().open(path()).unwrap();
    file.set_length(0).unwrap();
    let empty = open(&disk).map(drop).unwrap_err();
    assert!(matches!(empty, JournalError::Damaged(_)), "{empty}");
}

#[test]
fn the_latest_value_of_each_key_is_found_again_and_an_empty_one_removes_it() {
    let disk = SimulatedDisk::new(2);
    let (journal, _) = open(&disk).unwrap();
    for (key, value) in [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4"), ("b", "")] {
        journal.append(key.as_bytes(), value.as_bytes()).unwrap();
        journal.sync().unwrap();
    }
    drop(journal);
    disk.crash();
    let (_, latest) = open(&disk).unwrap();
    let expected = [("a", "3"), ("c", "4")].map(|(k, v)| (k.into(), v.into()));
    assert_eq!(latest, Values::from(expected));
}

#[test]
fn a_torn_last_frame_is_cut_at_every_byte() {
    let (_, frames) = three_frames();
    for cut in frames[2]..frames[3] {
        let (disk, _) = three_frames();
        let file = disk.mount().open(path()).unwrap();
        // With and without the zeros that were reserved behind it.
        let length = file.length();
        file.set_length(cut).unwrap();
        if cut % 2 == 0 {
            file.set_length(length).unwrap();
        }
        let (_, latest) = open(&disk).unwrap();
        assert_eq!(latest.get(&b"key"[..]).unwrap(), b"two", "cut at {cut}");
    }
}

#[test]
fn the_last_two_frames_cannot_both_be_torn() {
    let (disk, frames) = three_frames();
    for frame in [frames[1], frames[2]] {
        disk.flip_bit(path(), frame + 14, 3).unwrap();
    }
    assert!(matches!(open(&disk), Err(JournalError::Damaged(_))));
}

#[test]
fn a_flipped_bit_below_the_last_frame_is_damage() {
    let (_, frames) = three_frames();
    for byte in 0..frames[2] {
        let (disk, _) = three_frames();
        disk.flip_bit(path(), byte, (byte % 8) as u32).unwrap();
        assert!(
            matches!(open(&disk), Err(JournalError::Damaged(_))),
            "byte {byte}"
        );
    }
}

#[test]
fn a_bad_first_frame_is_damage_though_nothing_follows_it() {
    let (disk, frames) = three_frames();
    // Opening leaves one frame with all values.
    drop(open(&disk).unwrap());
    let latest = disk.durable_bytes(path()).unwrap();
    let used = latest.iter().rposition(|byte| *byte != 0).unwrap() as u64;
    assert!(used < frames[2]);
    for byte in 0..=used {
        let damaged = SimulatedDisk::new(3);
        let journal = damaged.mount();
        durable::create_file_durably(&*journal, path(), &latest).unwrap();
        damaged.flip_bit(path(), byte, (byte % 8) as u32).unwrap();
        let opened = open(&damaged);
        assert!(
            matches!(&opened, Err(JournalError::Damaged(damage)) if damage.byte == 0),
            "byte {byte}"
        );
    }
    let zeros = SimulatedDisk::new(3);
    durable::create_file_durably(&*zeros.mount(), path(), &[0; 4096]).unwrap();
    assert!(matches!(open(&zeros), Err(JournalError::Damaged(_))));
}

#[test]
fn on_a_full_disk_the_reserved_space_serves_first_and_then_values_wait_for_space() {
    let disk = SimulatedDisk::new(8);
    let (journal, _) = open(&disk).unwrap();
    disk.set_capacity(1);
    let value = [7; VALUE_BYTES_MAX];
    let mut taken = 0_u64;
    let refused = loop {
        journal.append(&taken.to_be_bytes(), &value).unwrap();
        match journal.sync() {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(taken > 60, "{taken}");
    let JournalError::Failed(failed) = refused else {
        panic!("{refused}");
    };
    assert!(!failed.is_final, "{failed}");
    journal.append(b"late", b"value").unwrap();
    assert!(journal.sync().is_err());
    disk.set_capacity(1 << 30);
    journal.sync().unwrap();
    drop(journal);
    disk.crash();
    let (_, latest) = open(&disk).unwrap();
    assert_eq!(latest.len() as u64, taken + 2);
}

#[test]
fn on_a_full_disk_it_opens_where_it_is_and_a_torn_tail_is_zeroed() {
    let (_, frames) = three_frames();
    for cut in [frames[2] + 5, frames[3]] {
        let (disk, _) = three_frames();
        disk.mount().open(path()).unwrap().set_length(cut).unwrap();
        disk.set_capacity(1);
        let (journal, latest) = open(&disk).unwrap();
        let expected: &[u8] = if cut == frames[3] { b"six" } else { b"two" };
        assert_eq!(latest.get(&b"key"[..]).unwrap(), expected);
        drop(journal);
        disk.crash();
        assert_eq!(open(&disk).unwrap().1, latest);
    }
}

#[test]
fn a_failed_sync_is_final() {
    let disk = SimulatedDisk::new(4);
    let (journal, _) = open(&disk).unwrap();
    disk.fail_next_sync("votes");
    journal.append(b"k", b"v").unwrap();
    assert!(journal.sync().is_err());
    assert!(journal.sync().is_err());
}

#[test]
fn what_is_too_long_is_refused_by_its_limit() {
    let disk = SimulatedDisk::new(5);
    let (journal, _) = open(&disk).unwrap();
    let error = journal.append(&[0; 65], b"").unwrap_err();
    assert!(error.to_string().contains("64"), "{error}");
    assert!(journal.append(b"", &[0; 1025]).is_err());
}

#[test]
fn it_is_compacted_when_it_has_grown() {
    let disk = SimulatedDisk::new(6);
    let (journal, _) = open(&disk).unwrap();
    let value = [7; VALUE_BYTES_MAX];
    for round in 0..(COMPACT_BYTES / 16_000 + 10) {
        for key in 0..16_u8 {
            journal.append(&[key], &value).unwrap();
        }
        journal.append(b"round", &round.to_be_bytes()).unwrap();
        journal.sync().unwrap();
    }
    assert!(journal.writer.lock().end < COMPACT_BYTES / 2);
    drop(journal);
    disk.crash();
    assert_eq!(open(&disk).unwrap().1.len(), 17);
}

#[test]
fn callers_at_the_same_time_all_find_their_values_durable() {
    let disk = SimulatedDisk::new(7);
    let (journal, _) = open(&disk).unwrap();
    let journal = Arc::new(journal);
    std::thread::scope(|scope| {
        for key in 0..8_u8 {
            let journal = journal.clone();
            scope.spawn(move || {
                for round in 0..50_u8 {
                    journal.append(&[key], &[round + 1]).unwrap();
                    journal.sync().unwrap();
                }
            });
        }
    });
    drop(journal);
    disk.crash();
    let (_, latest) = open(&disk).unwrap();
    assert_eq!(latest.len(), 8);
    assert!(latest.values().all(|value| value == &[50]));
}
