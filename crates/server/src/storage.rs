//! What lies below the broker: the cores' threads, the way to other brokers, the logs, the groups.

use std::num::NonZeroUsize;
use std::sync::Arc;

use model::{Clock, ReplicaId};
use replication::peer::{NoPeers, PeerNetwork, Peers};
use replication::{Cores, Replication, ReplicationSettings};
use segment_log::disk::Disk;
use segment_log::{LogDirectory, LogDirectorySettings};

use crate::RunError;
use crate::settings::Settings;

/// Cores, logs and groups of one data directory.
pub(crate) struct Storage {
    cores: Arc<Cores>,
    network: Option<Arc<PeerNetwork>>,
    logs: Arc<LogDirectory>,
    replication: Arc<Replication>,
}

impl Storage {
    /// Opens the journals. Blocks for as long as it takes to read them. The threads that it is given end with it.
    ///
    /// # Errors
    /// [`RunError::Logs`] or [`RunError::Replication`].
    pub(crate) fn open(
        settings: &Settings,
        replica: ReplicaId,
        cores: Arc<Cores>,
        network: Option<Arc<PeerNetwork>>,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RunError> {
        let peers: Arc<dyn Peers> = match &network {
            Some(network) => network.clone(),
            None => Arc::new(NoPeers),
        };
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
            peers,
        )?;
        Ok(Self {
            cores,
            network,
            logs,
            replication,
        })
    }

    pub(crate) fn cores(&self) -> &Cores {
        &self.cores
    }

    /// The way to other brokers, where there are such.
    pub(crate) fn network(&self) -> Option<&Arc<PeerNetwork>> {
        self.network.as_ref()
    }

    pub(crate) fn replication(&self) -> &Arc<Replication> {
        &self.replication
    }

    /// Stops the groups, takes leave of the other brokers, syncs and closes the logs, ends the threads.
    ///
    /// # Errors
    /// [`RunError::NotSynced`]: what was not acknowledged may be lost, everything else is on disk.
    pub(crate) async fn close(self) -> Result<(), RunError> {
        self.replication.shutdown().await;
        if let Some(network) = &self.network {
            network.shutdown().await;
        }
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
pub(crate) fn count(setting: u64) -> NonZeroUsize {
    let count = usize::try_from(setting).unwrap_or(usize::MAX);
    NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN)
}
