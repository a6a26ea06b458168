//! The leader's decision: a proposal is judged in log order, then put into the form in which it is stored.
//!
//! The tail state is what the log says of producers up to its very end, committed or not. No I/O.

use std::io;

use model::batch::Batch;
use model::batch::control::{self, ControlKind};
use model::{Offset, Term, Timestamp};
use segment_log::planted::{self, Bug};
use segment_log::{HeaderAt, SpaceReservation};

use super::entry::internal_batch;
use super::membership;
use super::payload::Whole;
use super::proposal::{LogStart, Proposal};
use super::types::Payload;
use crate::answer::{self, ProduceRefusal};
use crate::producers::{Producers, Verdict};

/// Where an entry goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) offset: Offset,
    pub(crate) term: Term,
}

/// An entry ready to be appended, and the space that was promised to it.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) batch: Batch,
    pub(crate) space: Option<SpaceReservation>,
}

/// Decides what becomes of a proposal, and takes note of it in `tail`.
///
/// # Errors
/// An entry of which only the header is here: our bug.
pub(crate) fn decide(
    tail: &mut Producers,
    payload: Payload,
    place: Place,
    now: impl Fn() -> Timestamp,
) -> io::Result<Decided> {
    let internal = |kind, payload: &[u8]| {
        let mut batch = control::encode(kind, payload, now());
        batch.stamp(place.offset, place.term);
        batch
    };
    let mut space = None;
    let batch = match payload {
        Payload::Blank => internal(ControlKind::Blank, &[]),
        Payload::Membership(members) => {
            internal(ControlKind::Membership, &membership::encode(&members))
        }
        Payload::Normal(Proposal::Batch {
            mut batch,
            expected,
            space: promised,
        }) => {
            space = Some(promised);
            match judge(tail, &batch, expected, place) {
                Verdict::Append => {
                    batch.stamp(place.offset, place.term);
                    tail.record(batch.header());
                    batch
                }
                verdict => internal(ControlKind::Answer, &answer::encode(&verdict)),
            }
        }
        Payload::Normal(Proposal::LogStart(start)) => {
            tail.expire(start.producers_below);
            internal(ControlKind::LogStart, &start.encode())
        }
        Payload::Normal(Proposal::Command {
            command,
            space: promised,
        }) => {
            space = Some(promised);
            internal(ControlKind::Command, &command)
        }
        Payload::Whole(Whole { batch, .. }) => {
            note_batch(tail, &batch)?;
            batch
        }
        Payload::Normal(Proposal::Stored(_)) => {
            return Err(io::Error::other(
                "an entry without its body cannot be appended",
            ));
        }
    };
    Ok(Decided { batch, space })
}

/// What becomes of a batch. One that was written before is told so, whatever offset it is expected to get now.
fn judge(tail: &Producers, batch: &Batch, expected: Option<Offset>, place: Place) -> Verdict {
    if planted::has(Bug::AppendDuplicates) {
        return Verdict::Append;
    }
    match (tail.judge(batch.header()), expected) {
        (Verdict::Append, Some(expected)) if expected != place.offset => {
            Verdict::Refuse(ProduceRefusal::LogMovedOn {
                expected,
                actual: place.offset,
            })
        }
        (verdict, _) => verdict,
    }
}

/// Takes note of an entry that stands in the log already.
pub(crate) fn note(tail: &mut Producers, at: &HeaderAt) -> io::Result<()> {
    match internal_batch(at)? {
        Some(batch) => note_batch(tail, &batch),
        None => {
            tail.record(&at.header);
            Ok(())
        }
    }
}

fn note_batch(tail: &mut Producers, batch: &Batch) -> io::Result<()> {
    if !batch.header().is_internal() {
        tail.record(batch.header());
        return Ok(());
    }
    if let (ControlKind::LogStart, payload) = control::decode(batch).map_err(io::Error::other)? {
        let start = LogStart::decode(&payload)
            .ok_or_else(|| io::Error::other("a log start entry makes no sense"))?;
        tail.expire(start.producers_below);
    }
    Ok(())
}
