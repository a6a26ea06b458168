//! A batch that has no result yet.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::batch::OutgoingBatch;
use super::delivery::{Delivered, Delivery};
use super::error::ProduceError;
use super::window::Room;
use crate::call_error::CallError;

/// A batch that has no result yet, with its room in the window.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) batch: OutgoingBatch,
    pub(super) deadline: Instant,
    /// Why the last attempt did not write it, for certain.
    pub(super) setback: Option<CallError>,
    timeout: Duration,
    result: oneshot::Sender<Result<Delivered, ProduceError>>,
    _room: Room,
}

impl InFlight {
    pub(super) fn new(batch: OutgoingBatch, room: Room, timeout: Duration) -> (Self, Delivery) {
        let (result, receiver) = oneshot::channel();
        let in_flight = Self {
            batch,
            deadline: Instant::now() + timeout,
            setback: None,
            timeout,
            result,
            _room: room,
        };
        (in_flight, Delivery::new(receiver))
    }

    /// Gives the result and the room back. Whoever no longer waits for it is not told.
    pub(super) fn complete(self, result: Result<Delivered, ProduceError>) {
        let _ = self.result.send(result);
    }

    /// Ends the attempts: the last setback is the result. Only for a batch that was certainly not written.
    pub(super) fn give_up(mut self) {
        let timeout = self.timeout;
        let error = match self.setback.take() {
            Some(CallError::Refused(refusal)) => ProduceError::Refused(refusal),
            Some(cause) => ProduceError::NotSent { timeout, cause },
            None => ProduceError::Abandoned,
        };
        self.complete(Err(error));
    }
}
