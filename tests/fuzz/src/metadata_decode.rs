//! The cluster's commands, answers and snapshots. What decodes encodes to the same bytes again.

use metadata::format::{decode_answer, encode_answer};
use metadata::{ClusterState, Command};

/// One input.
pub fn run(data: &[u8]) {
    if let Ok(command) = Command::decode(data) {
        let again = command.encode().expect("what was read can be written");
        assert_eq!(Command::decode(&again), Ok(command));
    }
    if let Ok(answer) = decode_answer(data) {
        let again = encode_answer(&answer);
        assert_eq!(decode_answer(&again), Ok(answer));
    }
    if let Ok(state) = ClusterState::decode_snapshot(data) {
        let again = state.encode_snapshot();
        let again = ClusterState::decode_snapshot(&again).expect("what was written can be read");
        assert_eq!(again.encode_snapshot(), state.encode_snapshot());
    }
}
