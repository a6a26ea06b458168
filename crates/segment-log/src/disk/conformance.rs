//! What every [`Disk`] must do, as plain functions that panic where one does not.
//!
//! Each takes an empty disk. Errors of calls that ought to work are handed back to the caller, so that a
//! test shows them. What only a simulation can show (power cuts, failing syncs) is not here.

use std::io::{self, ErrorKind, IoSlice};
use std::path::Path;

use model::FilePosition;

use super::durable::{
    TEMPORARY_SUFFIX, create_file_durably, read_small_file, remove_file_durably,
    replace_file_durably,
};
use super::seam::{Disk, DiskFile};

/// One statement about disks.
pub type Check = fn(&dyn Disk) -> io::Result<()>;

/// All of them but [`a_full_disk_refuses_and_recovers`], which needs a small disk.
pub const CHECKS: &[(&str, Check)] = &[
    ("a taken name is not created", a_taken_name_is_not_created),
    (
        "paths outside the root are refused",
        paths_outside_the_root_are_refused,
    ),
    ("parts are written in order", parts_are_written_in_order),
    (
        "reading past the end is refused",
        reading_past_the_end_is_refused,
    ),
    ("a slice equals a read", a_slice_equals_a_read),
    ("a slice outlives its file", a_slice_outlives_its_file),
    ("growth is seen through a map", growth_is_seen_through_a_map),
    (
        "reserved space reads as zeros",
        reserved_space_reads_as_zeros,
    ),
    ("a cut is a cut", a_cut_is_a_cut),
    ("a rename replaces", a_rename_replaces),
    (
        "a directory lists its entries",
        a_directory_lists_its_entries,
    ),
    ("a tree goes with its root", a_tree_goes_with_its_root),
    ("one mount has one cache id", one_mount_has_one_cache_id),
    (
        "durable verbs leave what they say",
        durable_verbs_leave_what_they_say,
    ),
];

/// What is written and not synced stays where it is, whatever is done to names.
pub fn one_mount_has_one_cache_id(disk: &dyn Disk) -> io::Result<()> {
    let before = disk.cache_id()?;
    disk.create_directory(Path::new("d"))?;
    disk.sync_directory(Path::new(""))?;
    assert_eq!(disk.cache_id()?, before);
    assert_eq!(before.is_some(), cfg!(target_os = "linux"));
    Ok(())
}

/// `create` answers `AlreadyExists` for files and directories, `open` and `remove_file` `NotFound`.
pub fn a_taken_name_is_not_created(disk: &dyn Disk) -> io::Result<()> {
    let path = Path::new("a");
    refused(disk.open(path), ErrorKind::NotFound);
    refused(disk.remove_file(path), ErrorKind::NotFound);
    refused(disk.create(Path::new("no/a")), ErrorKind::NotFound);
    write(&*disk.create(path)?, 0, b"old")?;
    refused(disk.create(path), ErrorKind::AlreadyExists);
    assert_eq!(content(disk, path)?, b"old");
    disk.create_directory(Path::new("d"))?;
    refused(disk.create(Path::new("d")), ErrorKind::AlreadyExists);
    Ok(())
}

/// Absolute paths and `..` are `InvalidInput` in every call.
pub fn paths_outside_the_root_are_refused(disk: &dyn Disk) -> io::Result<()> {
    for path in ["/a", "../a", "a/../../b"].map(Path::new) {
        refused(disk.create(path), ErrorKind::InvalidInput);
        refused(disk.open(path), ErrorKind::InvalidInput);
        refused(disk.exists(path), ErrorKind::InvalidInput);
        refused(disk.list(path), ErrorKind::InvalidInput);
        refused(disk.create_directory(path), ErrorKind::InvalidInput);
        refused(disk.rename(path, Path::new("b")), ErrorKind::InvalidInput);
        refused(disk.rename(Path::new("b"), path), ErrorKind::InvalidInput);
        refused(disk.remove_file(path), ErrorKind::InvalidInput);
        refused(disk.remove_directory(path), ErrorKind::InvalidInput);
        refused(disk.sync_directory(path), ErrorKind::InvalidInput);
    }
    assert_eq!(disk.list(Path::new(""))?, []);
    Ok(())
}

