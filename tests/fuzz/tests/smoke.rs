//! Every target on seeded inputs: random ones, and the corpora with a few bytes changed. `STRAND_FUZZ_INPUTS` sets how
//! many for each, `STRAND_TEST_SEED` the seed.

use std::fs;
use std::path::Path;
use std::time::Instant;

use strandline_fuzz::TARGETS;

#[test]
fn every_target_takes_random_and_changed_inputs() {
    let count = number("STRAND_FUZZ_INPUTS", 2_000);
    let seed = number("STRAND_TEST_SEED", 1);
    println!("STRAND_TEST_SEED={seed}");
    for (name, run) in TARGETS {
        let corpus = corpus(name);
        let mut chance = Chance(seed);
        let started = Instant::now();
        for _ in 0..count {
            run(&input(&corpus, &mut chance));
        }
        println!(
            "{name}: {count} inputs, {} in the corpus, {:?}",
            corpus.len(),
            started.elapsed()
        );
    }
}

fn number(variable: &str, default: u64) -> u64 {
    let set = std::env::var(variable).ok();
    set.map_or(default, |set| set.parse().expect("a number"))
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let mut paths: Vec<_> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).expect("an input"))
        .collect()
}

fn input(corpus: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let picked = corpus.get(chance.below(corpus.len() as u64 + 1) as usize);
    let mut bytes = picked.cloned().unwrap_or_else(|| {
        let length = chance.below(400);
        (0..length).map(|_| chance.byte()).collect()
    });
    for _ in 0..chance.below(5) {
        let at = chance.below(bytes.len() as u64 + 1) as usize;
        match chance.below(3) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, chance.byte()),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = chance.byte();
                }
            }
        }
    }
    bytes
}

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// Small numbers and edges more often than others: they are what lengths and counts are made of.
    fn byte(&mut self) -> u8 {
        match self.below(4) {
            0 => self.below(8) as u8,
            1 => [0, 1, 2, 127, 128, 255][self.below(6) as usize],
            _ => self.next() as u8,
        }
    }
}
