//! Batches to append, a disk to reopen, and a seeded source of chance.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::batch::control::{self, ControlKind};
use model::batch::{Batch, BatchBuilder, Codec};
use model::clock::SimulatedClock;
use model::{LogIndex, Offset, Term, Timestamp};
use segment_log::disk::{Disk, SimulatedDisk};
use segment_log::{Log, LogDirectory, LogDirectorySettings, LogSettings, OnDurable, OpenLogError};

/// SplitMix64: small, seeded, good enough to choose test steps.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

/// The seeds to run: the one from `STRAND_TEST_SEED`, or as many as `STRAND_TEST_SEEDS` says, or `count` of them.
pub(crate) fn seeds(count: u64) -> Vec<u64> {
    if let Ok(seed) = std::env::var("STRAND_TEST_SEED") {
        return vec![seed.parse().expect("STRAND_TEST_SEED is a number")];
    }
    let wanted = std::env::var("STRAND_TEST_SEEDS").ok();
    let wanted = wanted.map(|count| count.parse().expect("STRAND_TEST_SEEDS is a number"));
    (1..=wanted.unwrap_or(count)).collect()
}

pub(crate) fn path() -> &'static Path {
    Path::new("partitions/topic/0")
}

pub(crate) fn small_segments() -> LogSettings {
    LogSettings {
        segment_bytes: 1500,
        index_interval_bytes: 200,
        tail_cache_bytes: 300,
        ..LogSettings::default()
    }
}

/// A directory whose logs are synced by the test itself.
pub(crate) fn directory(disk: Arc<dyn Disk>) -> Arc<LogDirectory> {
    try_directory(disk).expect("the directory opens")
}

pub(crate) fn try_directory(disk: Arc<dyn Disk>) -> Option<Arc<LogDirectory>> {
    let settings = LogDirectorySettings {
        sync_threads: 0,
        open_segments_max: NonZeroUsize::new(2).expect("two"),
    };
    let clock = Arc::new(SimulatedClock::new(Timestamp::from_millis(1_000)));
    LogDirectory::open(disk, clock, settings).ok()
}

pub(crate) fn open(disk: &SimulatedDisk, settings: &LogSettings) -> Result<Log, OpenLogError> {
    directory(disk.mount()).open_log(path(), settings.clone())
}

/// A stamped batch of `records` records with values of `bytes` bytes.
pub(crate) fn records(offset: u64, term: u64, records: u64, bytes: usize, time: i64) -> Batch {
    let mut builder = BatchBuilder::new(Codec::None);
    for n in 0..records {
        let value = vec![b'a' + (offset + n) as u8 % 26; bytes];
        builder.push(Timestamp::from_millis(time), None, Some(&value), &[]);
    }
    stamped(builder.build().expect("builds"), offset, term)
}

pub(crate) fn internal(offset: u64, term: u64, payload: &[u8]) -> Batch {
    let batch = control::encode(
        ControlKind::Blank,
        payload,
        Timestamp::from_millis(i64::MAX),
    );
    stamped(batch, offset, term)
}

fn stamped(mut batch: Batch, offset: u64, term: u64) -> Batch {
    batch.stamp(Offset::new(offset), Term::new(term).expect("a term"));
    batch
}

/// A callback that notes the end which it was told to be durable.
pub(crate) fn acknowledging(acknowledged: &Arc<AtomicU64>, end: u64) -> OnDurable {
    let acknowledged = acknowledged.clone();
    Box::new(move |outcome| {
        if outcome.is_ok() {
            acknowledged.fetch_max(end, Ordering::SeqCst);
        }
    })
}

pub(crate) fn ignore() -> OnDurable {
    Box::new(|_| ())
}

/// Appends batches of one record each until the log has `count` entries, all of term 1.
pub(crate) fn fill(log: &Log, count: u64) {
    for index in log.ends().end_index.get()..count {
        let batch = records(log.ends().end_offset.get(), 1, 1, 100, index as i64);
        log.append(LogIndex::new(index), vec![batch], ignore())
            .expect("appends");
    }
}

/// Every entry in the log, read by index.
pub(crate) fn entries(log: &Log) -> Vec<Batch> {
    let ends = log.ends();
    let mut found = Vec::new();
    let mut at = ends.first_index;
    while at < ends.end_index {
        let read = log.read_entries(at..ends.end_index, 700).expect("reads");
        assert!(!read.is_empty(), "nothing at {at}");
        for (index, batch) in read {
            assert_eq!(index, at);
            found.push(batch);
            at = at.next();
        }
    }
    found
}

/// What a disk with a limit says is gone.
pub(crate) fn used_bytes(disk: &SimulatedDisk) -> u64 {
    disk.set_capacity(1 << 40);
    (1 << 40) - disk.mount().free_bytes().unwrap()
}
