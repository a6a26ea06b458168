//! What is in flight on one stream, and what each result means for it. Pure: no I/O, no clock.

use std::collections::VecDeque;

use rpc::v1;
use tokio::time::Instant;

use super::delivery::{Delivered, read_result};
use super::error::ProduceError;
use super::in_flight::InFlight;
use crate::call_error::CallError;
use crate::wire::Problem;

/// The batches of one stream that have no result yet, in the order in which they were sent.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The number on the stream of the first slot.
    first: u64,
    /// `None` where the batch is no longer waited for.
    slots: VecDeque<Option<InFlight>>,
    /// How many slots are waited for.
    open: usize,
    /// Refused for a passing reason, in order, to be sent again once nothing is in flight any more.
    refused: Vec<InFlight>,
}

impl Ledger {
    /// Notes a batch that was sent.
    pub(super) fn push(&mut self, in_flight: InFlight) {
        self.slots.push_back(Some(in_flight));
        self.open += 1;
    }

    /// Whether nothing is in flight.
    pub(super) fn is_drained(&self) -> bool {
        self.open == 0
    }

    /// Whether a batch was refused that is to be sent again, so that others must wait behind it.
    pub(super) fn must_pause(&self) -> bool {
        !self.refused.is_empty()
    }

    /// The batches to send again.
    pub(super) fn take_refused(&mut self) -> Vec<InFlight> {
        std::mem::take(&mut self.refused)
    }

    /// When the batch that was sent first must have its result.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.slots
            .iter()
            .flatten()
            .map(|in_flight| in_flight.deadline)
            .next()
    }

    /// Gives a batch its result.
    ///
    /// # Errors
    /// What is wrong with the result; the stream cannot be trusted any further.
    pub(super) fn settle(&mut self, result: v1::ProduceResult) -> Result<(), Problem> {
        let number = result.batch;
        if u64::try_from(number) != Ok(self.first) {
            return Err(format!(
                "a result for batch {number} where batch {} is next",
                self.first
            ));
        }
        let Some(slot) = self.slots.pop_front() else {
            return Err(format!("a result for batch {number}, which was never sent"));
        };
        self.first += 1;
        let Some(mut in_flight) = slot else {
            return Ok(());
        };
        self.open -= 1;
        match read_result(result) {
            Ok(Ok(acknowledgement)) => {
                self.overtake(&in_flight);
                in_flight.complete(Ok(Delivered::Acknowledged(acknowledgement)));
            }
            Ok(Err(refusal)) if refusal.is_passing() => {
                in_flight.setback = Some(CallError::Refused(refusal));
                self.refused.push(in_flight);
            }
            Ok(Err(refusal)) => {
                if refusal.outcome_is_unknown() {
                    self.overtake(&in_flight);
                }
                in_flight.complete(Err(refusal.into()));
            }
            Err(problem) => {
                in_flight.complete(Err(ProduceError::unknown(problem.clone())));
                return Err(problem);
            }
        }
        Ok(())
    }

    /// Gives up waiting for the batches whose time has come.
    pub(super) fn expire(&mut self, now: Instant) {
        for slot in &mut self.slots {
            if slot
                .as_ref()
                .is_some_and(|in_flight| in_flight.deadline <= now)
                && let Some(in_flight) = slot.take()
            {
                self.open -= 1;
                in_flight.complete(Err(ProduceError::unknown("no result came in time")));
            }
        }
    }

    /// Ends the ledger of a broken stream of which `sent` batches had left. The outcome of those is unknown; the others
    /// are returned to be sent again.
    pub(super) fn abandon(mut self, sent: u64, cause: &CallError) -> Vec<InFlight> {
        let mut unsent = Vec::new();
        for (number, slot) in (self.first..).zip(std::mem::take(&mut self.slots)) {
            match slot {
                Some(in_flight) if number < sent => {
                    self.overtake(&in_flight);
                    in_flight.complete(Err(ProduceError::unknown(cause.to_string())));
                }
                Some(mut in_flight) => {
                    in_flight.setback = Some(cause.clone());
                    unsent.push(in_flight);
                }
                None => {}
            }
        }
        let mut again = self.refused;
        again.append(&mut unsent);
        again
    }

    /// A batch was or may have been written: what was refused before it on the same partition comes too late, since
    /// sending it again would change the order.
    fn overtake(&mut self, written: &InFlight) {
        let late = |refused: &mut InFlight| refused.batch.may_share_partition(&written.batch);
        self.refused
            .extract_if(.., late)
            .for_each(InFlight::give_up);
    }
}

#[cfg(test)]
mod tests;
