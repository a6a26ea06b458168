//! P10: from starting the process to the first acknowledged record, on an empty directory and after `kill -9`.

use std::time::Instant;

use anyhow::Result;
use bytes::Bytes;

use super::Setup;
use super::bulk_produce;
use super::durable::BATCH_BYTES;
use crate::broker::{Broker, Durability};
use crate::floor::FloorServer;
use crate::harness::{Bound, Figure, Pass, Scratch, Spread, Subject, alternate};
use crate::load::{ClosedLoop, Until, encoded_batch, produce_frame};

/// What is in the log when the broker is killed: all in its last segment, so that all of it may be scanned.
const TAIL_BATCHES: u64 = 1_500;
/// What the scan of a tail may add, in bytes per second.
const SCAN_RATE: f64 = 5e9;
const KILLS: usize = 5;

/// P10, both halves.
pub(super) fn measure(setup: &Setup) -> Result<Vec<Figure>> {
    Ok(vec![first_start(setup)?, after_kill(setup)?])
}

fn first_start(setup: &Setup) -> Result<Figure> {
    let scratch = Scratch::new()?;
    let message = produce_frame("first", 0, encoded_batch(BATCH_BYTES, 1)?)?;
    let mut starts = 0;
    let broker = || {
        starts += 1;
        let data = scratch.path().join(format!("data-{starts}"));
        let (seconds, broker) = start_and_acknowledge(setup, &data, &message)?;
        broker.stop()?;
        Ok(seconds)
    };
    let rounds = alternate(
        setup.rounds,
        vec![
            Subject::new("start of a broker", broker),
            Subject::new("start of a process", || {
                let start = Instant::now();
                FloorServer::Nothing.start(scratch.path())?;
                Ok(Pass {
                    seconds: start.elapsed().as_secs_f64(),
                    ..Pass::default()
                })
            }),
        ],
    )?;
    let milliseconds = |pass: &Pass| pass.seconds * 1e3;
    Ok(Figure {
        target: "P10",
        what: "start on an empty directory to the first acknowledged record, topic created by it, fsync".to_owned(),
        measured: rounds.median(0, milliseconds),
        unit: "ms",
        floor_is: "start of a process",
        floor: Some(rounds.median(1, milliseconds)),
        compared: rounds.values(0, milliseconds),
        compared_unit: "ms",
        bound: Bound::AtMost(50.0),
        note: "limited by the syncs of new files and directories, one behind the other".to_owned(),
    })
}

fn after_kill(setup: &Setup) -> Result<Figure> {
    let scratch = Scratch::new()?;
    let large = encoded_batch(bulk_produce::BATCH_BYTES, 1)?;
    let small = produce_frame("killed", 0, encoded_batch(BATCH_BYTES, 1)?)?;
    let mut taken = Vec::new();
    for kill in 0..KILLS {
        let data = scratch.path().join(format!("data-{kill}"));
        let broker = Broker::start(&setup.broker, &data)?;
        broker.create_topic("killed", 1, Durability::PageCache)?;
        let fill = ClosedLoop {
            streams: vec![vec![produce_frame("killed", 0, large.clone())?]],
            in_flight: 64,
            until: Until::Batches(TAIL_BATCHES),
            batch_bytes: bulk_produce::BATCH_BYTES,
        };
        fill.run(broker.address())?;
        broker.kill()?;
        let (pass, broker) = start_and_acknowledge(setup, &data, &small)?;
        eprintln!("  start after kill -9 {kill}: {}", pass.summary());
        taken.push(pass.seconds * 1e3);
        broker.stop()?;
        std::fs::remove_dir_all(&data)?;
    }
    let tail_bytes = TAIL_BATCHES as f64 * bulk_produce::BATCH_BYTES as f64;
    let compared = Spread::of(taken);
    Ok(Figure {
        target: "P10",
        what: format!(
            "start after kill -9 to the first acknowledged record, {:.0} MB in the last segment",
            tail_bytes / 1e6
        ),
        measured: compared.median,
        unit: "ms",
        floor_is: "",
        floor: None,
        compared,
        compared_unit: "ms",
        bound: Bound::AtMost(100.0 + tail_bytes / SCAN_RATE * 1e3),
        note: "100 ms and the tail at 5 GB/s; the tail is in the page cache".to_owned(),
    })
}

/// Starts a broker and has it acknowledge one batch: how long that took together.
fn start_and_acknowledge(
    setup: &Setup,
    data: &std::path::Path,
    message: &Bytes,
) -> Result<(Pass, Broker)> {
    let start = Instant::now();
    let broker = Broker::start(&setup.broker, data)?;
    let one = ClosedLoop {
        streams: vec![vec![message.clone()]],
        in_flight: 1,
        until: Until::Batches(1),
        batch_bytes: BATCH_BYTES,
    };
    one.run(broker.address())?;
    let pass = Pass {
        seconds: start.elapsed().as_secs_f64(),
        ..Pass::default()
    };
    Ok((pass, broker))
}
