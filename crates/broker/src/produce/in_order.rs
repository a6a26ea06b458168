//! The batches of one session between submission and result. Outcomes come in any order, from any thread;
//! results leave in the order of submission, all that are ready at once.

use std::collections::VecDeque;
use std::sync::Arc;

use model::{Acks, Durability};
use parking_lot::Mutex;
use replication::{AnswerSink, ProduceOutcome};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::outcome::result_of;
use super::{ProduceResult, Produced};
use crate::ProduceError;
use crate::meters::Meters;
use crate::partitions::LocalPartition;

/// A batch's place in the order of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u64);

impl Place {
    pub(super) fn as_tag(self) -> u64 {
        self.0
    }
}

/// What is known of a batch that was handed on.
#[derive(Debug)]
pub(super) struct Proposed {
    pub(super) partition: Arc<LocalPartition>,
    pub(super) records: u32,
    pub(super) bytes: u64,
    /// What the topic promised when it was handed on.
    pub(super) durability: Durability,
    /// When it was handed on.
    pub(super) at: Instant,
    /// Its shares of the partition's and of the broker's budget, given back with the outcome.
    pub(super) _permits: [OwnedSemaphorePermit; 2],
}

#[derive(Debug)]
enum State {
    /// Not handed on yet.
    Submitted,
    Proposed(Proposed),
    Done(Result<Produced, ProduceError>),
}

#[derive(Debug)]
struct Waiting {
    tag: u64,
    acks: Acks,
    /// When it was submitted.
    since: Instant,
    state: State,
}

#[derive(Debug, Default)]
struct Queue {
    /// The place of the first one waiting.
    first: u64,
    waiting: VecDeque<Waiting>,
    /// Nothing more will be submitted.
    has_ended: bool,
    /// Nobody takes results any more.
    is_abandoned: bool,
}

/// The order of one session.
pub(super) struct InOrder {
    queue: Mutex<Queue>,
    ready: Notify,
    /// How many more batches may wait for their results to be taken.
    room: Semaphore,
    meters: Arc<Meters>,
}

impl InOrder {
    pub(super) fn new(batches_max: u32, meters: Arc<Meters>) -> Self {
        Self {
            queue: Mutex::default(),
            ready: Notify::new(),
            room: Semaphore::new(batches_max as usize),
            meters,
        }
    }

    /// Waits for room and takes the next place.
    pub(super) async fn begin(&self, tag: u64, acks: Acks) -> Place {
        // The semaphore is never closed; without a permit the session would only be less bounded.
        if let Ok(permit) = self.room.acquire().await {
            SemaphorePermit::forget(permit);
        }
        let mut queue = self.queue.lock();
        let place = Place(queue.first + queue.waiting.len() as u64);
        queue.waiting.push_back(Waiting {
            tag,
            acks,
            since: Instant::now(),
            state: State::Submitted,
        });
        place
    }

    /// Notes that a batch is about to be handed on.
    pub(super) fn propose(&self, place: Place, proposed: Proposed) {
        let mut queue = self.queue.lock();
        if let Some(waiting) = queue.at(place) {
            waiting.state = State::Proposed(proposed);
        }
    }

    /// Notes a batch's result. The first one counts.
    pub(super) fn finish(&self, place: Place, result: Result<Produced, ProduceError>) {
        self.settle(place, |_| Some(result));
    }

    /// As [`InOrder::finish`], made from what is known of the batch; nothing where it was never handed on.
    pub(super) fn finish_proposed(
        &self,
        place: Place,
        result: impl FnOnce(&Proposed) -> Result<Produced, ProduceError>,
    ) {
        self.settle(place, |state| match state {
            State::Proposed(proposed) => Some(result(proposed)),
            State::Submitted | State::Done(_) => None,
        });
    }

