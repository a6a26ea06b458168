//! One partition that is read: how far, over which stream, and what stands in the way.

use std::time::Duration;

use model::Offset;
use tokio::time::Instant;

const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// A partition that is read.
#[derive(Debug)]
pub(super) struct Place {
    /// Where to read on.
    pub(super) position: Offset,
    /// Where its leader is said to be.
    pub(super) leader: Option<String>,
    /// Whether a stream brings it.
    pub(super) is_read: bool,
    /// It is not asked for before.
    pub(super) not_before: Instant,
    backoff: Duration,
    /// Since when it cannot be read.
    since: Option<Instant>,
}

impl Place {
    pub(super) fn new(position: Offset) -> Self {
        Self {
            position,
            leader: None,
            is_read: false,
            not_before: Instant::now(),
            backoff: BACKOFF_MIN,
            since: None,
        }
    }

    /// It can be read: trouble is over.
    pub(super) fn is_well(&mut self) {
        self.since = None;
        self.backoff = BACKOFF_MIN;
    }

    /// It could not be read, and is to be asked for again in a moment; since when.
    pub(super) fn fails(&mut self, leader: Option<String>) -> Instant {
        let now = Instant::now();
        self.is_read = false;
        self.leader = leader;
        self.not_before = now + self.backoff;
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
        *self.since.get_or_insert(now)
    }

    /// It is asked for again at once, over another stream.
    pub(super) fn moves(&mut self) {
        self.is_read = false;
        self.not_before = Instant::now();
    }

    /// Whether it cannot be read.
    pub(super) fn is_in_trouble(&self) -> bool {
        self.since.is_some()
    }
}
