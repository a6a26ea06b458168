//! The disk that is one: a directory of the operating system's filesystem.

mod file;

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use self::file::RealFile;
use super::seam::{CacheId, DirectoryEntry, Disk, DiskFile};
use super::{inner_path, linux};

/// A directory of the real filesystem. Nothing is touched before the first call; `create_directory` of the
/// empty path makes the root itself.
pub struct RealDisk {
    root: PathBuf,
    /// Directories whose own names this process has synced: an earlier one may have been killed between
    /// making a directory and syncing its name, so existing is not enough.
    durable_directories: Mutex<HashSet<PathBuf>>,
}

impl RealDisk {
    /// The disk below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            durable_directories: Mutex::new(HashSet::new()),
        }
    }

    /// The directory that paths are relative to.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn inside(&self, path: &Path) -> io::Result<PathBuf> {
        inner_path::components(path)?;
        Ok(self.root.join(path))
    }

    /// Makes one directory unless it exists, and its name durable unless this process did that already.
    fn create_one(&self, directory: PathBuf) -> io::Result<()> {
        if self.durable_directories.lock().contains(&directory) {
            return Ok(());
        }
        match fs::create_dir(&directory) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && directory.is_dir() => {}
            result => result?,
        }
        if let Some(parent) = directory.parent() {
            sync_real_directory(parent)?;
        }
        self.durable_directories.lock().insert(directory);
        Ok(())
    }

    /// The root may lie anywhere, below directories that are not ours to sync.
    fn create_root(&self) -> io::Result<()> {
        if self.durable_directories.lock().contains(&self.root) {
            return Ok(());
        }
        let missing: Vec<&Path> = self
            .root
            .ancestors()
            .filter(|path| !path.as_os_str().is_empty())
            .take_while(|path| !path.exists())
            .collect();
        for directory in missing.into_iter().rev() {
            self.create_one(directory.to_path_buf())?;
        }
        if !self.root.is_dir() {
            let text = format!("{} is not a directory", self.root.display());
            return Err(io::Error::new(ErrorKind::NotADirectory, text));
        }
        self.durable_directories.lock().insert(self.root.clone());
        Ok(())
    }
}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let path = self.inside(path)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        Ok(Arc::new(RealFile::new(file, path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let path = self.inside(path)?;
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        Ok(Arc::new(RealFile::new(file, path)?))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.inside(path)?.try_exists()
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<DirectoryEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(self.inside(directory)?)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let metadata = match entry.metadata() {
                // Removed by another thread since the directory was read.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                metadata => metadata?,
            };
            let is_directory = metadata.is_dir();
            entries.push(DirectoryEntry {
                name,
                is_directory,
                length: if is_directory { 0 } else { metadata.len() },
            });
        }
        entries.sort();
        Ok(entries)
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        let names = inner_path::components(path)?;
        self.create_root()?;
        let mut directory = self.root.clone();
        for name in names {
            directory.push(name);
            self.create_one(directory.clone())?;
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (self.inside(from)?, self.inside(to)?);
        self.durable_directories.lock().clear();
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(self.inside(path)?)
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        let path = self.inside(path)?;
        let removed = fs::remove_dir_all(&path);
        self.durable_directories
            .lock()
            .retain(|known| !known.starts_with(&path));
        removed
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        sync_real_directory(&self.inside(path)?)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let filesystem = rustix::fs::statvfs(&self.root)?;
        Ok(filesystem.f_bavail.saturating_mul(filesystem.f_frsize))
    }

    fn cache_id(&self) -> io::Result<Option<CacheId>> {
        linux::cache_id(&self.root)
    }
}

fn sync_real_directory(path: &Path) -> io::Result<()> {
    // The parent of a relative name is the empty path, which cannot be opened.
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    File::open(path)?.sync_all()
}
