//! One partition's batches between queue and result: their sequence numbers, attempts and order. Pure: no I/O, no clock.
//!
//! Batches are numbered when they are first sent and keep their numbers in every attempt, so the broker writes each once
//! (KIP-98). At most [`IN_FLIGHT_MAX`] are under way, one until the first is acknowledged: a partition that knows nothing
//! of the producer takes any number for its first. After a failed attempt nothing is sent until every batch under way has
//! its answer; then all go out again in their order.
//!
//! A batch that ends without being written leaves a gap, behind which the broker takes nothing. Once nothing is under way
//! any more, the next batch takes its number, where every attempt of it and of those behind it was refused. Else the
//! epoch is raised and the numbers begin again at 0 (KIP-360). A batch of which it is not certain that no attempt was
//! written is not renumbered: that could write it twice. Its outcome is unknown. Behind the last epoch nothing more is
//! sent: with a number used before, a batch would be taken for the one that bore it.

use std::collections::VecDeque;

use model::ProducerId;
use model::batch::ProducerStamp;
use rpc::{Reason, v1};
use tokio::time::Instant;

use super::super::delivery::{Delivered, read_result};
use super::super::error::ProduceError;
use super::super::in_flight::InFlight;
use crate::call_error::CallError;
use crate::refusal::Refusal;
use crate::wire::Problem;

/// Most batches of a partition under way: as many as the broker remembers.
const IN_FLIGHT_MAX: usize = 5;

/// One partition's batches that have no result yet.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// In order: those under way first.
    batches: VecDeque<Waiting>,
    next_id: u64,
    epoch: i16,
    next_sequence: i32,
    /// Whether the partition has acknowledged a batch of this epoch.
    is_known: bool,
    /// Nothing is sent until every batch under way has its answer.
    is_stalled: bool,
    /// A batch with a number was not written: those behind it need others.
    gap: Option<Gap>,
    /// Whether what stands behind a failed batch is to fail too.
    stops_at_failure: bool,
    has_stopped: bool,
    /// There is no epoch left.
    is_used_up: bool,
}

/// What is known of the numbers that a gap has left unused.
#[derive(Clone, Copy, Debug)]
enum Gap {
    /// None from this one on was written.
    From(i32),
    /// Some may have been.
    Unknown,
}

#[derive(Debug)]
struct Waiting {
    id: u64,
    in_flight: InFlight,
    stamp: Option<(i16, i32)>,
    is_under_way: bool,
    /// An attempt had no answer.
    may_be_written: bool,
}

impl Lane {
    pub(super) fn new(stops_at_failure: bool) -> Self {
        Self {
            stops_at_failure,
            ..Self::default()
        }
    }

