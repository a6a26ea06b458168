//! openraft's entries from what the log holds.

use std::io;

use bytes::BytesMut;
use model::LogIndex;
use model::batch::control::{self, ControlKind};
use model::batch::{Batch, BatchHeader};
use openraft::entry::RaftPayload;
use segment_log::HeaderAt;

use super::membership;
use super::payload::Whole;
use super::proposal::{Proposal, Stored};
use super::types::{Entry, Payload, RaftLogId, to_raft};

/// An entry of which the header was read, and the payload if it is an internal one.
///
/// # Errors
/// An internal entry of a kind, or with a payload, that this version does not know.
pub(crate) fn from_header(at: HeaderAt) -> io::Result<Entry> {
    let payload = match internal_batch(&at)? {
        None => Payload::Normal(Proposal::Stored(Stored::Header(at.header))),
        Some(batch) => internal(&batch)?,
    };
    entry(at.index, &at.header, payload)
}

/// A whole entry.
///
/// # Errors
/// As [`from_header`].
pub(crate) fn from_batch(index: LogIndex, batch: Batch) -> io::Result<Entry> {
    let header = *batch.header();
    let members = match header.is_internal() {
        true => internal(&batch)?.get_membership(),
        false => None,
    };
    entry(index, &header, Payload::Whole(Whole { batch, members }))
}

/// The internal entry that was read with its header; `None` of a record batch.
pub(crate) fn internal_batch(at: &HeaderAt) -> io::Result<Option<Batch>> {
    let Some(payload) = &at.payload else {
        return Ok(None);
    };
    let mut whole = BytesMut::from(&at.header.as_bytes()[..]);
    whole.extend_from_slice(payload);
    Batch::parse(whole.freeze())
        .map(Some)
        .map_err(io::Error::other)
}

/// The entry's id, if it changes the members.
///
/// # Errors
/// As [`from_header`].
pub(crate) fn change_of_members(at: &HeaderAt) -> io::Result<Option<RaftLogId>> {
    let Some(batch) = internal_batch(at)? else {
        return Ok(None);
    };
    let (kind, _) = control::decode(&batch).map_err(io::Error::other)?;
    let changes = kind == ControlKind::Membership;
    changes.then(|| log_id(at.index, &at.header)).transpose()
}

fn internal(batch: &Batch) -> io::Result<Payload> {
    let (kind, payload) = control::decode(batch).map_err(io::Error::other)?;
    Ok(match kind {
        ControlKind::Blank => Payload::Blank,
        ControlKind::Membership => {
            let members = membership::decode(&mut &payload[..])
                .ok_or_else(|| io::Error::other("a membership entry makes no sense"))?;
            Payload::Membership(members)
        }
        ControlKind::LogStart | ControlKind::Answer | ControlKind::Command => {
            Payload::Normal(Proposal::Stored(Stored::Internal(kind, payload)))
        }
    })
}

fn entry(index: LogIndex, header: &BatchHeader, payload: Payload) -> io::Result<Entry> {
    let log_id = log_id(index, header)?;
    Ok(openraft::Entry { log_id, payload })
}

fn log_id(index: LogIndex, header: &BatchHeader) -> io::Result<RaftLogId> {
    let unstamped = || io::Error::other(format!("entry {index} has no term"));
    let term = header.term().ok_or_else(unstamped)?;
    Ok(to_raft(model::LogId { term, index }))
}
