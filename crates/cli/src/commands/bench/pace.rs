//! When the batches of a stream are due, and when there are no more.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// What all streams together still have to send.
#[derive(Clone, Debug)]
pub(super) struct Quota {
    records: Rc<Cell<u64>>,
    used_up: Rc<Notify>,
    until: Option<Instant>,
}

impl Quota {
    pub(super) fn new(records: Option<u64>, duration: Option<Duration>) -> Self {
        Self {
            records: Rc::new(Cell::new(records.unwrap_or(u64::MAX))),
            used_up: Rc::default(),
            until: duration.map(|duration| Instant::now() + duration),
        }
    }

    /// Takes up to `records` of what is left; 0 where nothing is.
    pub(super) fn take(&self, records: u64) -> u64 {
        if self.until.is_some_and(|until| Instant::now() >= until) {
            return 0;
        }
        let left = self.records.get();
        let taken = left.min(records);
        self.records.set(left - taken);
        if self.is_used_up() {
            self.used_up.notify_waiters();
        }
        taken
    }

    /// Ends it.
    pub(super) fn end(&self) {
        self.records.set(0);
    }

    /// Whether no record is left.
    pub(super) fn is_used_up(&self) -> bool {
        self.records.get() == 0
    }

    /// Waits until no record is left. All that share the quota run on one thread, so the last one is not missed.
    pub(super) async fn used_up(&self) {
        if !self.is_used_up() {
            self.used_up.notified().await;
        }
    }

    /// When it ends by the clock.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }
}

/// When each batch of a stream is due. A batch that goes out late counts from when it was due, so that a broker that
/// stalls cannot hide the wait of those behind it.
#[derive(Debug)]
pub(super) struct Pace {
    next: Instant,
    interval: Duration,
}

impl Pace {
    /// One of `streams` that together send `rate` records a second, in batches of `records`.
    pub(super) fn new(rate: u64, records: u32, stream: u32, streams: u32) -> Self {
        let interval =
            Duration::from_secs_f64(f64::from(records) * f64::from(streams) / rate.max(1) as f64);
        // Streams take turns.
        let next = Instant::now() + interval.mul_f64(f64::from(stream) / f64::from(streams.max(1)));
        Self { next, interval }
    }

    /// When the next batch is due.
    pub(super) fn due(&self) -> Instant {
        self.next
    }

    /// The next batch is on its way: the one behind it comes next.
    pub(super) fn advance(&mut self) {
        self.next += self.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_shared_and_never_overdrawn() {
        let quota = Quota::new(Some(5), None);
        let other = quota.clone();
        assert_eq!((quota.take(3), other.take(3), quota.take(3)), (3, 2, 0));
        assert_eq!(Quota::new(None, Some(Duration::ZERO)).take(1), 0);
    }

    #[test]
    fn batches_are_due_at_the_rate_whatever_becomes_of_them() {
        let mut pace = Pace::new(1000, 10, 0, 2);
        let first = pace.due();
        pace.advance();
        pace.advance();
        assert_eq!(pace.due() - first, Duration::from_millis(40));
    }
}