/// More parts than a system takes in one call, empty ones among them, behind a gap.
pub fn parts_are_written_in_order(disk: &dyn Disk) -> io::Result<()> {
    let path = Path::new("a");
    let file = disk.create(path)?;
    assert_eq!(file.length(), 0);
    let pieces: Vec<Vec<u8>> = (0..3000_usize).map(|at| vec![at as u8; at % 7]).collect();
    let parts: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    file.write_at(FilePosition::new(1000), &parts)?;
    file.write_at(FilePosition::new(9), &[])?;
    file.write_at(FilePosition::new(1 << 20), &[IoSlice::new(&[])])?;
    // So many empty parts in front that a call takes none of the bytes.
    let mut behind_empty_parts = vec![IoSlice::new(&[]); 3000];
    behind_empty_parts.push(IoSlice::new(b"far"));
    file.write_at(FilePosition::ZERO, &behind_empty_parts)?;
    file.sync()?;
    let mut expected = vec![0; 1000];
    expected.splice(0..3, *b"far");
    expected.extend(pieces.concat());
    assert_eq!(file.length(), expected.len() as u64);
    assert_eq!(content(disk, path)?, expected);
    write(&*file, 500, b"within")?;
    expected.splice(500..506, *b"within");
    assert_eq!(read(&*file, 0, expected.len())?, expected);
    assert_eq!(disk.open(path)?.length(), expected.len() as u64);
    Ok(())
}

/// `UnexpectedEof` for a read or a slice of which one byte lies behind the end.
pub fn reading_past_the_end_is_refused(disk: &dyn Disk) -> io::Result<()> {
    let file = disk.create(Path::new("a"))?;
    assert!(file.slice(0..0)?.is_empty());
    assert!(read(&*file, 0, 0)?.is_empty());
    refused(file.slice(0..1), ErrorKind::UnexpectedEof);
    write(&*file, 0, &[1; 100])?;
    assert_eq!(read(&*file, 90, 10)?, [1; 10]);
    assert_eq!(file.slice(90..100)?, [1; 10][..]);
    for (start, length) in [(90, 11), (100, 1), (5000, 1)] {
        refused(read(&*file, start, length), ErrorKind::UnexpectedEof);
        let end = start + length as u64;
        refused(file.slice(start..end), ErrorKind::UnexpectedEof);
    }
    Ok(())
}

/// At and around the borders of pages.
pub fn a_slice_equals_a_read(disk: &dyn Disk) -> io::Result<()> {
    let file = disk.create(Path::new("a"))?;
    let bytes: Vec<u8> = (0..20_000_u32).map(|at| ((at * 31) >> 3) as u8).collect();
    write(&*file, 0, &bytes)?;
    let ends = [0, 1, 4095, 4096, 4097, 8192, 12_289, 19_999, 20_000];
    for start in ends {
        for end in ends.into_iter().filter(|end| *end >= start) {
            let sliced = file.slice(start..end)?;
            assert_eq!(sliced, read(&*file, start, (end - start) as usize)?);
        }
    }
    Ok(())
}

/// Unlinked, closed, its map released: the slice still shows its bytes.
pub fn a_slice_outlives_its_file(disk: &dyn Disk) -> io::Result<()> {
    let path = Path::new("a");
    let file = disk.create(path)?;
    write(&*file, 0, &[7; 10_000])?;
    let slice = file.slice(5000..10_000)?;
    disk.remove_file(path)?;
    disk.sync_directory(Path::new(""))?;
    assert_eq!(slice, [7; 5000][..]);
    file.release_mapping();
    // The name is free for another file, whose bytes are its own.
    write(&*disk.create(path)?, 0, &[8; 10_000])?;
    assert_eq!(file.slice(0..10_000)?, [7; 10_000][..]);
    drop(file);
    assert_eq!(slice, [7; 5000][..]);
    assert_eq!(content(disk, path)?, [8; 10_000]);
    Ok(())
}

/// What is appended after the file was mapped is in the next slice, through every handle.
pub fn growth_is_seen_through_a_map(disk: &dyn Disk) -> io::Result<()> {
    let path = Path::new("a");
    let file = disk.create(path)?;
    let mut first = None;
    for round in 0..20_u8 {
        let start = u64::from(round) * 3000;
        write(&*file, start, &[round; 3000])?;
        let slice = file.slice(start..start + 3000)?;
        assert_eq!(slice, [round; 3000][..]);
        first.get_or_insert(slice);
    }
    assert_eq!(first.as_deref(), Some(&[0; 3000][..]));
    assert_eq!(disk.open(path)?.slice(57_000..60_000)?, [19; 3000][..]);
    Ok(())
}

