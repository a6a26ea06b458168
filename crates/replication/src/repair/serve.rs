//! What a running group tells a replica that repairs itself.

use std::sync::Arc;

use bytes::Bytes;
use model::LogIndex;
use openraft::raft::ReadPolicy;
use segment_log::Log;

use super::wire::{Ask, Entries, Snapshot, Standing};
use crate::group::Group;
use crate::peer::{PeerReply, PeerRequest, ReplySlot};
use crate::process;
use crate::raft::machine::Machine;

/// The most entries that are sent at once, in bytes, unless a single one is larger.
pub(super) const ENTRIES_BYTES_MAX: usize = 1 << 20;

/// Answers one question.
pub(crate) async fn answer<M: Machine>(
    group: Arc<Group<M>>,
    request: PeerRequest,
    reply: ReplySlot,
) {
    match Ask::decode(&request.head) {
        None => reply.refuse("the question makes no sense"),
        Some(Ask::Entries { first, end }) => {
            match entries(group.shared.log.clone(), first, end).await {
                Ok(entries) => reply.answer(entries),
                Err(reason) => reply.refuse(reason),
            }
        }
        Some(Ask::Holdings) => match holdings(group.shared.log.clone()).await {
            Ok(holdings) => reply.answer(holdings),
            Err(reason) => reply.refuse(reason),
        },
        Some(Ask::Standing) => match standing(&group).await {
            Ok(standing) => reply.answer(standing),
            Err(reason) => reply.refuse(reason),
        },
        Some(Ask::Snapshot) => match stored(&group) {
            Some(bytes) => reply.answer(Snapshot(bytes).encode()),
            None => reply.refuse("no snapshot is here"),
        },
    }
}

/// The snapshot beside a log.
pub(crate) async fn snapshot(log: Log) -> Result<PeerReply, String> {
    let read = process::blocking(move || log.read_snapshot());
    let read = read.await.map_err(|error| error.to_string())?;
    let bytes = read.map_err(|error| error.to_string())?;
    let bytes = bytes.ok_or("no snapshot is here")?;
    Ok(Snapshot(bytes).encode())
}

fn stored<M: Machine>(group: &Group<M>) -> Option<Bytes> {
    let snapshot = group.shared.snapshot.lock();
    snapshot.as_ref().map(|stored| stored.bytes.clone())
}

/// Entries of a log from the first one on.
pub(crate) async fn entries(log: Log, first: LogIndex, end: LogIndex) -> Result<PeerReply, String> {
    let read = process::blocking(move || {
        // What a failed sync was to make durable may be gone tomorrow.
        let end = match log.failed() {
            Some(_) => end.min(log.ends().durable_index),
            None => end,
        };
        log.read_entries(first..end, ENTRIES_BYTES_MAX)
    });
    let read = read.await.map_err(|error| error.to_string())?;
    let read = read.map_err(|error| error.to_string())?;
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
    let holdings = process::blocking(move || Standing::of(&log)).await;
    let holdings = holdings.map_err(|error| error.to_string())?;
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
