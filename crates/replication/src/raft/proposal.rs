//! What is proposed to a group, what its log holds, and what an applied entry answers.

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use model::Offset;
use model::batch::control::ControlKind;
use model::batch::{Batch, BatchHeader};
use segment_log::SpaceReservation;

use crate::answer::ProduceOutcome;

/// An entry's data, on its way into the log or read back from it.
#[derive(Debug)]
pub(crate) enum Proposal {
    /// A produced batch, not stamped yet: the log store judges it, then stamps it.
    Batch {
        /// Validated.
        batch: Batch,
        /// Refused, if its first record would get another offset.
        expected: Option<Offset>,
        /// Its disk space, held until it is written.
        space: SpaceReservation,
    },
    /// A new log start.
    LogStart(LogStart),
    /// A state group's command.
    Command {
        /// What the state machine gets.
        command: Bytes,
        /// Its disk space, held until it is written.
        space: SpaceReservation,
    },
    /// Read back from a log without its body.
    Stored(Stored),
}

/// A change of the log start, as its entry holds it: `u64 offset, u64 offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogStart {
    /// The first offset that is kept.
    pub to: Offset,
    /// Producers whose last batch stands below this are forgotten.
    pub producers_below: Offset,
}

/// What was read of an entry of the log, to be applied.
#[derive(Clone, Debug)]
pub(crate) enum Stored {
    /// A record batch's header.
    Header(BatchHeader),
    /// An internal entry's kind and payload.
    Internal(ControlKind, Bytes),
}

/// What an applied entry answers its proposer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Raft's own entries answer nothing.
    Nothing,
    /// To a produced batch.
    Produced(ProduceOutcome),
    /// To a log start: the one in force now.
    LogStart(Offset),
    /// To a command.
    Command(Bytes),
}

impl LogStart {
    pub(crate) fn encode(self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(16);
        bytes.put_u64(self.to.get());
        bytes.put_u64(self.producers_below.get());
        bytes.freeze()
    }

    pub(crate) fn decode(mut payload: &[u8]) -> Option<Self> {
        Some(Self {
            to: Offset::new(payload.try_get_u64().ok()?),
            producers_below: Offset::new(payload.try_get_u64().ok()?),
        })
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batch { batch, .. } => write!(f, "batch of {} bytes", batch.total_bytes()),
            Self::LogStart(start) => write!(f, "log start {}", start.to),
            Self::Command { command, .. } => write!(f, "command of {} bytes", command.len()),
            Self::Stored(Stored::Header(header)) => write!(f, "stored at {}", header.base_offset()),
            Self::Stored(Stored::Internal(kind, ..)) => write!(f, "stored {kind:?}"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_start_reads_back_and_no_cut_of_it_panics() {
        let start = LogStart {
            to: Offset::new(12),
            producers_below: Offset::new(u64::MAX),
        };
        let bytes = start.encode();
        assert_eq!(LogStart::decode(&bytes), Some(start));
        assert!((0..bytes.len()).all(|cut| LogStart::decode(&bytes[..cut]).is_none()));
    }
}
