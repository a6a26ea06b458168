//! Makes sure, before an answer goes out, that it is a leader's: one that was paused or cut off learns late that another
//! leads, and would show an end that others have seen passed.
//!
//! Records and ends are answered by a lease: without another word where a quorum has answered within two thirds of an
//! election timeout. A voter that has answered elects nobody else for as long, unless it was started anew in between (it
//! forgets what it has answered) or its leader has handed over. So for that long a fetch may be answered as things stood a
//! moment ago: too few records, all of them committed, and an older high watermark; the next one brings the rest. That an
//! offset lies above the log end is no such answer (a client begins somewhere else upon it), and what ListOffsets finds is
//! none either: a quorum is asked.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::FetchedPartition;
use super::read::{ReadOnce, Wanted};
use crate::FetchError;

/// How long a quorum is waited for. Where none answers, somebody else may lead by then.
const QUORUM_WAIT_MAX: Duration = Duration::from_millis(500);

/// Asks a quorum for each partition whose leader has not heard from one a moment ago, or that is said to end below what is
/// wanted; what is not confirmed becomes an error.
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
    let Ok((partition, wanted)) = wanted else {
        return;
    };
    let group = &partition.group;
    let is_fit = match answer {
        Ok(_) => group.is_confirmed(),
        Err(FetchError::AboveLogEnd { .. }) => false,
        Err(_) => true,
    };
    if is_fit || group.stopped().is_some() {
        return;
    }
    let error = match timeout(QUORUM_WAIT_MAX, group.latest()).await {
        // Others have read that far: this replica has learned it since it was asked.
        Ok(Ok(latest)) if answer.is_err() && wanted.offset <= latest => partition.not_leader(None),
        Ok(Ok(_)) => return,
        Ok(Err(error)) => partition.unconfirmed(error),
        Err(_) => partition.no_quorum(),
    };
    *answer = Err(error.into());
}
