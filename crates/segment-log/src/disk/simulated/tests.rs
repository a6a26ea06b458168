use std::collections::BTreeSet;
use std::io::{ErrorKind, IoSlice};
use std::path::Path;

use model::FilePosition;

use super::SimulatedDisk;
use crate::disk::{Disk, DiskFile, create_file_durably, read_small_file, replace_file_durably};

const SEEDS: u64 = 300;

/// The seeds of a random test: many, or the one that the environment names.
fn seeds() -> impl Iterator<Item = u64> {
    let one: Option<u64> = std::env::var("STRAND_TEST_SEED")
        .ok()
        .map(|seed| seed.parse().expect("STRAND_TEST_SEED is a number"));
    let range = one.map_or(0..SEEDS, |seed| seed..seed + 1);
    range.inspect(|seed| println!("STRAND_TEST_SEED={seed}"))
}

fn has_many_seeds() -> bool {
    std::env::var_os("STRAND_TEST_SEED").is_none()
}

fn write(file: &dyn DiskFile, position: u64, bytes: &[u8]) -> std::io::Result<()> {
    file.write_at(FilePosition::new(position), &[IoSlice::new(bytes)])
}

fn content(disk: &SimulatedDisk, path: &str) -> Option<Vec<u8>> {
    read_small_file(disk, Path::new(path), 1 << 20).unwrap()
}

#[test]
fn what_was_synced_survives_every_power_cut() {
    for seed in seeds() {
        let disk = SimulatedDisk::new(seed);
        disk.create_directory(Path::new("d")).unwrap();
        create_file_durably(&disk, Path::new("d/a"), &[1; 2000]).unwrap();
        let file = disk.open(Path::new("d/a")).unwrap();
        write(&*file, 2000, &[2; 2000]).unwrap();
        disk.crash();
        let left = content(&disk, "d/a").unwrap();
        assert_eq!(left[..2000], [1; 2000]);
        assert!(left[2000..].iter().all(|byte| [0, 2].contains(byte)));
    }
}

#[test]
fn an_unsynced_write_survives_is_lost_is_torn_or_leaves_zeros() {
    let mut outcomes = BTreeSet::new();
    for seed in seeds() {
        let disk = SimulatedDisk::new(seed);
        create_file_durably(&disk, Path::new("a"), b"").unwrap();
        let file = disk.open(Path::new("a")).unwrap();
        write(&*file, 100, &[3; 2000]).unwrap();
        disk.crash();
        let left = content(&disk, "a").unwrap();
        let sectors: Vec<bool> = [100, 512, 1024, 1536, 2048]
            .iter()
            .map(|at| left.get(*at) == Some(&3))
            .collect();
        // A sector is there as a whole or not at all.
        for (at, byte) in left.iter().enumerate() {
            assert_eq!(*byte == 3, at >= 100 && sectors[at / 512], "byte {at}");
        }
        outcomes.insert(match sectors.iter().filter(|there| **there).count() {
            0 if left.is_empty() => "lost",
            0 => "zeros",
            5 => "survived",
            _ => "torn",
        });
    }
    assert!(!has_many_seeds() || outcomes.len() == 4, "{outcomes:?}");
}

#[test]
fn unsynced_writes_survive_in_any_order() {
    let mut outcomes = BTreeSet::new();
    for seed in seeds() {
        let disk = SimulatedDisk::new(seed);
        create_file_durably(&disk, Path::new("a"), &[0; 1024]).unwrap();
        let file = disk.open(Path::new("a")).unwrap();
        write(&*file, 0, &[1; 512]).unwrap();
        write(&*file, 512, &[2; 512]).unwrap();
        disk.crash();
        let left = content(&disk, "a").unwrap();
        outcomes.insert((left[0] == 1, left[512] == 2));
    }
    assert!(!has_many_seeds() || outcomes.len() == 4, "{outcomes:?}");
}

#[test]
fn an_unsynced_name_may_go_and_its_directory_decides() {
    let mut outcomes = BTreeSet::new();
    for seed in seeds() {
        let disk = SimulatedDisk::new(seed);
        disk.create_directory(Path::new("d")).unwrap();
        create_file_durably(&disk, Path::new("d/old"), b"old").unwrap();
        // Synced bytes do not make a name durable.
        let file = disk.create(Path::new("d/new")).unwrap();
        write(&*file, 0, b"new").unwrap();
        file.sync().unwrap();
        assert_eq!(disk.durable_bytes(Path::new("d/new")), None);
        disk.remove_file(Path::new("d/old")).unwrap();
        disk.crash();
        let (new, old) = (content(&disk, "d/new"), content(&disk, "d/old"));
        assert!(new.as_deref().is_none_or(|bytes| bytes == b"new"));
        assert!(old.as_deref().is_none_or(|bytes| bytes == b"old"));
        outcomes.insert((new.is_some(), old.is_some()));
    }
    assert!(!has_many_seeds() || outcomes.len() == 4, "{outcomes:?}");
}

