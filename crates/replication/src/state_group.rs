//! A group whose log holds commands of a state machine in memory.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use tokio::sync::watch;

use crate::error::ProposeError;
use crate::status::GroupStatus;

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
pub struct StateGroup<M> {
    applied: watch::Receiver<u64>,
    status: GroupStatus,
    machine: Arc<RwLock<M>>,
}

impl<M: StateMachine> StateGroup<M> {
    /// Proposes a command and waits for its answer.
    ///
    /// # Errors
    /// [`ProposeError`].
    pub async fn propose(&self, _command: Bytes) -> Result<Bytes, ProposeError> {
        Err(ProposeError::NotLeader { leader: None })
    }

    /// Looks at the state as it is applied here. Keep it short: applying waits meanwhile.
    pub fn read<R>(&self, look: impl FnOnce(&M) -> R) -> R {
        look(&self.machine.read())
    }

    /// Counts applied commands since the start; changes with each round of them.
    pub fn applied(&self) -> watch::Receiver<u64> {
        self.applied.clone()
    }

    /// Waits until this replica serves the group, or the group has stopped; returns the status then.
    pub async fn serving(&self) -> GroupStatus {
        self.status()
    }

    /// The group now; its offsets are all zero.
    pub fn status(&self) -> GroupStatus {
        self.status.clone()
    }
}

impl<M> Clone for StateGroup<M> {
    fn clone(&self) -> Self {
        Self {
            applied: self.applied.clone(),
            status: self.status.clone(),
            machine: self.machine.clone(),
        }
    }
}
