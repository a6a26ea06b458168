//! The storage alone, in this process, against the bare system calls: what a broker cannot be better than.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use model::batch::{Batch, CRC_COVERS_FROM, ProduceLimits, validate_produced};
use model::clock::{Clock, SystemClock};
use model::{Durability, LogIndex, Offset, Term, TimestampType};
use segment_log::disk::{Disk, RealDisk};
use segment_log::{Log, LogDirectory, LogDirectorySettings, LogSettings};

use super::Setup;
use super::bulk_produce::{BATCH_BYTES, BATCHES};
use super::catch_up::write_file;
use super::durable::{self, CALLERS, MEASURED, WARM_UP};
use crate::floor::group_commit;
use crate::harness::{Bound, Figure, Latencies, Pass, Rounds, Scratch, Subject, alternate};
use crate::load::encoded_batch;

/// What one read asks for, in bytes.
const READ_BYTES: usize = 1 << 20;

/// Append, durable append, read, validation; each against its floor.
pub(super) fn measure(setup: &Setup) -> Result<Vec<Figure>> {
    let rounds = setup.rounds;
    Ok(vec![
        append(rounds)?,
        durable_append(rounds)?,
        read(rounds)?,
        validate(rounds)?,
    ])
}

fn append(rounds: usize) -> Result<Figure> {
    let scratch = Scratch::new()?;
    let bytes = encoded_batch(BATCH_BYTES, 1)?;
    let log = || {
        let log = OpenLog::create(scratch.path(), Durability::PageCache)?;
        let pass = timed(|| log.fill(&bytes, BATCHES))?;
        log.remove()?;
        Ok(pass)
    };
    let bare = || {
        let path = scratch.path().join("bare");
        let file = File::create(&path)?;
        let pass = timed(|| {
            for number in 0..BATCHES {
                file.write_all_at(&bytes, number * bytes.len() as u64)?;
            }
            Ok(())
        })?;
        std::fs::remove_file(path)?;
        Ok(pass)
    };
    let subjects = vec![
        Subject::new("Log::append", log),
        Subject::new("pwrite", bare),
    ];
    let what = "append of 64 KiB batches, page-cache";
    Ok(figure(
        &alternate(rounds, subjects)?,
        what,
        "pwrite, growing file",
        SPEED,
    ))
}

fn durable_append(rounds: usize) -> Result<Figure> {
    let scratch = Scratch::new()?;
    let bytes = encoded_batch(durable::BATCH_BYTES, 1)?;
    let log = || {
        let log = OpenLog::create(scratch.path(), Durability::Fsync)?;
        let pass = log.append_durably(&bytes)?;
        log.remove()?;
        Ok(pass)
    };
    let subjects = vec![
        Subject::new("Log::append, fsync", log),
        Subject::new("group commit", || {
            group_commit(scratch.path(), &bytes, CALLERS, WARM_UP, MEASURED)
        }),
    ];
    let what = "durable append of 1 KiB batches, one caller with 64 in flight";
    Ok(figure(
        &alternate(rounds, subjects)?,
        what,
        "group commit, 64 callers",
        RATE,
    ))
}

fn read(rounds: usize) -> Result<Figure> {
    let scratch = Scratch::new()?;
    let bytes = encoded_batch(BATCH_BYTES, 1)?;
    let total = BATCHES * bytes.len() as u64;
    let log = OpenLog::create(scratch.path(), Durability::PageCache)?;
    log.fill(&bytes, BATCHES)?;
    write_file(scratch.path(), &bytes)?;
    let file = RealDisk::new(scratch.path()).open(Path::new("batches"))?;
    let read_log = || {
        timed(|| {
            let (mut at, end) = (Offset::ZERO, Offset::new(BATCHES));
            while at < end {
                at = log.log.read_from(at, end, READ_BYTES)?.next_offset;
            }
            Ok(())
        })
    };
    let slice = || {
        timed(|| {
            for from in (0..total).step_by(READ_BYTES) {
                file.slice(from..total.min(from + READ_BYTES as u64))?;
            }
            Ok(())
        })
    };
    let subjects = vec![
        Subject::new("Log::read_from", read_log),
        Subject::new("populated map", slice),
    ];
    let what = "read of 1 MiB at a time, warm, not touching the bytes";
    Ok(figure(
        &alternate(rounds, subjects)?,
        what,
        "slices of a populated map",
        SPEED,
    ))
}

