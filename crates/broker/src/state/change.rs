//! Changes the cluster's state: a command is proposed, its answer comes back.

use metadata::format::decode_answer;
use metadata::{Answer, ClusterState, Command};
use model::{BrokerId, ReplicaId};
use replication::ProposeError;

use crate::{Broker, ChangeError};

impl Broker {
    /// Proposes a command and waits until it is applied here.
    pub(crate) async fn change(&self, command: Command) -> Result<Answer, ChangeError> {
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
