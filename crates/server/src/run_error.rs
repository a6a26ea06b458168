//! Why a broker did not run to a clean end, and the exit code that says so.

use std::sync::Arc;

use broker::{ChangeError, StartError};
use replication::OpenReplicationError;
use replication::peer::FormError;
use segment_log::{OpenError, SyncFailed};
use thiserror::Error;

use crate::data_directory::DirectoryError;
use crate::listen::BindError;
use crate::membership::MembershipError;
use crate::settings::SettingsError;

/// Why a broker did not start, or did not stop cleanly.
#[derive(Debug, Error)]
pub enum RunError {
    /// A setting is refused.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The data directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The broker cannot be what its settings say.
    #[error(transparent)]
    Membership(#[from] MembershipError),
    /// Its membership in the cluster cannot be kept.
    #[error(transparent)]
    Form(#[from] FormError),
    /// The cluster has refused the broker for good.
    #[error("the cluster does not take this broker: {0}")]
    CastOut(Arc<StartError>),
    /// A listener cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The logs of the data directory cannot be opened.
    #[error(transparent)]
    Logs(#[from] OpenError),
    /// The groups of the data directory cannot be opened.
    #[error(transparent)]
    Replication(#[from] OpenReplicationError),
    /// The broker does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A log could not be synced when it was closed.
    #[error("a log was not closed cleanly: {0}")]
    NotSynced(#[from] SyncFailed),
    /// Metrics cannot be gathered.
    #[error("metrics cannot be gathered: {0}")]
    Metrics(String),
    /// The descriptors that reflection serves are broken.
    #[error("the API's descriptors are broken: {0}")]
    Descriptors(tonic_reflection::server::Error),
    /// What serves clients has ended while it should run.
    #[error("the gRPC server has ended: {reason}; this is a bug, the log above says more")]
    Ended {
        /// What is known of it.
        reason: String,
    },
    /// The operating system refused a thread, a signal handler or an event queue.
    #[error("the process cannot be set up: {0}")]
    Process(#[from] std::io::Error),
}

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const NO_SPACE: u8 = 6;
const DIRECTORY_UNUSABLE: u8 = 7;

impl RunError {
    /// The exit code of the process: 1 failed, 2 usage, 6 no space or over a limit, 7 data directory unusable.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_) | Self::Membership(_) => USAGE,
            Self::Directory(error) if error.is_no_space() => NO_SPACE,
            Self::Directory(_) | Self::Logs(_) => DIRECTORY_UNUSABLE,
            Self::Replication(OpenReplicationError::Settings(_)) => FAILED,
            Self::Replication(_) => DIRECTORY_UNUSABLE,
            Self::Start(error) => start_exit_code(error),
            Self::CastOut(error) => start_exit_code(error),
            Self::Form(_) => DIRECTORY_UNUSABLE,
            Self::Bind(_)
            | Self::NotSynced(_)
            | Self::Metrics(_)
            | Self::Descriptors(_)
            | Self::Ended { .. }
            | Self::Process(_) => FAILED,
        }
    }
}

fn start_exit_code(error: &StartError) -> u8 {
    match error {
        StartError::Metadata { .. }
        | StartError::MetadataLost { .. }
        | StartError::OtherReplica { .. }
        | StartError::Directory { .. } => DIRECTORY_UNUSABLE,
        StartError::OtherCluster { .. } => USAGE,
        StartError::Form(error) | StartError::Register(error) => match error {
            ChangeError::NoSpace { .. } => NO_SPACE,
            _ => FAILED,
        },
    }
}
