//! What is proposed to a group, what its log holds, and what an applied entry answers.

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use model::batch::control::ControlKind;
use model::batch::{Batch, BatchHeader};
use model::{Offset, Timestamp};
use segment_log::SpaceReservation;

use crate::answer::ProduceOutcome;

/// An entry's data, on its way into the log or read back from it.
#[derive(Debug)]
pub(crate) enum Proposal {
    /// A produced batch, not stamped yet: the log store judges it, then stamps it.
    Batch {
        /// Validated.
        batch: Batch,
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

/// A change of the log start, as its entry holds it: `u64 offset, i64 timestamp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogStart {
    /// The first offset that is kept.
    pub to: Offset,
    /// Producers silent since before this are forgotten.
    pub producers_idle_since: Timestamp,
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
        bytes.put_i64(self.producers_idle_since.as_millis());
        bytes.freeze()
    }

    pub(crate) fn decode(mut payload: &[u8]) -> Option<Self> {
        Some(Self {
            to: Offset::new(payload.try_get_u64().ok()?),
            producers_idle_since: Timestamp::from_millis(payload.try_get_i64().ok()?),
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
            producers_idle_since: Timestamp::from_millis(-3),
        };
        let bytes = start.encode();
        assert_eq!(LogStart::decode(&bytes), Some(start));
        assert!((0..bytes.len()).all(|cut| LogStart::decode(&bytes[..cut]).is_none()));
    }
}
