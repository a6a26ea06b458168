//! The small files beside the segments: their bytes, and what becomes of a log when one of them is damaged.

use std::path::PathBuf;

use bytes::Bytes;
use model::{LogId, LogIndex, Offset, Term};
use segment_log::CheckpointError;
use segment_log::disk::{Disk, SimulatedDisk, durable};

use crate::harness::{directory, entries, fill, ignore, internal, open, path, small_segments};

/// A log with every kind of small file; its disk, its entries as bytes, its checkpoints' bases.
fn stored() -> (SimulatedDisk, Vec<Bytes>, Vec<LogIndex>) {
    let disk = SimulatedDisk::new(1);
    let directory = directory(disk.mount());
    let log = directory.open_log(path(), small_segments()).unwrap();
    fill(&log, 30);
    let end = log.ends();
    let next_term = internal(end.end_offset.get(), 2, b"");
    log.append(end.end_index, vec![next_term], ignore())
        .unwrap();
    log.sync().unwrap();
    let bases = log.segment_bases()[1..].to_vec();
    for base in &bases {
        log.write_checkpoint(*base, b"state").unwrap();
    }
    log.write_snapshot(b"snapshot").unwrap();
    let upto = LogId {
        term: Term::new(1).unwrap(),
        index: LogIndex::new(2),
    };
    log.purge(upto, Offset::new(3)).unwrap();
    let kept = bytes_of(&log);
    drop(log);
    directory.close().unwrap();
    disk.kill();
    (disk, kept, bases)
}

fn bytes_of(log: &segment_log::Log) -> Vec<Bytes> {
    entries(log).iter().map(|batch| batch.to_bytes()).collect()
}

fn content(disk: &dyn Disk, name: &str) -> Vec<u8> {
    let file = path().join(name);
    durable::read_small_file(disk, &file, 1 << 20)
        .unwrap()
        .unwrap()
}

fn small_files(disk: &dyn Disk) -> Vec<String> {
    let listed = disk.list(path()).unwrap().into_iter();
    let names = listed.map(|entry| entry.name);
    names.filter(|name| !name.ends_with(".log")).collect()
}

#[test]
fn golden_bytes_of_a_checkpoint_and_a_snapshot() {
    let (disk, _, bases) = stored();
    let disk = disk.mount();
    let name = format!("{:020}.checkpoint", bases[0].get());
    let bytes = content(&*disk, &name);
    assert_eq!(&bytes[..8], b"SLc1\0\0\0\x0d");
    assert_eq!(bytes[12..20], bases[0].get().to_be_bytes());
    assert_eq!(&bytes[20..], b"state");
    let bytes = content(&*disk, "snapshot");
    assert_eq!(&bytes[..8], b"SLc1\0\0\0\x10");
    assert_eq!(&bytes[12..], b"\0\0\0\0\0\0\0\0snapshot");
}

#[test]
fn a_flipped_bit_in_any_small_file_is_told_or_mended_and_loses_nothing() {
    let (disk, _, _) = stored();
    let names = small_files(&*disk.mount());
    for kind in ["start", "terms", "snapshot", ".index", ".checkpoint"] {
        assert!(names.iter().any(|name| name.ends_with(kind)), "{kind}");
    }
    for name in names {
        let length = content(&*disk.mount(), &name).len() as u64;
        for byte in (0..length).filter(|byte| *byte < 12 || byte % 7 == 0) {
            flip(&name, byte);
        }
    }
}

fn flip(name: &str, byte: u64) {
    let (disk, kept, bases) = stored();
    let file: PathBuf = path().join(name);
    disk.flip_bit(&file, byte, (byte % 8) as u32).unwrap();
    // Told when the log is opened, or nothing is missing.
    let Ok(log) = open(&disk, &small_segments()) else {
        return;
    };
    assert_eq!(bytes_of(&log), kept, "{name}, byte {byte}");
    if let Ok(snapshot) = log.read_snapshot() {
        assert_eq!(
            snapshot.as_deref(),
            Some(&b"snapshot"[..]),
            "{name}, byte {byte}"
        );
    }
    for base in bases {
        if let Ok(Some(state)) = log.read_checkpoint(base) {
            assert_eq!(&state[..], b"state", "{name}, byte {byte}");
        }
    }
}

#[test]
fn who_has_lost_a_log_to_another_writes_no_state_into_its_directory() {
    let disk = SimulatedDisk::new(1);
    let directory = directory(disk.mount());
    let before = directory.open_log(path(), small_segments()).unwrap();
    fill(&before, 30);
    let base = before.segment_bases()[1];
    directory.release_log(path());
    let after = directory.open_log(path(), small_segments()).unwrap();

    let late = before.write_snapshot(b"of before");
    assert!(matches!(late, Err(CheckpointError::Stopped(_))), "{late:?}");
    let late = before.write_checkpoint(base, b"of before");
    assert!(matches!(late, Err(CheckpointError::Stopped(_))), "{late:?}");
    assert_eq!(after.read_snapshot().unwrap(), None);
    assert_eq!(after.checkpoints().unwrap(), []);
}
