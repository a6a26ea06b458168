//! The seam to time: what reads the clock takes a [`Clock`], so that a simulation can own it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use crate::Timestamp;

/// The wall clock.
pub trait Clock: Send + Sync + 'static {
    /// Now. It may jump, forwards and backwards.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_system_time(SystemTime::now())
    }
}

/// A clock that stands still until it is moved. Clones share one time.
#[derive(Clone, Debug)]
pub struct SimulatedClock(Arc<AtomicI64>);

impl SimulatedClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.as_millis())))
    }

    /// Moves the clock forwards.
    pub fn advance(&self, duration: Duration) {
        self.set(self.now().plus(duration));
    }

    /// Sets the clock, to whichever side.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_clock_moves_only_when_told() {
        let clock = SimulatedClock::new(Timestamp::from_millis(5));
        let other = clock.clone();
        clock.advance(Duration::from_millis(7));
        assert_eq!(other.now(), Timestamp::from_millis(12));
    }

    #[test]
    fn the_system_clock_shows_this_century() {
        assert!(SystemClock.now() > Timestamp::from_millis(946_684_800_000));
    }
}
