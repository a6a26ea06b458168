//! A data directory from outside.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The files of all segments, `*.log`, sorted by path.
pub fn segment_files(data: &Path) -> Vec<PathBuf> {
    let mut files = data_files(&data.join("partitions"));
    files.retain(|file| file.extension().is_some_and(|extension| extension == "log"));
    files
}

/// Every file below a directory, sorted by path. Files that vanish meanwhile are left out.
pub fn data_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(data_files(&entry.path())),
            Ok(_) => found.push(entry.path()),
            Err(_) => {}
        }
    }
    found.sort();
    found
}

/// What all files below a directory take on disk, in bytes.
pub fn bytes_on_disk(directory: &Path) -> u64 {
    let blocks = |file: &PathBuf| fs::metadata(file).map_or(0, |about| about.blocks());
    data_files(directory).iter().map(blocks).sum::<u64>() * 512
}
