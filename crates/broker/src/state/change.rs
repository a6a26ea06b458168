//! Changes the cluster's state: a command is proposed, its answer comes back.

use std::time::Duration;

use bytes::Bytes;
use metadata::format::decode_answer;
use metadata::{Answer, ClusterState, Command};
use model::{BrokerId, ReplicaId};
use replication::ProposeError;
use tokio::time::{Instant, timeout};

use crate::{Broker, ChangeError};

/// How long a change waits for somebody to lead the metadata.
const LEADER_WAIT_MAX: Duration = Duration::from_secs(5);

/// How soon it looks again.
const LEADER_RETRY: Duration = Duration::from_millis(50);

/// How long a change made elsewhere is waited for to show here.
const APPLIED_WAIT_MAX: Duration = Duration::from_secs(5);

impl Broker {
    /// Proposes a command, wherever the metadata is led, and waits until it is applied here.
    pub(crate) async fn change(&self, command: Command) -> Result<Answer, ChangeError> {
        let deadline = Instant::now() + LEADER_WAIT_MAX;
        let answer = loop {
            match self.change_once(&command).await {
                // Nothing was proposed: between two leaders there is none for a moment.
                Err(ChangeError::NotLeader { .. } | ChangeError::NoQuorum)
                    if Instant::now() < deadline =>
                {
                    tokio::time::sleep(LEADER_RETRY).await;
                }
                other => break other?,
            }
        };
        self.applied_here(&command).await;
        Ok(answer)
    }

    /// Proposes a command that another broker has encoded, and returns the encoded answer: for a broker that has no
    /// replica id yet ([`crate::registration`]).
    ///
    /// # Errors
    /// [`ChangeError`], where there is no answer.
    pub async fn propose_for_another(&self, command: Bytes) -> Result<Bytes, ChangeError> {
        if self.is_stopping() {
            return Err(ChangeError::ShuttingDown);
        }
        // Nobody could apply it: the metadata would stand still.
        Command::decode(&command).map_err(|error| ChangeError::TooLarge {
            reason: error.to_string(),
        })?;
        let proposed = self.metadata.propose(command).await;
        proposed.map_err(|error| self.change_error(error))
    }

    /// As [`Broker::change`], but tries once, and does not wait for it to show here.
    pub(crate) async fn change_once(&self, command: &Command) -> Result<Answer, ChangeError> {
        if self.is_stopping() {
            return Err(ChangeError::ShuttingDown);
        }
        let bytes = command.encode().map_err(|error| ChangeError::TooLarge {
            reason: error.to_string(),
        })?;
        let proposed = self.metadata.propose(bytes).await;
        let answer = proposed.map_err(|error| self.change_error(error))?;
        if let Some(reason) = self.metadata.read(|machine| machine.stuck().cloned()) {
            let reason = reason.to_string();
            return Err(ChangeError::Stopped { reason });
        }
        let answer = decode_answer(&answer).map_err(|error| ChangeError::Stopped {
            reason: error.to_string(),
        })?;
        Ok(answer?)
    }

    /// Waits (bounded) until a command that was applied elsewhere shows here: until it would change nothing.
    async fn applied_here(&self, command: &Command) {
        if self.metadata.status().serves {
            return;
        }
        let mut applied = self.metadata.applied();
        let shows = || {
            let mut trial = self.state(Clone::clone);
            let again = trial.apply(command);
            again.map_or(true, |outcome| outcome.effects.is_empty())
        };
        let wait = async {
            loop {
                applied.mark_unchanged();
                if shows() || applied.changed().await.is_err() {
                    return;
                }
            }
        };
        if timeout(APPLIED_WAIT_MAX, wait).await.is_err() {
            tracing::warn!("a change that was made does not show here yet");
        }
    }

    /// Looks at the cluster's state as it is applied here.
    pub(crate) fn state<R>(&self, look: impl FnOnce(&ClusterState) -> R) -> R {
        self.metadata.read(|machine| look(machine.state()))
    }

    /// The broker that bears a replica id.
    pub(crate) fn broker_of(&self, replica: ReplicaId) -> Option<BrokerId> {
        self.state(|state| state.broker_of_replica(replica).map(|broker| broker.id))
    }

    fn change_error(&self, error: ProposeError) -> ChangeError {
        match error {
            ProposeError::NotLeader { leader } => ChangeError::NotLeader {
                leader: leader.and_then(|replica| self.broker_of(replica)),
            },
            ProposeError::NoQuorum => ChangeError::NoQuorum,
            ProposeError::NoSpace(full) => ChangeError::NoSpace {
                needed: full.needed,
                free: full.free,
            },
            ProposeError::TooManyUncommitted { bytes, limit } => {
                ChangeError::TooManyWaiting { bytes, limit }
            }
            ProposeError::Stopped { reason } => ChangeError::Stopped {
                reason: reason.to_string(),
            },
            ProposeError::Unknown => ChangeError::OutcomeUnknown,
        }
    }
}
