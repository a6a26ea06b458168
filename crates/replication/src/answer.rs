//! What becomes of a produced batch, and how its producer learns of it.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use model::{Offset, ProducerId, ReplicaId, Term};
use thiserror::Error;

use crate::producers::{Verdict, producer_id};

/// The end of a produced batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProduceOutcome {
    /// It is committed, at the topic's durability.
    Appended {
        /// The offset of its first record.
        base_offset: Offset,
        /// How many records it holds.
        records: u32,
        /// The leader's term.
        term: Term,
    },
    /// It was written before: this is where.
    Duplicate {
        /// The offset of its first record.
        base_offset: Offset,
    },
    /// It was judged and not written.
    Refused(ProduceRefusal),
    /// This replica does not lead: it was certainly not written.
    NotLeader {
        /// Who leads, where that is known.
        leader: Option<ReplicaId>,
    },
    /// This replica leads as far as it knows, and hears from no quorum: it was certainly not written.
    NoQuorum,
    /// It may or may not have been written: leadership was lost, or the group has stopped, in between.
    Unknown,
}

/// Why a batch was not written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ProduceRefusal {
    /// A batch before this one is missing.
    #[error(
        "producer {producer} must go on with sequence {expected}, the batch has {found}: a batch before it was lost"
    )]
    OutOfOrderSequence {
        /// The producer.
        producer: ProducerId,
        /// The sequence number that comes next.
        expected: i32,
        /// The batch's.
        found: i32,
    },
    /// It was written so long ago that its offset is forgotten.
    #[error(
        "producer {producer} must go on with sequence {expected}, the batch has {found}: it was written before"
    )]
    DuplicateSequence {
        /// The producer.
        producer: ProducerId,
        /// The sequence number that comes next.
        expected: i32,
        /// The batch's.
        found: i32,
    },
    /// A newer incarnation of the producer has taken over.
    #[error("producer {producer} is at epoch {current_epoch}, the batch has the older {found}")]
    Fenced {
        /// The producer.
        producer: ProducerId,
        /// The newest epoch.
        current_epoch: i16,
        /// The batch's.
        found: i16,
    },
    /// It was to be written at one offset only, and would have got another.
    #[error("the batch was to be written at offset {expected}, the log goes on at {actual}")]
    LogMovedOn {
        /// The offset asked for.
        expected: Offset,
        /// The offset that it would have got.
        actual: Offset,
    },
}

/// Takes the answers of produced batches. Called on a Raft task: it must be quick and must not block.
pub trait AnswerSink: Send + Sync + 'static {
    /// The batch that was proposed with `tag` has this outcome. Called once for each.
    fn answer(&self, tag: u64, outcome: ProduceOutcome);
}

/// The payload of an answer entry: `u8 kind`, then `u64 offset` (1), `u64 producer, i32 expected, i32 found` (2–4), or
/// `u64 expected, u64 actual` (5).
pub(crate) fn encode(verdict: &Verdict) -> Bytes {
    let mut bytes = BytesMut::new();
    match verdict {
        Verdict::Append => bytes.put_u8(0),
        Verdict::Duplicate { base_offset } => {
            bytes.put_u8(1);
            bytes.put_u64(base_offset.get());
        }
        Verdict::Refuse(refusal) => encode_refusal(refusal, &mut bytes),
    }
    bytes.freeze()
}

fn encode_refusal(refusal: &ProduceRefusal, bytes: &mut BytesMut) {
    let (kind, producer, expected, found) = match refusal {
        ProduceRefusal::OutOfOrderSequence {
            producer,
            expected,
            found,
        } => (2, producer, *expected, *found),
        ProduceRefusal::DuplicateSequence {
            producer,
            expected,
            found,
        } => (3, producer, *expected, *found),
        ProduceRefusal::Fenced {
            producer,
            current_epoch,
            found,
        } => (4, producer, i32::from(*current_epoch), i32::from(*found)),
        ProduceRefusal::LogMovedOn { expected, actual } => {
            bytes.put_u8(5);
            bytes.put_u64(expected.get());
            bytes.put_u64(actual.get());
            return;
        }
    };
    bytes.put_u8(kind);
    bytes.put_u64(producer.get());
    bytes.put_i32(expected);
    bytes.put_i32(found);
}

/// The outcome that an answer entry's payload holds; `None` where it makes no sense.
pub(crate) fn decode(mut payload: &[u8]) -> Option<ProduceOutcome> {
    let kind = payload.try_get_u8().ok()?;
    let number = payload.try_get_u64().ok()?;
    if kind == 1 {
        return Some(ProduceOutcome::Duplicate {
            base_offset: Offset::new(number),
        });
    }
    if kind == 5 {
        return Some(ProduceOutcome::Refused(ProduceRefusal::LogMovedOn {
            expected: Offset::new(number),
            actual: Offset::new(payload.try_get_u64().ok()?),
        }));
    }
    let producer = producer_id(number);
    let (expected, found) = (payload.try_get_i32().ok()?, payload.try_get_i32().ok()?);
    Some(ProduceOutcome::Refused(match kind {
        2 => ProduceRefusal::OutOfOrderSequence {
            producer,
            expected,
            found,
        },
        3 => ProduceRefusal::DuplicateSequence {
            producer,
            expected,
            found,
        },
        4 => ProduceRefusal::Fenced {
            producer,
            current_epoch: i16::try_from(expected).ok()?,
            found: i16::try_from(found).ok()?,
        },
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_reads_back_and_no_cut_of_it_panics() {
        let producer = ProducerId::new(9);
        let (expected, found) = (5, 6);
        let refusals = [
            ProduceRefusal::OutOfOrderSequence {
                producer,
                expected,
                found,
            },
            ProduceRefusal::DuplicateSequence {
                producer,
                expected,
                found,
            },
            ProduceRefusal::Fenced {
                producer,
                current_epoch: 3,
                found: 2,
            },
            ProduceRefusal::LogMovedOn {
                expected: Offset::new(1 << 40),
                actual: Offset::new(8),
            },
        ];
        for refusal in refusals {
            let bytes = encode(&Verdict::Refuse(refusal.clone()));
            assert_eq!(decode(&bytes), Some(ProduceOutcome::Refused(refusal)));
            for cut in 0..bytes.len() {
                assert_eq!(decode(&bytes[..cut]), None);
            }
        }
        let base_offset = Offset::new(77);
        let bytes = encode(&Verdict::Duplicate { base_offset });
        assert_eq!(
            decode(&bytes),
            Some(ProduceOutcome::Duplicate { base_offset })
        );
    }
}
