//! A log's entries, applied to a partition and to a state group: batches one behind the other; and one entry of each
//! kind whose payload is the input.

use model::Timestamp;
use model::batch::control::{self, ControlKind};
use model::{Offset, Term};
use replication::fuzzing;

use crate::replication_decode::Cluster;

const KINDS: [ControlKind; 5] = [
    ControlKind::Blank,
    ControlKind::Membership,
    ControlKind::LogStart,
    ControlKind::Answer,
    ControlKind::Command,
];

/// One input.
pub fn run(data: &[u8]) {
    fuzzing::entries(data, Cluster::default());
    let mut log = Vec::new();
    for kind in KINDS {
        let mut entry = control::encode(kind, data, Timestamp::default());
        entry.stamp(Offset::ZERO, Term::new(1).expect("a term"));
        log.extend_from_slice(&entry.to_bytes());
    }
    let sound = fuzzing::entries(&log, Cluster::default());
    assert!(sound >= 2, "blanks and commands are always sound");
}
