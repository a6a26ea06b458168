//! A group whose log holds commands of a state machine in memory.

pub(crate) mod forward;

use std::sync::Arc;

use bytes::Bytes;
use model::ReplicaId;
use segment_log::LogSettings;
use tokio::sync::watch;

use crate::error::{ProposeError, ReconfigureError, TransferError};
use crate::group::Group;
use crate::members::{Follower, Members, Reconfigured};
use crate::raft::machine::Commands;
use crate::status::GroupStatus;

/// The state is stored, and the log before it deleted, each time this many bytes of commands were written.
const SEGMENT_BYTES: u64 = 1 << 20;

/// A pure state machine: the same commands give the same state and answers everywhere.
pub trait StateMachine: Send + Sync + 'static {
    /// Does a command and returns its answer; a refusal is an answer too. Must not panic, whatever the bytes.
    fn apply(&mut self, command: &[u8]) -> Bytes;

    /// The whole state.
    fn snapshot(&self) -> Bytes;

    /// Replaces the whole state.
    ///
    /// # Errors
    /// A text, where the bytes make no sense. The state is then as it was.
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), String>;
}

/// A handle to a state group. Clones share it.
pub struct StateGroup<M: StateMachine> {
    group: Arc<Group<Commands<M>>>,
}

impl<M: StateMachine> StateGroup<M> {
    pub(crate) fn new(group: Arc<Group<Commands<M>>>) -> Self {
        Self { group }
    }

    /// Proposes a command and waits for its answer. Where another replica leads, the command is sent there, once.
    ///
    /// # Errors
    /// [`ProposeError`]; it was not written where it says [`ProposeError::NotLeader`].
    pub async fn propose(&self, command: Bytes) -> Result<Bytes, ProposeError> {
        self.group.propose_anywhere(command).await
    }

    /// Looks at the state as it is applied here. Keep it short: applying waits meanwhile.
    pub fn read<R>(&self, look: impl FnOnce(&M) -> R) -> R {
        look(&self.group.shared.applied.read().machine.0)
    }

    /// Counts applied commands since the start; changes with each round of them.
    pub fn applied(&self) -> watch::Receiver<u64> {
        self.group.shared.commands.subscribe()
    }

    /// Waits until this replica serves the group, or the group has stopped; returns the status then.
    pub async fn serving(&self) -> GroupStatus {
        self.group.serving().await
    }

    /// The group's members, as far as this replica knows; in the midst of a change, those before and after it.
    pub fn members(&self) -> Members {
        self.group.members()
    }

    /// What the leader knows of the other members; empty where this replica does not lead.
    pub fn followers(&self) -> Vec<Follower> {
        self.group.followers()
    }

    /// Does one step towards the wanted members; to be called again until it says [`Reconfigured::Done`]. One step of a
    /// group is done at a time, and each is committed: whoever leads next can go on.
    ///
    /// # Errors
    /// [`ReconfigureError`].
    pub async fn reconfigure(&self, wanted: &Members) -> Result<Reconfigured, ReconfigureError> {
        self.group.reconfigure(wanted).await
    }

    /// Lets another voter lead; when this returns `Ok`, this replica does not. Meanwhile proposals are refused.
    ///
    /// # Errors
    /// [`TransferError`]; given up after an election timeout.
    pub async fn transfer_leadership(&self, to: ReplicaId) -> Result<(), TransferError> {
        self.group.transfer_leadership(to).await
    }

    /// The group now; its offsets are all zero.
    pub fn status(&self) -> GroupStatus {
        self.group.status()
    }
}

impl<M: StateMachine> Clone for StateGroup<M> {
    fn clone(&self) -> Self {
        Self {
            group: self.group.clone(),
        }
    }
}

/// A state group's log is small, always synced, and nobody reads its batches.
pub(crate) fn log_settings() -> LogSettings {
    LogSettings {
        segment_bytes: SEGMENT_BYTES,
        tail_cache_bytes: 64 << 10,
        ..LogSettings::default()
    }
}
