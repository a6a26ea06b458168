//! A seeded source of chance, so that a failing run can be had again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// SplitMix64: small, seeded, good enough to choose test steps.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The source that starts from `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A new seed, or the one of `STRAND_TEST_SEED`; printed, so that a failing test shows it.
    pub fn seeded() -> Self {
        let seed = match std::env::var("STRAND_TEST_SEED") {
            Ok(text) => text.parse().expect("STRAND_TEST_SEED is a number"),
            Err(_) => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(1, |now| now.as_nanos() as u64),
        };
        println!("STRAND_TEST_SEED={seed}");
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next_u64() % end.max(1)
    }

    /// One of `choices`, which must not be empty.
    pub fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// A duration from `least` to below `end`.
    pub fn duration(&mut self, least: Duration, end: Duration) -> Duration {
        let span = end.saturating_sub(least).as_micros() as u64;
        least + Duration::from_micros(self.below(span))
    }

    /// `count` bytes of any value.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next_u64() as u8).collect()
    }
}