/// Existing bytes stay, the rest up to the end of the range is zeros, a shorter range changes nothing.
pub fn reserved_space_reads_as_zeros(disk: &dyn Disk) -> io::Result<()> {
    let path = Path::new("a");
    let file = disk.create(path)?;
    write(&*file, 0, &[9; 100])?;
    file.reserve(50..3_000_000)?;
    assert_eq!(file.length(), 3_000_000);
    let mut expected = vec![0; 3_000_000];
    expected.splice(0..100, [9; 100]);
    assert!(content(disk, path)? == expected, "not zeros");
    file.reserve(0..10)?;
    assert_eq!(file.length(), 3_000_000);
    write(&*file, 100, b"in reserved space")?;
    assert_eq!(file.length(), 3_000_000);
    assert_eq!(read(&*file, 100, 17)?, b"in reserved space");
    file.sync()
}

/// What is cut is gone; a file that grows again shows zeros there.
pub fn a_cut_is_a_cut(disk: &dyn Disk) -> io::Result<()> {
    let path = Path::new("a");
    let file = disk.create(path)?;
    write(&*file, 0, &[5; 10_000])?;
    let kept = file.slice(0..4096)?;
    file.set_length(6000)?;
    assert_eq!(file.length(), 6000);
    refused(file.slice(5999..6001), ErrorKind::UnexpectedEof);
    refused(read(&*file, 6000, 1), ErrorKind::UnexpectedEof);
    assert_eq!(file.slice(0..6000)?, [5; 6000][..]);
    file.set_length(8000)?;
    assert_eq!(file.slice(6000..8000)?, [0; 2000][..]);
    assert_eq!(kept, [5; 4096][..]);
    assert_eq!(disk.open(path)?.length(), 8000);
    Ok(())
}

/// Files replace files, directories move with what they hold, and the moved name is free.
pub fn a_rename_replaces(disk: &dyn Disk) -> io::Result<()> {
    let (from, to) = (Path::new("from"), Path::new("d/to"));
    refused(disk.rename(from, Path::new("to")), ErrorKind::NotFound);
    disk.create_directory(Path::new("d"))?;
    write(&*disk.create(from)?, 0, b"new")?;
    write(&*disk.create(to)?, 0, b"old")?;
    let old = disk.open(to)?;
    disk.rename(from, to)?;
    assert!(!disk.exists(from)?);
    assert_eq!(content(disk, to)?, b"new");
    assert_eq!(read(&*old, 0, 3)?, b"old");
    disk.rename(Path::new("d"), Path::new("e"))?;
    assert!(!disk.exists(to)?);
    assert_eq!(content(disk, Path::new("e/to"))?, b"new");
    Ok(())
}

/// Ordered by name, with kind and length.
pub fn a_directory_lists_its_entries(disk: &dyn Disk) -> io::Result<()> {
    refused(disk.list(Path::new("d")), ErrorKind::NotFound);
    disk.create_directory(Path::new("d/sub/deep"))?;
    disk.create_directory(Path::new("d/sub"))?;
    write(&*disk.create(Path::new("d/z"))?, 0, &[0; 12])?;
    disk.create(Path::new("d/b"))?;
    let entries = disk.list(Path::new("d"))?;
    let listed: Vec<(&str, bool, u64)> = entries
        .iter()
        .map(|entry| (entry.name.as_str(), entry.is_directory, entry.length))
        .collect();
    assert_eq!(
        listed,
        [("b", false, 0), ("sub", true, 0), ("z", false, 12)]
    );
    assert!(disk.exists(Path::new("d/sub/deep"))?);
    refused(disk.list(Path::new("d/b")), ErrorKind::NotADirectory);
    assert!(disk.create_directory(Path::new("d/b")).is_err());
    assert!(disk.remove_file(Path::new("d/sub")).is_err());
    Ok(())
}

