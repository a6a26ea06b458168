//! Who waits for the answers to a group's proposals.
//!
//! openraft keeps a proposal's responder until the entry is applied or discarded. A leader that hears from nobody any
//! more does neither, for as long as it is cut off. So the proposers stand here, and a responder knows only its place:
//! whoever has waited too long is told that the outcome is unknown, and forgotten.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::responder::{Proposer, WriteOutcome};

/// A proposer's place in the order of proposals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u64);

/// The proposers that wait, in the order of their proposals.
#[derive(Default)]
pub(crate) struct Waiting {
    queue: Mutex<Queue>,
    /// Somebody waits where nobody did.
    came: Notify,
}

#[derive(Default)]
struct Queue {
    /// The place of the first one.
    first: u64,
    waiters: VecDeque<Option<Waiter>>,
}

struct Waiter {
    proposer: Proposer,
    /// In which it was proposed.
    term: u64,
    since: Instant,
}

impl Waiting {
    /// A proposer that waits from now on.
    pub(crate) fn add(&self, proposer: Proposer, term: u64) -> Place {
        let waiter = Waiter {
            proposer,
            term,
            since: Instant::now(),
        };
        let mut queue = self.queue.lock();
        let place = Place(queue.first + queue.waiters.len() as u64);
        queue.waiters.push_back(Some(waiter));
        if queue.waiters.len() == 1 {
            self.came.notify_one();
        }
        place
    }

    /// Answers a proposer, unless it was given up.
    pub(crate) fn answer(&self, place: Place, outcome: WriteOutcome) {
        let waiter = self.queue.lock().take(place);
        if let Some(waiter) = waiter {
            waiter.proposer.answer(outcome);
        }
    }

    /// Resolves once somebody waits where nobody did; perhaps nobody any more.
    pub(crate) async fn came(&self) {
        self.came.notified().await;
    }

    /// Since when the first one waits.
    pub(crate) fn since(&self) -> Option<Instant> {
        let queue = self.queue.lock();
        queue.waiters.front()?.as_ref().map(|first| first.since)
    }

    /// Tells those that have waited since before a moment that the outcome is unknown, but for those of a term that is
    /// led on. Returns how many.
    pub(crate) fn give_up(&self, before: Instant, led: Option<u64>) -> usize {
        let mut given_up = Vec::new();
        {
            let mut queue = self.queue.lock();
            for place in &mut queue.waiters {
                match place {
                    Some(waiter) if waiter.since >= before => break,
                    Some(waiter) if Some(waiter.term) != led => given_up.extend(place.take()),
                    Some(_) | None => {}
                }
            }
            queue.drop_answered();
        }
        let count = given_up.len();
        for waiter in given_up {
            waiter.proposer.answer(WriteOutcome::Unknown);
        }
        count
    }
}

impl Queue {
    fn take(&mut self, place: Place) -> Option<Waiter> {
        let at = usize::try_from(place.0.checked_sub(self.first)?).ok()?;
        let waiter = self.waiters.get_mut(at)?.take();
        self.drop_answered();
        waiter
    }

    /// The first one is always one that waits.
    fn drop_answered(&mut self) {
        while let Some(None) = self.waiters.front() {
            self.waiters.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    fn proposer() -> (Proposer, oneshot::Receiver<WriteOutcome>) {
        let (answer, answered) = oneshot::channel();
        let bytes = None;
        (Proposer::Caller { answer, bytes }, answered)
    }

    #[tokio::test(start_paused = true)]
    async fn each_is_answered_once_and_only_the_old_ones_of_a_term_not_led_are_given_up() {
        let waiting = Waiting::default();
        let mut answers = Vec::new();
        let mut places = Vec::new();
        for term in [1, 1, 2, 2] {
            let (proposer, answered) = proposer();
            places.push(waiting.add(proposer, term));
            answers.push(answered);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let now = Instant::now();
        waiting.answer(places[1], WriteOutcome::NotLeader(None));
        assert_eq!(
            waiting.give_up(now - Duration::from_secs(1), Some(2)),
            1,
            "the first one"
        );
        assert_eq!(waiting.since(), Some(now - Duration::from_secs(2)));
        assert_eq!(
            waiting.give_up(now - Duration::from_secs(1), None),
            1,
            "the third one"
        );
        for place in places {
            waiting.answer(place, WriteOutcome::NoQuorum);
        }
        assert_eq!(waiting.since(), None);
        let mut outcomes = Vec::new();
        for answered in answers {
            outcomes.push(answered.await.unwrap());
        }
        let expected = [
            WriteOutcome::Unknown,
            WriteOutcome::NotLeader(None),
            WriteOutcome::Unknown,
            WriteOutcome::NoQuorum,
        ];
        assert_eq!(outcomes, expected);
    }
}
