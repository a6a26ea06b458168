//! The identity on disk and in memory: memory follows the disk, never the other way.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::DiskEpoch;
use parking_lot::Mutex;
use segment_log::disk::{Disk, replace_file_durably};

use super::identity::{Bond, Epoch, Identity};

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

    /// A broker runs on it from now on. Where the cluster has taken the epoch before, another one begins; `nonce` is drawn
    /// at random.
    pub(super) fn count_start(&self, nonce: u64) -> io::Result<()> {
        self.change(|identity| {
            identity.starts += 1;
            identity.stopped_cleanly = false;
            if identity.epoch.is_registered {
                let number = identity.epoch.presented.number + 1;
                identity.epoch = Epoch {
                    presented: DiskEpoch { number, nonce },
                    is_registered: false,
                };
            }
        })
    }

    /// Notes, durably, that the cluster has taken the epoch that was presented; nothing once the broker has come to its
    /// end, when the directory may be another's. Blocks.
    ///
    /// # Errors
    /// What the operating system says: the next start may present this epoch again.
    pub(crate) fn registered(&self) -> io::Result<()> {
        self.change(|identity| identity.epoch.is_registered |= !identity.stopped_cleanly)
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
