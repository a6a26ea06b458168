//! What Raft's groups store and send: votes, members, producers, answers, log starts, positions, snapshots, messages.
//! What decodes encodes to something that decodes the same.

use bytes::Bytes;
use metadata::ClusterState;
use replication::{StateMachine, fuzzing};

/// The cluster's state, as far as a snapshot is concerned.
#[derive(Default)]
pub(crate) struct Cluster(ClusterState);

impl StateMachine for Cluster {
    fn apply(&mut self, command: &[u8]) -> Bytes {
        Bytes::copy_from_slice(command)
    }

    fn snapshot(&self) -> Bytes {
        self.0.encode_snapshot()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), String> {
        let state = ClusterState::decode_snapshot(snapshot);
        self.0 = state.map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// One input.
pub fn run(data: &[u8]) {
    fuzzing::decoders(data);
    if let Some((head, rest)) = data.split_first() {
        fuzzing::append(rest, 4 * usize::from(*head));
    }
    fuzzing::partition_snapshot(data);
    fuzzing::state_snapshot(data, Cluster::default);
}