    fn settle(
        &self,
        place: Place,
        result: impl FnOnce(&State) -> Option<Result<Produced, ProduceError>>,
    ) {
        let mut queue = self.queue.lock();
        let Some(waiting) = queue.at(place) else {
            return;
        };
        if matches!(waiting.state, State::Done(_)) {
            return;
        }
        let Some(result) = result(&waiting.state) else {
            return;
        };
        if let (Ok(produced), State::Proposed(proposed)) = (&result, &waiting.state) {
            self.count(produced, proposed, waiting.since);
        } else if result.is_err() {
            self.meters.produce_refused.increment(1);
        }
        // The permits go with the old state.
        waiting.state = State::Done(result);
        if place.0 == queue.first {
            self.drop_unwanted(&mut queue);
            let is_ready = matches!(
                queue.waiting.front(),
                Some(Waiting {
                    state: State::Done(_),
                    ..
                })
            );
            if is_ready || queue.is_over() {
                self.ready.notify_one();
            }
        }
    }

    /// Moves the results that are ready to `results`, up to the first that is not. False once there will be none.
    pub(super) async fn take(&self, results: &mut Vec<ProduceResult>) -> bool {
        let before = results.len();
        loop {
            {
                let mut queue = self.queue.lock();
                self.take_ready(&mut queue, results);
                if results.len() > before {
                    return true;
                }
                if queue.is_over() {
                    return false;
                }
            }
            self.ready.notified().await;
        }
    }

    fn take_ready(&self, queue: &mut Queue, results: &mut Vec<ProduceResult>) {
        while let Some(Waiting {
            state: State::Done(_),
            ..
        }) = queue.waiting.front()
        {
            let Some(done) = self.pop(queue) else { return };
            if let (Acks::Quorum, State::Done(outcome)) = (done.acks, done.state) {
                results.push(ProduceResult {
                    tag: done.tag,
                    outcome,
                });
            }
        }
    }

    /// Drops the results at the front that nobody waits for.
    fn drop_unwanted(&self, queue: &mut Queue) {
        while let Some(Waiting {
            state: State::Done(_),
            acks,
            ..
        }) = queue.waiting.front()
            && (*acks == Acks::None || queue.is_abandoned)
        {
            self.pop(queue);
        }
    }

    fn pop(&self, queue: &mut Queue) -> Option<Waiting> {
        let popped = queue.waiting.pop_front()?;
        queue.first += 1;
        self.room.add_permits(1);
        Some(popped)
    }

    /// Says that nothing more will be submitted.
    pub(super) fn end(&self) {
        self.queue.lock().has_ended = true;
        self.ready.notify_one();
    }

    /// Says that nobody takes results any more.
    pub(super) fn abandon(&self) {
        let mut queue = self.queue.lock();
        queue.is_abandoned = true;
        self.drop_unwanted(&mut queue);
    }

    fn count(&self, produced: &Produced, proposed: &Proposed, since: Instant) {
        let meters = &self.meters;
        let now = Instant::now();
        meters.produce_seconds.record(now.duration_since(since));
        if produced.duplicate {
            return;
        }
        meters
            .commit_seconds
            .record(now.duration_since(proposed.at));
        let (records, bytes) = (u64::from(produced.records), proposed.bytes);
        meters.produced_batches.increment(1);
        meters.produced_records.increment(records);
        meters.produced_bytes.increment(bytes);
        proposed.partition.traffic.produced(records, bytes);
    }
}

impl Queue {
    fn at(&mut self, place: Place) -> Option<&mut Waiting> {
        let ahead = place.0.checked_sub(self.first)?;
        self.waiting.get_mut(usize::try_from(ahead).ok()?)
    }

    fn is_over(&self) -> bool {
        self.has_ended && self.waiting.is_empty()
    }
}

impl AnswerSink for InOrder {
    fn answer(&self, tag: u64, outcome: ProduceOutcome) {
        self.finish_proposed(Place(tag), |proposed| result_of(proposed, outcome));
    }
}
