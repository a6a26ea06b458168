//! The cluster's state as the metadata group replicates it.

use bytes::Bytes;
use metadata::format::{DecodeError, encode_answer};
use metadata::{ClusterState, Command};
use replication::StateMachine;

/// Applies commands to the state. One that it cannot read is the last: a replica that skipped it would differ from
/// those that could.
#[derive(Debug, Default)]
pub(crate) struct ClusterMachine {
    state: ClusterState,
    unreadable: Option<DecodeError>,
}

impl ClusterMachine {
    /// The state as it is applied here.
    pub(crate) fn state(&self) -> &ClusterState {
        &self.state
    }

    /// Why nothing is applied any more, if that is so.
    pub(crate) fn stuck(&self) -> Option<&DecodeError> {
        self.unreadable.as_ref()
    }
}

impl StateMachine for ClusterMachine {
    /// The answer is empty where the command was not applied.
    fn apply(&mut self, command: &[u8]) -> Bytes {
        if self.unreadable.is_some() {
            return Bytes::new();
        }
        match Command::decode(command) {
            Ok(command) => {
                let outcome = self.state.apply(&command);
                encode_answer(&outcome.map(|outcome| outcome.answer))
            }
            Err(error) => {
                tracing::error!(%error, "a command of the cluster cannot be read; the metadata stands still");
                self.unreadable = Some(error);
                Bytes::new()
            }
        }
    }

    fn snapshot(&self) -> Bytes {
        self.state.encode_snapshot()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), String> {
        self.state = ClusterState::decode_snapshot(snapshot).map_err(|error| error.to_string())?;
        self.unreadable = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use metadata::command::FormCluster;
    use metadata::{Answer, Limits};
    use model::ClusterId;

    use super::*;

    fn form() -> Bytes {
        let command = Command::FormCluster(FormCluster {
            cluster: ClusterId::from_bytes([7; 16]),
            initial_brokers: 1,
            limits: Limits::default(),
        });
        command.encode().unwrap()
    }

    #[test]
    fn a_restored_machine_has_the_state_of_the_one_that_was_saved() {
        let mut machine = ClusterMachine::default();
        let answer = metadata::format::decode_answer(&machine.apply(&form())).unwrap();
        let cluster = ClusterId::from_bytes([7; 16]);
        assert_eq!(answer, Ok(Answer::ClusterFormed { cluster }));
        let mut other = ClusterMachine::default();
        other.restore(&machine.snapshot()).unwrap();
        assert_eq!(other.state(), machine.state());
        assert!(other.restore(b"not a snapshot").is_err());
        assert_eq!(other.state(), machine.state());
    }

    #[test]
    fn nothing_is_applied_behind_a_command_that_cannot_be_read() {
        let mut machine = ClusterMachine::default();
        assert!(machine.apply(b"SMC\x63").is_empty());
        assert!(machine.apply(&form()).is_empty());
        assert_eq!(machine.state(), &ClusterState::new());
        assert!(machine.stuck().is_some());
    }
}
