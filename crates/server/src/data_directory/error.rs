//! Why a data directory cannot be used, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use model::ClusterId;
use thiserror::Error;

/// Why a data directory cannot be used.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// Another process uses it.
    #[error("the data directory {} is in use by {}; stop it, or choose another directory with --data", path.display(), holder.map_or_else(|| "another process".to_owned(), |pid| format!("the broker with process id {pid}")))]
    Locked {
        /// The directory.
        path: PathBuf,
        /// The process id that the other one left, where it could be read.
        holder: Option<u32>,
    },
    /// It holds files, but not ours.
    #[error("the data directory {} is not empty and not a broker's (it holds {found:?}); choose an empty or missing directory with --data", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// One of the names in it.
        found: String,
    },
    /// A newer version wrote it.
    #[error("the data directory {} has format {format}, this version knows {known}; run the newer version, or choose another directory with --data", path.display())]
    Newer {
        /// The directory.
        path: PathBuf,
        /// Its format.
        format: u64,
        /// The newest format that this version knows.
        known: u64,
    },
    /// It belongs to another broker.
    #[error("the data directory {} belongs to broker {stored}, not {wanted}; start with --id {stored}, or choose another directory with --data", path.display())]
    OtherBroker {
        /// The directory.
        path: PathBuf,
        /// The broker it belongs to.
        stored: u32,
        /// The broker that was to start.
        wanted: u32,
    },
    /// It belongs to another cluster.
    #[error("the data directory {} belongs to cluster {stored}, but the brokers of cluster_peers form cluster {wanted}; check --cluster-peers, or choose an empty directory with --data to join that one", path.display())]
    OtherCluster {
        /// The directory.
        path: PathBuf,
        /// The cluster it belongs to.
        stored: ClusterId,
        /// The cluster it was to join.
        wanted: ClusterId,
    },
    /// Its identity is not what was written.
    #[error("{} is damaged: {reason}; restore it from a copy, or choose another directory with --data", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The operating system refused.
    #[error("the data directory {}: cannot {doing}: {source}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What was to be done.
        doing: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
}

impl DirectoryError {
    /// Whether the disk is full.
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::Io { source, .. } if super::is_no_space(source))
    }

    pub(super) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io {
            path,
            doing,
            source,
        }
    }
}