    /// Adds a batch behind the others.
    pub(super) fn push(&mut self, in_flight: InFlight) {
        if self.is_used_up {
            return in_flight.complete(Err(ProduceError::UsedUp));
        }
        if self.has_stopped {
            return in_flight.complete(Err(ProduceError::BehindFailed));
        }
        let id = self.next_id;
        self.next_id += 1;
        self.batches.push_back(Waiting {
            id,
            in_flight,
            stamp: None,
            is_under_way: false,
            may_be_written: false,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Whether any batch is under way.
    pub(super) fn is_under_way(&self) -> bool {
        self.batches.iter().any(|batch| batch.is_under_way)
    }

    /// When the first batch must have its result.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.batches
            .iter()
            .map(|batch| batch.in_flight.deadline)
            .min()
    }

    /// The next batch to send: its id and its message. `None` where nothing may be sent now.
    pub(super) fn send(&mut self, producer: ProducerId) -> Option<(u64, v1::ProduceStreamRequest)> {
        let under_way = self
            .batches
            .iter()
            .filter(|batch| batch.is_under_way)
            .count();
        let most = if self.is_known { IN_FLIGHT_MAX } else { 1 };
        if self.is_stalled || under_way >= most {
            return None;
        }
        let (epoch, sequence) = (self.epoch, self.next_sequence);
        let batch = self.batches.iter_mut().find(|batch| !batch.is_under_way)?;
        if batch.stamp.is_none() {
            batch.stamp = Some((epoch, sequence));
            batch.in_flight.batch.stamp(ProducerStamp {
                id: producer,
                epoch,
                base_sequence: sequence,
            });
            let records = batch.in_flight.batch.records();
            self.next_sequence = sequence.wrapping_add(records) & i32::MAX;
        }
        batch.is_under_way = true;
        Some((batch.id, batch.in_flight.batch.message(model::Acks::Quorum)))
    }

    /// Takes in what the broker says of a batch. Returns whether an attempt has failed that is worth another one.
    ///
    /// # Errors
    /// What is wrong with the answer.
    pub(super) fn settle(&mut self, id: u64, result: v1::ProduceResult) -> Result<bool, Problem> {
        let Some(at) = self.batches.iter().position(|batch| batch.id == id) else {
            // It was given up; what was behind it may go on.
            self.recover();
            return Ok(false);
        };
        let read = read_result(result)?;
        let failed = match read {
            Ok(acknowledged) => {
                self.is_known = true;
                self.finish(at, Ok(Delivered::Acknowledged(acknowledged)));
                false
            }
            Err(refusal) => self.refuse(at, refusal),
        };
        self.recover();
        Ok(failed)
    }

    fn refuse(&mut self, at: usize, refusal: Refusal) -> bool {
        let is_out_of_order = refusal.is(Reason::OutOfOrderSequence);
        let is_behind_another = at > 0 || self.is_stalled;
        let Some(batch) = self.batches.get_mut(at) else {
            return false;
        };
        batch.is_under_way = false;
        if refusal.outcome_is_unknown() || refusal.is_passing() {
            batch.may_be_written |= refusal.outcome_is_unknown();
            batch.in_flight.setback = Some(CallError::Refused(refusal));
            self.is_stalled = true;
            return true;
        }
        if is_out_of_order {
            // The batch before it was not written: it goes out again, or there is a gap.
            batch.in_flight.setback = Some(CallError::Refused(refusal));
            self.is_stalled = true;
            if !is_behind_another {
                self.gap = Some(Gap::Unknown);
            }
            return false;
        }
        let was_written = refusal.is(Reason::DuplicateSequence);
        let is_unknown = was_written || batch.may_be_written;
        let error = if is_unknown {
            ProduceError::OutcomeUnknown {
                cause: refusal.message.clone(),
                refusal: Some(refusal),
            }
        } else {
            ProduceError::Refused(refusal)
        };
        if !was_written {
            let begins = batch.stamp.filter(|_| !is_unknown);
            let gap = begins.map_or(Gap::Unknown, |(_, sequence)| Gap::From(sequence));
            // Those behind it had no chance: where the first one begins, all do.
            self.gap = match (self.gap, gap) {
                (Some(Gap::From(first)), Gap::From(_)) => Some(Gap::From(first)),
                (None, gap) => Some(gap),
                _ => Some(Gap::Unknown),
            };
        }
        self.is_stalled = true;
        self.has_stopped |= self.stops_at_failure;
        self.finish(at, Err(error));
        false
    }

    /// The stream broke. These had left and have no answer; others that were to leave have not.
    pub(super) fn lose(&mut self, had_left: impl Fn(u64) -> bool, cause: &CallError) {
        for batch in self.batches.iter_mut().filter(|batch| batch.is_under_way) {
            batch.is_under_way = false;
            batch.may_be_written |= had_left(batch.id);
            batch.in_flight.setback = Some(cause.clone());
        }
        self.is_stalled = true;
        self.recover();
    }

    /// Notes what stands in the way of those that were not sent.
    pub(super) fn hinder(&mut self, cause: &CallError) {
        for batch in self.batches.iter_mut().filter(|batch| !batch.is_under_way) {
            batch.in_flight.setback = Some(cause.clone());
        }
    }

    /// Gives up the batches whose time has come.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some(at) = self
            .batches
            .iter()
            .position(|batch| batch.in_flight.deadline <= now)
        {
            let Some(batch) = self.batches.remove(at) else {
                return;
            };
            if batch.stamp.is_some() {
                self.gap = Some(Gap::Unknown);
                self.is_stalled = true;
            }
            self.has_stopped |= self.stops_at_failure;
            if batch.is_under_way || batch.may_be_written {
                let cause = match batch.in_flight.setback.as_ref() {
                    Some(setback) => setback.to_string(),
                    None => "no result came in time".to_owned(),
                };
                batch.in_flight.complete(Err(ProduceError::unknown(cause)));
            } else {
                batch.in_flight.give_up();
            }
        }
        self.recover();
    }

    /// Once nothing is under way, all that is left may go out again.
    fn recover(&mut self) {
        if !self.is_stalled || self.is_under_way() {
            return;
        }
        self.is_stalled = false;
        if self.has_stopped {
            for batch in self.batches.drain(..) {
                let error = match batch.may_be_written {
                    true => ProduceError::unknown("a batch before it failed"),
                    false => ProduceError::BehindFailed,
                };
                batch.in_flight.complete(Err(error));
            }
        }
        let Some(gap) = self.gap.take() else { return };
        let is_certain = !self.batches.iter().any(|batch| batch.may_be_written);
        for batch in std::mem::take(&mut self.batches) {
            if batch.may_be_written {
                let cause =
                    "an attempt to write it had no answer, and a batch before it was not written";
                batch.in_flight.complete(Err(ProduceError::unknown(cause)));
            } else {
                self.batches.push_back(Waiting {
                    stamp: None,
                    ..batch
                });
            }
        }
        match (gap, self.epoch.checked_add(1)) {
            (Gap::From(sequence), _) if is_certain => self.next_sequence = sequence,
            (_, Some(epoch)) => {
                self.epoch = epoch;
                self.next_sequence = 0;
                self.is_known = false;
            }
            (_, None) => {
                self.is_used_up = true;
                for batch in self.batches.drain(..) {
                    batch.in_flight.complete(Err(ProduceError::UsedUp));
                }
            }
        }
    }

    fn finish(&mut self, at: usize, result: Result<Delivered, ProduceError>) {
        if let Some(batch) = self.batches.remove(at) {
            batch.in_flight.complete(result);
        }
    }
}

#[cfg(test)]
mod tests;
