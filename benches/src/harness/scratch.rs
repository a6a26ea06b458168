//! Where data is written: beside the binaries, on a real disk, removed afterwards.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// `f_type` of a filesystem in memory, from the kernel's `linux/magic.h`.
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// A directory that is removed when this is dropped.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    /// Makes an empty directory.
    pub(crate) fn new() -> Result<Self> {
        let parent = target_directory()?;
        let filesystem = rustix::fs::statfs(&parent).context("asking for the filesystem")?;
        if filesystem.f_type as u64 == TMPFS_MAGIC {
            eprintln!(
                "warning: {} is in memory, syncs cost nothing there",
                parent.display()
            );
        }
        let directory = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(&parent)
            .with_context(|| format!("making a directory in {}", parent.display()))?;
        Ok(Self(directory))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Cargo's target directory: the one that this program lies in.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let program = env::current_exe().context("asking for this program's path")?;
    let found = program
        .ancestors()
        .find(|directory| directory.join("CACHEDIR.TAG").exists());
    Ok(found.or(program.parent()).unwrap_or(Path::new(".")).into())
}