#[test]
fn a_replaced_file_is_old_or_new_wherever_the_power_goes() {
    let mut outcomes = BTreeSet::new();
    for seed in seeds() {
        let disk = SimulatedDisk::new(seed);
        replace_file_durably(&disk, Path::new("a"), b"old").unwrap();
        disk.write_fails_after(1 + seed % 6);
        let replaced = replace_file_durably(&disk, Path::new("a"), &[b'n'; 3000]);
        disk.crash();
        let left = content(&disk, "a").unwrap();
        assert!(left == b"old" || left == [b'n'; 3000], "{left:?}");
        assert!(replaced.is_err());
        outcomes.insert(left.len());
    }
    assert!(!has_many_seeds() || outcomes.len() == 2, "{outcomes:?}");
}

#[test]
fn a_move_between_directories_never_leaves_two_names() {
    for seed in seeds() {
        let disk = SimulatedDisk::new(seed);
        disk.create_directory(Path::new("d")).unwrap();
        disk.create_directory(Path::new("e")).unwrap();
        disk.create(Path::new("d/a")).unwrap();
        disk.rename(Path::new("d/a"), Path::new("e/a")).unwrap();
        disk.sync_directory(Path::new("e")).unwrap();
        disk.crash();
        assert_eq!(content(&disk, "e/a"), Some(Vec::new()));
        assert_eq!(content(&disk, "d/a"), None);
    }
}

#[test]
fn a_killed_process_loses_no_write_and_its_handles_are_dead() {
    let disk = SimulatedDisk::new(1);
    let mounted = disk.mount();
    let file = mounted.create(Path::new("a")).unwrap();
    write(&*file, 0, b"unsynced").unwrap();
    disk.kill();
    assert_eq!(content(&disk, "a").unwrap(), b"unsynced");
    assert!(write(&*file, 0, b"from the dead").is_err());
    assert!(file.sync().is_err());
    assert!(file.slice(0..1).is_err());
    assert!(mounted.create(Path::new("b")).is_err());
    assert!(disk.mount().create(Path::new("b")).is_ok());
    assert_eq!(content(&disk, "a").unwrap(), b"unsynced");
}

#[test]
fn what_a_failed_sync_covered_reads_back_and_is_never_durable() {
    let disk = SimulatedDisk::new(1);
    create_file_durably(&disk, Path::new("a"), &[0; 8]).unwrap();
    let file = disk.open(Path::new("a")).unwrap();
    write(&*file, 0, b"lost").unwrap();
    disk.fail_next_sync("a");
    assert!(file.sync().is_err());
    write(&*file, 4, b"kept").unwrap();
    file.sync().unwrap();
    assert_eq!(content(&disk, "a").unwrap(), b"lostkept");
    disk.kill();
    assert_eq!(content(&disk, "a").unwrap(), b"lostkept");
    // Written again, it is as durable as anything else.
    assert_eq!(disk.durable_bytes(Path::new("a")).unwrap(), b"\0\0\0\0kept");
    disk.crash();
    assert_eq!(content(&disk, "a").unwrap(), b"\0\0\0\0kept");
}

#[test]
fn bad_ranges_flipped_bits_and_a_full_disk_show_where_they_are() {
    let disk = SimulatedDisk::new(1);
    let path = Path::new("a");
    create_file_durably(&disk, path, &[0; 100]).unwrap();
    let file = disk.open(path).unwrap();
    disk.flip_bit(path, 7, 3).unwrap();
    assert_eq!(file.slice(6..9).unwrap()[..], [0, 8, 0]);
    assert!(disk.flip_bit(path, 100, 0).is_err());
    disk.fail_reads(path, 50..60).unwrap();
    assert!(file.slice(40..51).is_err());
    assert!(file.slice(60..100).is_ok());
    disk.heal_reads(path).unwrap();
    assert!(file.slice(40..51).is_ok());
    disk.set_capacity(150);
    assert_eq!(disk.free_bytes().unwrap(), 50);
    let full = write(&*file, 100, &[1; 51]).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
}

#[test]
fn after_its_last_operation_a_disk_answers_nothing_until_a_reboot() {
    let disk = SimulatedDisk::new(1);
    let file = disk.create(Path::new("a")).unwrap();
    let before = disk.operations();
    disk.write_fails_after(2);
    write(&*file, 0, b"first").unwrap();
    assert!(write(&*file, 5, b"second").is_err());
    assert!(file.sync().is_err());
    assert!(file.slice(0..1).is_err());
    assert!(disk.list(Path::new("")).is_err());
    assert_eq!(disk.operations(), before + 2);
    disk.kill();
    let left = content(&disk, "a").unwrap();
    assert!(b"firstsecond".starts_with(&left) && left.len() >= 5);
}

#[test]
fn the_same_seed_gives_the_same_power_cut() {
    for seed in seeds().take(20) {
        let run = || {
            let disk = SimulatedDisk::new(seed);
            for name in ["a", "b", "c"] {
                let file = disk.create(Path::new(name)).unwrap();
                write(&*file, 0, &[7; 5000]).unwrap();
            }
            disk.crash();
            ["a", "b", "c"].map(|name| content(&disk, name))
        };
        assert_eq!(run(), run());
    }
}
