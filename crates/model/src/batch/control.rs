//! Raft's own entries in the form of a batch: control batches with zero records and no offset.
//!
//! ```text
//!  0  batch header: control bit, last_offset_delta -1, record_count 0
//! 61  kind     u8   see [`ControlKind`]
//! 62  payload  up to the end of the batch; its format belongs to the crate that writes it
//! ```
//! The payload is under the batch's CRC.

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

use super::header::BatchHeader;
use super::stored::Batch;
use crate::Timestamp;

/// What an internal entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ControlKind {
    /// A new leader's first entry.
    Blank,
    /// A change of the group's members.
    Membership,
    /// A new log start, with the producer expiry cutoff.
    LogStart,
    /// What a batch that was not written is answered with: a duplicate's first offset, or a refusal.
    Answer,
    /// A command of a state group.
    Command,
}

impl ControlKind {
    const ALL: [(Self, u8); 5] = [
        (Self::Blank, 1),
        (Self::Membership, 2),
        (Self::LogStart, 3),
        (Self::Answer, 4),
        (Self::Command, 5),
    ];

    fn number(self) -> u8 {
        Self::ALL
            .into_iter()
            .find(|(kind, _)| *kind == self)
            .map_or(0, |(_, number)| number)
    }
}

/// Why a control batch's payload makes no sense.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ControlError {
    /// Not an internal entry at all.
    #[error("the batch at offset {base_offset} is no internal entry")]
    NotInternal {
        /// Where it stands.
        base_offset: crate::Offset,
    },
    /// A kind that this version does not know.
    #[error("an internal entry of the unknown kind {kind:?}; was it written by a newer version?")]
    UnknownKind {
        /// The kind byte, if there is one.
        kind: Option<u8>,
    },
}

/// Makes an internal entry, unstamped.
pub fn encode(kind: ControlKind, payload: &[u8], now: Timestamp) -> Batch {
    let mut header = BatchHeader::blank();
    header.set_control();
    header.set_timestamps(now, now);
    let mut bytes = BytesMut::with_capacity(1 + payload.len());
    bytes.put_u8(kind.number());
    bytes.put_slice(payload);
    Batch::assemble(header, bytes.freeze())
}

/// The kind and payload of an internal entry.
///
/// # Errors
/// [`ControlError`] where the batch holds records or an unknown kind.
pub fn decode(batch: &Batch) -> Result<(ControlKind, Bytes), ControlError> {
    if !batch.header().is_internal() {
        return Err(ControlError::NotInternal {
            base_offset: batch.header().base_offset(),
        });
    }
    let kind = batch.records().first().copied();
    let known = ControlKind::ALL
        .into_iter()
        .find(|(_, number)| Some(*number) == kind);
    match known {
        Some((known, _)) => Ok((known, batch.records().slice(1..))),
        None => Err(ControlError::UnknownKind { kind }),
    }
}
