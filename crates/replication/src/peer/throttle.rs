//! So many bytes per second, for what may wait: followers far behind are fed from sealed segments through it, so that
//! they leave the disk and the network to those that are not.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// How much may be taken at once after a rest, as time at the full rate.
const BURST: Duration = Duration::from_millis(100);

/// A bound in bytes per second, shared by all who take from it, in the order in which they ask.
#[derive(Debug)]
pub struct Throttle {
    bytes_per_second: u64,
    /// When all that has been taken so far is paid for.
    paid: Mutex<Option<Instant>>,
}

impl Throttle {
    /// A bound; 0 is none.
    pub fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second,
            paid: Mutex::new(None),
        }
    }

    /// Waits for the turn of these bytes, however many: whoever comes next pays for them.
    pub async fn take(&self, bytes: u64) {
        if self.bytes_per_second == 0 {
            return;
        }
        let turn = {
            let mut paid = self.paid.lock();
            let now = Instant::now();
            let earliest = now.checked_sub(BURST).unwrap_or(now);
            let turn = paid.unwrap_or(earliest).max(earliest);
            #[allow(clippy::cast_precision_loss, reason = "a rate is no count")]
            let cost = bytes as f64 / self.bytes_per_second as f64;
            *paid = Some(turn + Duration::try_from_secs_f64(cost).unwrap_or(Duration::MAX / 4));
            turn
        };
        sleep_until(turn).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bytes_pass_at_the_rate_after_a_short_burst() {
        let throttle = Throttle::new(1_000_000);
        let began = Instant::now();
        for _ in 0..50 {
            throttle.take(100_000).await;
        }
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(4_700), "{took:?}");
        assert!(took <= Duration::from_millis(5_000), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_bound_nobody_waits() {
        let began = Instant::now();
        Throttle::new(0).take(u64::MAX).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
