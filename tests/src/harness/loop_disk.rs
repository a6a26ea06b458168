//! A disk of its own for a broker, whose power can be cut: a file system in a file, mounted through a loop device.
//!
//! Cutting the power is the file system's own emergency stop (`EXT4_IOC_SHUTDOWN` without a flush of its journal): from
//! then on every operation fails, and what was not synced is gone once it is mounted again.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::machine::{command_exists, is_root};
use super::wait::eventually;

/// `EXT4_IOC_SHUTDOWN`, with `EXT4_GOING_FLAGS_NOLOGFLUSH`. The standard library has no `ioctl`, Python has.
const CUT: &str = "import fcntl, os, struct, sys; \
    fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";

/// A disk, unmounted when dropped.
#[derive(Debug)]
pub struct LoopDisk {
    image: PathBuf,
    mounted: PathBuf,
    _home: TempDir,
}

impl LoopDisk {
    /// Makes and mounts one.
    ///
    /// # Errors
    /// What the machine lacks for it.
    pub fn make(mebibytes: u64) -> Result<Self, String> {
        if !is_root() {
            return Err("mounting a file system needs root".into());
        }
        for tool in ["mkfs.ext4", "python3"] {
            if !command_exists(tool) {
                return Err(format!("`{tool}` is not installed"));
            }
        }
        let failed = |error: std::io::Error| error.to_string();
        let home = tempfile::tempdir().map_err(failed)?;
        let image = home.path().join("image");
        let mounted = home.path().join("mounted");
        std::fs::create_dir(&mounted).map_err(failed)?;
        let file = File::create(&image).map_err(failed)?;
        file.set_len(mebibytes << 20).map_err(failed)?;
        let mut format = Command::new("mkfs.ext4");
        succeeds(format.args(["-q", "-F"]).arg(&image))?;
        let disk = Self {
            image,
            mounted,
            _home: home,
        };
        disk.mount()?;
        Ok(disk)
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.mounted
    }

    /// Nothing reaches the disk any more, and what was not synced never will. Who runs on it is to be frozen before: of the
    /// syncs that are under way at that moment, some return success although the journal is gone (seen without any broker,
    /// in 2 of 60 cuts), and whoever goes on without power acknowledges them.
    #[track_caller]
    pub fn cut_power(&self) {
        let mut cut = Command::new("python3");
        succeeds(cut.args(["-c", CUT]).arg(&self.mounted)).expect("the power is cut");
    }

    /// The power is back: the disk shows what it holds. Nobody may use it meanwhile.
    #[track_caller]
    pub fn restore_power(&self) {
        // A process that was killed a moment ago may still hold it.
        eventually("the disk is free", || {
            succeeds(Command::new("umount").arg(&self.mounted)).ok()
        });
        self.mount().expect("the disk is mounted again");
    }

    fn mount(&self) -> Result<(), String> {
        let mut mount = Command::new("mount");
        succeeds(
            mount
                .args(["-o", "loop"])
                .arg(&self.image)
                .arg(&self.mounted),
        )
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        // Lazily: a broker that was killed a moment ago may still hold it.
        let mut unmount = Command::new("umount");
        if let Err(error) = succeeds(unmount.arg("-l").arg(&self.mounted)) {
            eprintln!("{}: {error}", self.mounted.display());
        }
    }
}

/// Runs a command to its end.
fn succeeds(command: &mut Command) -> Result<(), String> {
    let ran = command.stdin(Stdio::null()).output();
    match ran {
        Ok(ran) if ran.status.success() => Ok(()),
        Ok(ran) => {
            let complaint = String::from_utf8_lossy(&ran.stderr);
            Err(format!("{command:?}: {}", complaint.trim()))
        }
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}