fn validate(rounds: usize) -> Result<Figure> {
    let bytes = encoded_batch(BATCH_BYTES, 655)?;
    let limits = ProduceLimits {
        batch_bytes_max: 1 << 20,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max: None,
        timestamp_after_max: None,
    };
    let now = SystemClock.now();
    let whole = || {
        timed(|| {
            for _ in 0..BATCHES {
                validate_produced(&Batch::parse(bytes.clone())?, &limits, now)?;
            }
            Ok(())
        })
    };
    let crc = || {
        timed(|| {
            let mut sum = 0;
            for _ in 0..BATCHES {
                let covered = bytes.get(CRC_COVERS_FROM..).unwrap_or_default();
                sum ^= crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, covered);
            }
            ensure!(sum == 0, "an even number of equal sums");
            Ok(())
        })
    };
    let subjects = vec![
        Subject::new("validate_produced", whole),
        Subject::new("CRC-32C alone", crc),
    ];
    let what = "validation of 64 KiB batches of 655 records, in cache";
    Ok(figure(
        &alternate(rounds, subjects)?,
        what,
        "CRC-32C alone",
        SPEED,
    ))
}

type Unit = (&'static str, fn(&Pass) -> f64);
const SPEED: Unit = ("GB/s", Pass::gigabytes_per_second);
const RATE: Unit = ("batches/s", Pass::batches_per_second);

fn figure(rounds: &Rounds, what: &str, floor_is: &'static str, (unit, of): Unit) -> Figure {
    Figure {
        target: "-",
        what: what.to_owned(),
        measured: rounds.median(0, of),
        unit,
        floor_is,
        floor: Some(rounds.median(1, of)),
        compared: rounds.ratio(0, 1, of),
        compared_unit: "x",
        bound: Bound::None,
        note: String::new(),
    }
}

/// How long `BATCHES` batches of 64 KiB take.
fn timed(work: impl FnOnce() -> Result<()>) -> Result<Pass> {
    let start = Instant::now();
    work()?;
    Ok(Pass {
        seconds: start.elapsed().as_secs_f64(),
        bytes: BATCHES * BATCH_BYTES as u64,
        ..Pass::default()
    })
}

/// A log with a directory of its own.
struct OpenLog {
    directory: Arc<LogDirectory>,
    log: Log,
}

impl OpenLog {
    fn create(scratch: &Path, durability: Durability) -> Result<Self> {
        let disk = Arc::new(RealDisk::new(scratch.join("logs")));
        disk.create_directory(Path::new(""))?;
        let settings = LogDirectorySettings::default();
        let directory = LogDirectory::open(disk, Arc::new(SystemClock), settings)?;
        let settings = LogSettings {
            durability,
            ..LogSettings::default()
        };
        let log = directory.open_log(Path::new("log"), settings)?;
        Ok(Self { directory, log })
    }

    fn append(
        &self,
        bytes: &Bytes,
        number: u64,
        done: impl FnOnce() + Send + 'static,
    ) -> Result<()> {
        let mut batch = Batch::parse(bytes.clone())?;
        batch.stamp(Offset::new(number), Term::new(1).context("1 is no term")?);
        let told = Box::new(move |outcome: Result<(), _>| {
            if outcome.is_ok() {
                done();
            }
        });
        self.log.append(LogIndex::new(number), vec![batch], told)?;
        Ok(())
    }

    fn fill(&self, bytes: &Bytes, batches: u64) -> Result<()> {
        (0..batches).try_for_each(|number| self.append(bytes, number, || ()))
    }

    /// Keeps `CALLERS` appends in flight.
    fn append_durably(&self, bytes: &Bytes) -> Result<Pass> {
        let (told, answers) = mpsc::channel();
        let from = Instant::now() + WARM_UP;
        let until = from + MEASURED;
        let (mut sent, mut answered, mut batches) = (0, 0, 0);
        let mut latencies = Latencies::default();
        loop {
            let now = Instant::now();
            while now < until && sent - answered < CALLERS as u64 {
                let told = told.clone();
                self.append(bytes, sent, move || {
                    let _ = told.send(now);
                })?;
                sent += 1;
            }
            if sent == answered {
                break;
            }
            for sent_at in [answers.recv()?].into_iter().chain(answers.try_iter()) {
                answered += 1;
                let now = Instant::now();
                if (from..until).contains(&now) {
                    batches += 1;
                    latencies.record(now - sent_at);
                }
            }
        }
        Ok(Pass {
            seconds: MEASURED.as_secs_f64(),
            bytes: batches * bytes.len() as u64,
            batches,
            latencies,
            ..Pass::default()
        })
    }

    fn remove(self) -> Result<()> {
        self.directory.remove_log(Path::new("log"))?;
        self.directory.close()?;
        Ok(())
    }
}
