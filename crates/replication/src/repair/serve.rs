//! What a running group tells a replica that repairs itself.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use model::LogIndex;
use openraft::raft::ReadPolicy;
use segment_log::Log;

use super::wire::{Ask, Entries, Snapshot, Standing};
use crate::group::Group;
use crate::peer::{PeerReply, PeerRequest, ReplySlot};
use crate::raft::machine::Machine;
use crate::raft::shared::blocking;

/// The most entries that are sent at once, in bytes, unless a single one is larger.
pub(super) const ENTRIES_BYTES_MAX: usize = 1 << 20;

/// Answers one question.
pub(crate) async fn answer<M: Machine>(
    group: Arc<Group<M>>,
    request: PeerRequest,
    reply: ReplySlot,
) {
    let log = group.shared.log.clone();
    reply.settle(match Ask::decode(&request.head) {
        Some(Ask::Entries { first, end }) => entries(log, first, end).await,
        Some(Ask::Holdings) => holdings(log).await,
        Some(Ask::Standing) => standing(&group).await,
        Some(Ask::Snapshot) => match stored(&group) {
            Some(bytes) => Ok(Snapshot(bytes).encode()),
            None => Err("no snapshot is here".to_owned()),
        },
        None => Err("the question makes no sense".to_owned()),
    });
}

/// The snapshot beside a log.
pub(crate) async fn snapshot(log: Log) -> Result<PeerReply, String> {
    let read = blocking(move || log.read_snapshot().map_err(io::Error::other));
    let bytes = read.await.map_err(|error| error.to_string())?;
    let bytes = bytes.ok_or("no snapshot is here")?;
    Ok(Snapshot(bytes).encode())
}

fn stored<M: Machine>(group: &Group<M>) -> Option<Bytes> {
    let snapshot = group.shared.snapshot.lock();
    snapshot.as_ref().map(|stored| stored.bytes.clone())
}

/// Entries of a log from the first one on.
pub(crate) async fn entries(log: Log, first: LogIndex, end: LogIndex) -> Result<PeerReply, String> {
    let read = blocking(move || {
        // What a failed sync was to make durable may be gone tomorrow.
        let end = match log.failed() {
            Some(_) => end.min(log.ends().durable_index),
            None => end,
        };
        let read = log.read_entries(first..end, ENTRIES_BYTES_MAX);
        read.map_err(io::Error::other)
    });
    let read = read.await.map_err(|error| error.to_string())?;
    let found = read.first().filter(|(index, _)| *index == first);
    if found.is_none() {
        return Err(format!("entry {first} is not here"));
    }
    let entries = Entries {
        first,
        batches: read.into_iter().map(|(_, batch)| batch).collect(),
    };
    Ok(entries.encode())
}

/// What a log holds.
pub(crate) async fn holdings(log: Log) -> Result<PeerReply, String> {
    let holdings = blocking(move || Standing::of(&log).map_err(io::Error::other)).await;
    Ok(holdings.map_err(|error| error.to_string())?.encode())
}

async fn standing<M: Machine>(group: &Group<M>) -> Result<PeerReply, String> {
    let term = group.serving_term().map_err(|error| error.to_string())?;
    let raft = group.instances.current();
    let confirmed = raft.get_read_linearizer(ReadPolicy::ReadIndex).await;
    let confirmed = confirmed.map_err(|error| error.to_string())?;
    let ready = confirmed.await_ready(&raft).await;
    ready.map_err(|error| error.to_string())?;
    let shared = &group.shared;
    let standing = Standing {
        // First: what is applied is there in what is read after it.
        applied: shared.applied.read().position.next(),
        terms: shared.log.terms(),
        first: shared.log.ends().first_index,
        end: shared.log.ends().end_index,
        snapshot: stored(group),
    };
    // Under another leader the log may have changed while it was looked at.
    let last = standing.terms.last().map(|(last, ..)| last.get());
    if group.serving_term().ok() != Some(term) || last != Some(term) {
        return Err("leadership has moved meanwhile".to_owned());
    }
    Ok(standing.encode())
}
