//! A group's state as of its last applied entry, and how one more entry is applied to it. No I/O.

use std::io;

use bytes::{Bytes, BytesMut};
use model::Offset;
use model::batch::BatchHeader;
use model::batch::control::{self, ControlKind};

use super::checkpoint::Position;
use super::machine::Machine;
use super::payload::Whole;
use super::proposal::{Answer, LogStart, Proposal, Stored};
use super::types::{Entry, Payload, StoredMembership};
use crate::answer::{self, ProduceOutcome};

/// What a replica knows by having applied its log.
pub(crate) struct Applied<M> {
    pub(crate) position: Position,
    pub(crate) machine: M,
}

impl<M: Machine> Applied<M> {
    pub(crate) fn new(machine: M) -> Self {
        Self {
            position: Position::default(),
            machine,
        }
    }

    /// Applies the next entry and returns its answer.
    ///
    /// # Errors
    /// The entry makes no sense to this version.
    pub(crate) fn apply(&mut self, entry: &Entry) -> io::Result<Answer> {
        // An instance that was replaced may still have had some to apply.
        if let Some(last) = self
            .position
            .last
            .filter(|last| last.index >= entry.log_id.index)
        {
            let text = format!("entry {} was applied, and {last} behind it", entry.log_id);
            return Err(io::Error::other(text));
        }
        let answer = match &entry.payload {
            Payload::Blank => Answer::Nothing,
            Payload::Membership(members) => {
                self.position.membership =
                    StoredMembership::new(Some(entry.log_id), members.clone());
                Answer::Nothing
            }
            Payload::Normal(Proposal::Stored(Stored::Header(header))) => self.batch(header)?,
            Payload::Normal(Proposal::Stored(Stored::Internal(kind, payload))) => {
                self.internal(*kind, payload)?
            }
            Payload::Whole(Whole { batch, members }) => {
                if let Some(members) = members {
                    self.position.membership =
                        StoredMembership::new(Some(entry.log_id), members.clone());
                }
                if batch.header().is_internal() {
                    let (kind, payload) = control::decode(batch).map_err(io::Error::other)?;
                    self.internal(kind, &payload)?
                } else {
                    self.batch(batch.header())?
                }
            }
            Payload::Normal(unstored) => {
                let text = format!("{unstored} was never in the log and cannot be applied");
                return Err(io::Error::other(text));
            }
        };
        self.position.last = Some(entry.log_id);
        Ok(answer)
    }

    fn batch(&mut self, header: &BatchHeader) -> io::Result<Answer> {
        let unstamped = || io::Error::other("a stored batch has no term");
        let term = header.term().ok_or_else(unstamped)?;
        self.position.high_watermark = header.end_offset();
        self.machine.batch(header);
        Ok(Answer::Produced(ProduceOutcome::Appended {
            base_offset: header.base_offset(),
            records: u32::try_from(header.end_offset().since(header.base_offset()))
                .unwrap_or(u32::MAX),
            term,
        }))
    }

    fn internal(&mut self, kind: ControlKind, payload: &Bytes) -> io::Result<Answer> {
        let senseless = || io::Error::other(format!("an entry of kind {kind:?} makes no sense"));
        Ok(match kind {
            ControlKind::Blank | ControlKind::Membership => Answer::Nothing,
            ControlKind::Answer => Answer::Produced(answer::decode(payload).ok_or_else(senseless)?),
            ControlKind::LogStart => {
                let start = LogStart::decode(payload).ok_or_else(senseless)?;
                let high_watermark = self.position.high_watermark;
                Answer::LogStart(self.machine.log_start(start, high_watermark))
            }
            ControlKind::Command => Answer::Command(self.machine.command(payload)),
        })
    }

    /// The state in bytes: a checkpoint or snapshot.
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::new();
        self.position.encode(&mut bytes);
        self.machine.encode(&mut bytes);
        bytes.freeze()
    }

    /// Replaces the state by one in bytes. Everything up to there may be gone from the log.
    ///
    /// # Errors
    /// A text, where the bytes make no sense.
    pub(crate) fn restore(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        let position = Position::decode(&mut bytes).ok_or("the position makes no sense")?;
        self.machine.restore(bytes)?;
        self.position = position;
        Ok(())
    }

    /// The first offset that clients may read, and the one behind the last.
    pub(crate) fn readable(&self) -> (Offset, Offset) {
        (self.machine.first_offset(), self.position.high_watermark)
    }
}
