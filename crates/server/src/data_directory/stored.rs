//! The identity on disk and in memory: memory follows the disk, never the other way.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use segment_log::disk::{Disk, replace_file_durably};

use super::identity::{Bond, Identity};

/// An identity that changes only once the change is durable.
pub(crate) struct Stored {
    disk: Arc<dyn Disk>,
    file: PathBuf,
    identity: Mutex<Identity>,
}

impl Stored {
    pub(super) fn new(disk: Arc<dyn Disk>, file: &Path, identity: Identity) -> Self {
        Self {
            disk,
            file: file.to_owned(),
            identity: Mutex::new(identity),
        }
    }

    pub(super) fn read(&self) -> Identity {
        self.identity.lock().clone()
    }

    /// A broker runs on it from now on.
    pub(super) fn count_start(&self) -> io::Result<()> {
        self.change(|identity| {
            identity.starts += 1;
            identity.stopped_cleanly = false;
        })
    }

    pub(super) fn stopped_cleanly(&self) -> io::Result<()> {
        self.change(|identity| identity.stopped_cleanly = true)
    }

    /// What binds it to a cluster.
    pub(crate) fn bond(&self) -> Bond {
        self.identity.lock().bond
    }

    /// Binds it, durably. Blocks.
    ///
    /// # Errors
    /// What the operating system says: it is bound as before, or as it was to be.
    pub(crate) fn bind(&self, bond: Bond) -> io::Result<()> {
        self.change(|identity| identity.bond = bond)
    }

    fn change(&self, change: impl FnOnce(&mut Identity)) -> io::Result<()> {
        let mut identity = self.identity.lock();
        let mut changed = identity.clone();
        change(&mut changed);
        if changed != *identity {
            replace_file_durably(&*self.disk, &self.file, &changed.encode())?;
            *identity = changed;
        }
        Ok(())
    }
}