/// `remove_directory` takes all below it and nothing beside it.
pub fn a_tree_goes_with_its_root(disk: &dyn Disk) -> io::Result<()> {
    refused(disk.remove_directory(Path::new("d")), ErrorKind::NotFound);
    disk.create_directory(Path::new("d/e/f"))?;
    disk.create_directory(Path::new("dd"))?;
    let inner = disk.create(Path::new("d/e/f/a"))?;
    write(&*inner, 0, &[3; 100])?;
    disk.remove_directory(Path::new("d"))?;
    disk.sync_directory(Path::new(""))?;
    assert!(!disk.exists(Path::new("d"))?);
    assert!(!disk.exists(Path::new("d/e/f/a"))?);
    assert!(disk.exists(Path::new("dd"))?);
    assert_eq!(read(&*inner, 0, 100)?, [3; 100]);
    disk.create_directory(Path::new("d/e"))?;
    assert_eq!(disk.list(Path::new("d/e"))?, []);
    Ok(())
}

/// Replace, create, remove and read, also over the leftovers of an earlier attempt.
pub fn durable_verbs_leave_what_they_say(disk: &dyn Disk) -> io::Result<()> {
    disk.create_directory(Path::new("d"))?;
    let path = Path::new("d/small");
    assert_eq!(read_small_file(disk, path, 10)?, None);
    remove_file_durably(disk, path)?;
    let leftover = format!("d/small{TEMPORARY_SUFFIX}");
    write(&*disk.create(Path::new(&leftover))?, 0, &[1; 5000])?;
    replace_file_durably(disk, path, b"one")?;
    replace_file_durably(disk, path, b"second")?;
    assert_eq!(read_small_file(disk, path, 6)?, Some(b"second".to_vec()));
    refused(read_small_file(disk, path, 5), ErrorKind::InvalidData);
    refused(
        create_file_durably(disk, path, b"x"),
        ErrorKind::AlreadyExists,
    );
    remove_file_durably(disk, path)?;
    create_file_durably(disk, path, b"")?;
    assert_eq!(read_small_file(disk, path, 5)?, Some(Vec::new()));
    assert_eq!(disk.list(Path::new("d"))?.len(), 1);
    Ok(())
}

/// For a disk that holds between 1 and 64 MiB: what does not fit is `StorageFull`, a refused reservation
/// leaves the file as it was, reads go on, and removing files makes room again.
pub fn a_full_disk_refuses_and_recovers(disk: &dyn Disk) -> io::Result<()> {
    let before = disk.free_bytes()?;
    assert!((1 << 20..=64 << 20).contains(&before), "{before} are free");
    let path = Path::new("a");
    let file = disk.create(path)?;
    write(&*file, 0, &[4; 1000])?;
    refused(file.reserve(0..before + 4096), ErrorKind::StorageFull);
    assert_eq!(file.length(), 1000);
    assert_eq!(disk.open(path)?.length(), 1000);
    // The refused reservation holds no space: this much fits.
    file.reserve(0..before / 2)?;
    assert!(disk.free_bytes()? <= before - before / 2);
    let filler = disk.create(Path::new("filler"))?;
    let block = vec![6; 64 * 1024];
    let full = loop {
        if let Err(error) = write(&*filler, filler.length(), &block) {
            break error;
        }
        assert!(filler.length() <= before, "the disk does not fill up");
    };
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    assert!(disk.free_bytes()? < block.len() as u64);
    assert_eq!(file.slice(0..1000)?, [4; 1000][..]);
    // Reserved space can be written on a full disk.
    write(&*file, before / 2 - 1000, &[5; 1000])?;
    drop(filler);
    disk.remove_file(Path::new("filler"))?;
    disk.sync_directory(Path::new(""))?;
    write(&*file, before / 2, &block)?;
    file.sync()
}

fn write(file: &dyn DiskFile, position: u64, bytes: &[u8]) -> io::Result<()> {
    file.write_at(FilePosition::new(position), &[IoSlice::new(bytes)])
}

fn read(file: &dyn DiskFile, position: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0xa5; length];
    file.read_at(FilePosition::new(position), &mut bytes)?;
    Ok(bytes)
}

fn content(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let file = disk.open(path)?;
    read(&*file, 0, file.length() as usize)
}

#[track_caller]
fn refused<T>(result: io::Result<T>, kind: ErrorKind) {
    let found = result.err().map(|error| error.kind());
    assert_eq!(found, Some(kind));
}
