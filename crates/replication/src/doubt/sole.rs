//! Whether a replica is the only voter of its group, by its own log.

use std::io;

use model::{LogIndex, ReplicaId};
use openraft::entry::RaftPayload;
use segment_log::Log;

use crate::raft::checkpoint::Position;
use crate::raft::entry::from_header;
use crate::raft::shared::HEADERS_AT_ONCE;
use crate::raft::types::Membership;

/// Whether the newest members in the log, which is applied up to `applied`, are this voter alone. Blocks.
///
/// # Errors
/// The log cannot be read.
pub(crate) fn is_sole_voter(log: &Log, applied: &Position, replica: ReplicaId) -> io::Result<bool> {
    let members = newest_members(log, applied)?;
    let configs = members.get_joint_config();
    let is_alone = |voters: &std::collections::BTreeSet<u64>| voters.iter().eq([&replica.get()]);
    Ok(!configs.is_empty() && configs.iter().all(is_alone))
}

fn newest_members(log: &Log, applied: &Position) -> io::Result<Membership> {
    let mut members = applied.membership.membership().clone();
    let ends = log.ends();
    let mut next: LogIndex = applied.next().max(ends.first_index);
    while next < ends.end_index {
        let headers = log
            .read_headers(next..ends.end_index, HEADERS_AT_ONCE)
            .map_err(io::Error::other)?;
        let Some(last) = headers.last() else {
            let reason = format!("entry {next} cannot be read");
            return Err(io::Error::other(reason));
        };
        next = last.index.next();
        for header in headers {
            if let Some(newer) = from_header(header)?.payload.get_membership() {
                members = newer;
            }
        }
    }
    Ok(members)
}
