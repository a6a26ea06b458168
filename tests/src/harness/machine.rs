//! What the machine allows: root, tools, small file systems.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Whether the tests run as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether a command of this name can be run.
pub fn command_exists(name: &str) -> bool {
    let version = Command::new(name)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok()
}

/// A file system of a few megabytes, in memory, unmounted when dropped.
#[derive(Debug)]
pub struct SmallFileSystem {
    path: PathBuf,
    _home: tempfile::TempDir,
}

impl SmallFileSystem {
    /// Mounts one; `None` where the machine does not allow it.
    pub fn mount(megabytes: u32) -> Option<Self> {
        let home = tempfile::tempdir().ok()?;
        let path = home.path().join("small");
        std::fs::create_dir(&path).ok()?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(&path)
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self { path, _home: home })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SmallFileSystem {
    fn drop(&mut self) {
        // Lazily: a broker that was killed a moment ago may still hold it.
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}
