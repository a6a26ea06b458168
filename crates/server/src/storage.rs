//! What lies below the broker: the cores' threads, the logs, the groups. Opened and closed in that order.

use std::num::NonZeroUsize;
use std::sync::Arc;

use model::{Clock, ReplicaId};
use replication::peer::NoPeers;
use replication::{Cores, Replication, ReplicationSettings};
use segment_log::disk::Disk;
use segment_log::{LogDirectory, LogDirectorySettings};

use crate::RunError;
use crate::settings::Settings;

/// Cores, logs and groups of one data directory.
pub(crate) struct Storage {
    cores: Arc<Cores>,
    logs: Arc<LogDirectory>,
    replication: Arc<Replication>,
}

impl Storage {
    /// Starts the threads, opens the journals. Blocks for as long as it takes to read them.
    ///
    /// # Errors
    /// [`RunError::Process`], [`RunError::Logs`] or [`RunError::Replication`].
    pub(crate) fn open(
        settings: &Settings,
        replica: ReplicaId,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RunError> {
        let cores = Arc::new(Cores::start(count(settings.cores))?);
        let logs = LogDirectory::open(
            disk,
            clock.clone(),
            LogDirectorySettings {
                sync_threads: count(settings.sync_threads).get(),
                open_segments_max: count(settings.open_segments_max),
            },
        )?;
        let replication = Replication::open(
            logs.clone(),
            clock,
            cores.clone(),
            ReplicationSettings {
                uncommitted_bytes_max: settings.uncommitted_bytes_max,
                heartbeat_interval: settings.heartbeat_interval,
                election_timeout: settings.election_timeout,
                ..ReplicationSettings::new(replica)
            },
            Arc::new(NoPeers),
        )?;
        Ok(Self {
            cores,
            logs,
            replication,
        })
    }

    pub(crate) fn cores(&self) -> &Cores {
        &self.cores
    }

    pub(crate) fn replication(&self) -> &Arc<Replication> {
        &self.replication
    }

    /// Stops the groups, syncs and closes the logs, ends the threads.
    ///
    /// # Errors
    /// [`RunError::NotSynced`]: what was not acknowledged may be lost, everything else is on disk.
    pub(crate) async fn close(self) -> Result<(), RunError> {
        self.replication.shutdown().await;
        let Self { cores, logs, .. } = self;
        let close = tokio::task::spawn_blocking(move || {
            let closed = logs.close();
            cores.shutdown();
            closed
        });
        match close.await {
            Ok(closed) => Ok(closed?),
            Err(error) => Err(RunError::Ended {
                reason: error.to_string(),
            }),
        }
    }
}

/// The settings' bounds allow no 0.
fn count(setting: u64) -> NonZeroUsize {
    let count = usize::try_from(setting).unwrap_or(usize::MAX);
    NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN)
}
