//! Power cuts at random moments: what was acknowledged is found, once, where it was said to be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::batch::Batch;
use model::{Durability, Offset, Timestamp};
use replication::{AnswerSink, LogGroup, LogSettings, ProduceOutcome};
use segment_log::disk::SimulatedDisk;

use crate::harness::{Answers, Process, batch, read_all, small_segments};

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end.max(1)
    }
}

/// The seeds to run: the one from `STRAND_TEST_SEED`, or a few.
fn seeds() -> Vec<u64> {
    match std::env::var("STRAND_TEST_SEED") {
        Ok(seed) => vec![seed.parse().expect("STRAND_TEST_SEED is a number")],
        Err(_) => (1..=12).collect(),
    }
}

/// What clients were told over all lives of the broker.
#[derive(Default)]
struct Told {
    /// Batch by base offset.
    acknowledged: BTreeMap<u64, String>,
    log_start: u64,
    next: u64,
}

impl Told {
    /// What must hold after each start.
    fn check(&mut self, group: &LogGroup, seed: u64) {
        let status = group.status();
        assert!(
            status.log_start.get() >= self.log_start,
            "seed {seed}: the log start went back from {} to {}",
            self.log_start,
            status.log_start
        );
        self.log_start = status.log_start.get();
        let mut texts = BTreeSet::new();
        let mut by_offset = BTreeMap::new();
        for found in read_all(group, status.log_start) {
            let text = text_of(&found);
            assert!(
                texts.insert(text.clone()),
                "seed {seed}: {text} is there twice"
            );
            by_offset.insert(found.header().base_offset().get(), text);
        }
        let kept = self.acknowledged.range(self.log_start..);
        for (offset, text) in kept {
            assert_eq!(
                by_offset.get(offset),
                Some(text),
                "seed {seed}: {text} was acknowledged at {offset}"
            );
        }
    }
}

fn text_of(batch: &Batch) -> String {
    let records = batch.records();
    let text: Vec<u8> = records
        .iter()
        .copied()
        .skip_while(|byte| *byte != b'<')
        .take_while(|byte| *byte != b'>')
        .collect();
    String::from_utf8(text).unwrap()
}

/// One life of the broker, ended by a power cut or a kill; with `page-cache`, by a kill, which it promises to survive.
async fn live(
    disk: &SimulatedDisk,
    durability: Durability,
    chance: &mut Chance,
    told: &mut Told,
    seed: u64,
) {
    let settings = LogSettings {
        durability,
        ..small_segments()
    };
    let process = Process::start(disk.mount());
    let group = process.serve(&settings).await;
    told.check(&group, seed);
    let answers = Arc::new(Answers::default());
    let sink: Arc<dyn AnswerSink> = answers.clone();
    let first = told.next;
    for _ in 0..chance.below(40) {
        let text = format!("<{}", told.next);
        // One record each, so that a batch's offset tells all.
        let proposed = group.propose(batch(&format!("{text}>"), 1), &sink, told.next);
        proposed.await.unwrap();
        match chance.below(8) {
            0 => {
                answers.wait_for(told.next).await;
            }
            1 => {
                let high_watermark = group.status().high_watermark.get();
                let to = Offset::new(chance.below(high_watermark + 1));
                let never = Timestamp::from_millis(0);
                let moved = group.set_log_start(to, never).await.unwrap();
                told.log_start = told.log_start.max(moved.get());
            }
            _ => {}
        }
        told.next += 1;
    }
    // In the middle of whatever is going on.
    for _ in 0..chance.below(20) {
        tokio::task::yield_now().await;
    }
    match (durability, chance.below(3)) {
        (Durability::PageCache, _) | (_, 0) => disk.kill(),
        _ => disk.crash(),
    }
    drop(group);
    process.vanish().await;
    for tag in first..told.next {
        match answers.get(tag) {
            Some(ProduceOutcome::Appended { base_offset, .. }) => {
                let text = format!("<{tag}");
                told.acknowledged.insert(base_offset.get(), text);
            }
            Some(ProduceOutcome::Unknown) => {}
            other => panic!("seed {seed}: batch {tag} got {other:?}"),
        }
    }
}

async fn lives(durability: Durability, seed: u64) {
    println!("STRAND_TEST_SEED={seed}");
    let disk = SimulatedDisk::new(seed);
    let mut chance = Chance(seed);
    let mut told = Told::default();
    for _ in 0..12 {
        live(&disk, durability, &mut chance, &mut told, seed).await;
    }
    let process = Process::start(disk.mount());
    let group = process.serve(&small_segments()).await;
    told.check(&group, seed);
    assert!(!told.acknowledged.is_empty());
    drop(group);
    process.stop().await;
}

#[tokio::test]
async fn what_was_acknowledged_is_found_once_where_it_was_said_after_any_power_cut() {
    for seed in seeds() {
        lives(Durability::Fsync, seed).await;
    }
}

#[tokio::test]
async fn what_was_acknowledged_as_written_is_found_after_any_kill() {
    for seed in seeds() {
        lives(Durability::PageCache, seed).await;
    }
}
