//! Makes sure, before an answer goes out, that its high watermarks are those of a leader: one that was paused or cut off
//! learns late that another leads, and would show an end that others have seen passed.

use std::time::Duration;

use futures_util::future::join_all;
use replication::ReadIndexError;
use tokio::time::timeout;

use super::FetchedPartition;
use super::read::{ReadOnce, Wanted};
use crate::FetchError;

/// How long a quorum is waited for. Where none answers, somebody else may lead by then.
const QUORUM_WAIT_MAX: Duration = Duration::from_millis(500);

/// Asks a quorum for each partition whose leader has not heard from one a moment ago; what is not confirmed becomes
/// an error.
pub(super) async fn confirm(wanted: &[Wanted], read: &mut ReadOnce) {
    let answers = wanted.iter().zip(&mut read.partitions);
    join_all(answers.map(|(wanted, answer)| confirm_one(wanted, answer))).await;
    read.bytes = read
        .partitions
        .iter()
        .flatten()
        .map(|read| read.bytes)
        .sum();
}

async fn confirm_one(wanted: &Wanted, answer: &mut Result<FetchedPartition, FetchError>) {
    let (Ok((partition, _)), Ok(_)) = (wanted, &*answer) else {
        return;
    };
    if partition.group.is_confirmed() || partition.group.stopped().is_some() {
        return;
    }
    let error = match timeout(QUORUM_WAIT_MAX, partition.group.latest()).await {
        Ok(Ok(_)) => return,
        Ok(Err(ReadIndexError::NotLeader { leader })) => partition.not_leader(leader),
        Ok(Err(ReadIndexError::Stopped { reason })) => partition.stopped(&reason),
        Ok(Err(ReadIndexError::NoQuorum { .. })) | Err(_) => partition.no_quorum(),
    };
    *answer = Err(error.into());
}
