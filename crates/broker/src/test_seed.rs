//! Random tests that can be had again: the seed is printed, and may be given as STRAND_TEST_SEED.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A generator whose seed a failing test shows.
pub(crate) fn seeded() -> StdRng {
    let seed = match std::env::var("STRAND_TEST_SEED") {
        Ok(text) => text.parse().expect("STRAND_TEST_SEED is a number"),
        Err(_) => rand::rng().random::<u64>(),
    };
    println!("STRAND_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}
