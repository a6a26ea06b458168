//! The data directory as the process sees it: whose it is, who uses it now, how often it was started on.
//!
//! ```text
//! <data>/strandline        the identity: format, disk id, broker, start counter, cluster, replica, epoch
//! <data>/strandline.lock   locked by the broker that runs, holds its process id
//! <data>/…                 votes, logs, journals: replication's and segment-log's
//! ```
//! It knows no logs. A directory that is not ours is left as it is.

mod error;
mod identity;
mod lock;
mod stored;

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Clock, DiskEpoch, DiskId};
use segment_log::disk::{Disk, RealDisk, read_small_file};

pub use error::DirectoryError;
pub(crate) use identity::Bond;
use identity::{Epoch, Identity, Unsound};
use lock::DirectoryLock;
pub(crate) use stored::Stored;

const IDENTITY_FILE: &str = "strandline";
const LOCK_FILE: &str = "strandline.lock";

/// A data directory that this process alone uses, until it is dropped.
pub(crate) struct DataDirectory {
    path: PathBuf,
    disk: Arc<RealDisk>,
    stored: Arc<Stored>,
    stopped_cleanly_before: bool,
    // Last: what is above must be gone before another process may come.
    _lock: DirectoryLock,
}

impl DataDirectory {
    /// Opens the directory for a broker, makes it where it is missing, and counts the start, durably.
    ///
    /// # Errors
    /// [`DirectoryError`]; nothing but an unlocked lock file is left behind then.
    pub(crate) fn open(
        path: &Path,
        broker: u32,
        clock: &dyn Clock,
    ) -> Result<Self, DirectoryError> {
        let io = |doing| DirectoryError::io(path, doing);
        let disk = Arc::new(RealDisk::new(path));
        disk.create_directory(Path::new(""))
            .map_err(io("create the directory"))?;
        refuse_foreign(path)?;
        let lock = DirectoryLock::take(path, LOCK_FILE)?;
        let read = read_small_file(&*disk, Path::new(IDENTITY_FILE), identity::BYTES_MAX);
        let stored = read.map_err(io("read who it belongs to"))?;
        let stored = stored.map(|bytes| Identity::decode(&bytes)).transpose();
        let stored = stored.map_err(|unsound| match unsound {
            Unsound::Newer { format } => DirectoryError::Newer {
                path: path.to_owned(),
                format,
                known: identity::FORMAT,
            },
            Unsound::Damaged { reason } => DirectoryError::Damaged {
                file: path.join(IDENTITY_FILE),
                reason,
            },
        })?;
        if let Some(stored) = stored.as_ref().filter(|stored| stored.broker != broker) {
            return Err(DirectoryError::OtherBroker {
                path: path.to_owned(),
                stored: stored.broker,
                wanted: broker,
            });
        }
        let stopped_cleanly_before = stored.as_ref().is_none_or(|stored| stored.stopped_cleanly);
        let identity = stored.unwrap_or_else(|| Identity {
            disk: DiskId::from_bytes(*uuid::Uuid::new_v4().as_bytes()),
            broker,
            starts: 0,
            stopped_cleanly: true,
            created: clock.now(),
            bond: Bond::None,
            epoch: Epoch::NONE,
        });
        let stored = Stored::new(disk.clone(), Path::new(IDENTITY_FILE), identity);
        let (nonce, _) = uuid::Uuid::new_v4().as_u64_pair();
        stored.count_start(nonce).map_err(io("count this start"))?;
        Ok(Self {
            path: path.to_owned(),
            disk,
            stored: Arc::new(stored),
            stopped_cleanly_before,
            _lock: lock,
        })
    }

    /// The disk below.
    pub(crate) fn disk(&self) -> Arc<dyn Disk> {
        self.disk.clone()
    }

    /// Drawn at random when the directory was made.
    pub(crate) fn disk_id(&self) -> DiskId {
        self.stored.read().disk
    }

    /// What binds it to a cluster.
    pub(crate) fn bond(&self) -> Bond {
        self.stored.bond()
    }

    /// What is stored of its identity, shared.
    pub(crate) fn stored(&self) -> &Arc<Stored> {
        &self.stored
    }

    /// Notes, durably, which cluster it belongs to, and as what.
    ///
    /// # Errors
    /// [`DirectoryError::OtherCluster`], or [`DirectoryError::Io`].
    pub(crate) fn join(&self, bond: Bond) -> Result<(), DirectoryError> {
        if let (Some(stored), Some(wanted)) = (self.bond().cluster(), bond.cluster())
            && stored != wanted
        {
            return Err(DirectoryError::OtherCluster {
                path: self.path.clone(),
                stored,
                wanted,
            });
        }
        self.stored
            .bind(bond)
            .map_err(DirectoryError::io(&self.path, "note its cluster"))
    }

    /// How often a broker has started on it, this time included.
    pub(crate) fn start_counter(&self) -> u64 {
        self.stored.read().starts
    }

    /// Which start the cluster is to register.
    pub(crate) fn epoch(&self) -> DiskEpoch {
        self.stored.read().epoch.presented
    }

    /// Whether the broker before said that it had stopped.
    pub(crate) fn stopped_cleanly_before(&self) -> bool {
        self.stopped_cleanly_before
    }

    /// Notes, durably, that everything is closed, and lets others in.
    ///
    /// # Errors
    /// [`DirectoryError::Io`]: the next start counts this stop as unclean, which loses nothing.
    pub(crate) fn close(self) -> Result<(), DirectoryError> {
        self.stored
            .stopped_cleanly()
            .map_err(DirectoryError::io(&self.path, "note the clean stop"))
    }
}

/// A directory without an identity is ours only while it is empty. What a filesystem puts into a new mount, and
/// what a start that was killed leaves, count as nothing.
fn refuse_foreign(path: &Path) -> Result<(), DirectoryError> {
    let io = |doing| DirectoryError::io(path, doing);
    let mut strangers = Vec::new();
    for entry in fs::read_dir(path).map_err(io("list it"))? {
        let name = entry.map_err(io("list it"))?.file_name();
        let name = name.to_string_lossy().into_owned();
        match name.as_str() {
            IDENTITY_FILE => return Ok(()),
            "lost+found" | LOCK_FILE | "strandline.tmp" => {}
            _ => strangers.push(name),
        }
    }
    // The smallest name: the same answer each time.
    match strangers.into_iter().min() {
        None => Ok(()),
        Some(found) => Err(DirectoryError::Foreign {
            path: path.to_owned(),
            found,
        }),
    }
}

fn is_no_space(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

#[cfg(test)]
mod tests;
