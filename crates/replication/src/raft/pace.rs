//! Holds back what feeds followers from the disk, so that it leaves some of the disk and the network to others.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How much may be read at once after a while of rest.
const BURST: Duration = Duration::from_millis(100);

/// A bound on bytes per second, shared by all groups of a data directory.
#[derive(Debug)]
pub(crate) struct Pace {
    bytes_per_second: u64,
    /// When what was read so far is paid for.
    paid_at: Mutex<Option<Instant>>,
}

impl Pace {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second: bytes_per_second.max(1),
            paid_at: Mutex::default(),
        }
    }

    /// Waits until that much may be read.
    pub(crate) async fn take(&self, bytes: u64) {
        let now = Instant::now();
        let cost = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        let paid_at = {
            let mut paid_at = self.paid_at.lock();
            let from = paid_at
                .unwrap_or(now)
                .max(now.checked_sub(BURST).unwrap_or(now));
            *paid_at.insert(from + cost)
        };
        if paid_at > now {
            tokio::time::sleep_until(paid_at).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_what_follows_is_held_back() {
        let pace = Pace::new(1_000);
        let start = Instant::now();
        pace.take(100).await;
        let burst = start.elapsed();
        assert!(burst <= BURST, "{burst:?}");
        for _ in 0..10 {
            pace.take(100).await;
        }
        let all = start.elapsed();
        assert!(all >= Duration::from_millis(900), "{all:?}");
        assert!(all <= Duration::from_millis(1_200), "{all:?}");
    }
}
