//! P4: durable produce of 1 KiB batches into one partition, against the bare group-commit flusher with 64 callers.

use std::time::Duration;

use anyhow::Result;

use super::Setup;
use crate::broker::{Broker, Durability};
use crate::floor::group_commit;
use crate::harness::{Bound, Figure, Pass, Rounds, Scratch, Subject, alternate};
use crate::load::{ClosedLoop, Until, encoded_batch, produce_frame};

pub(super) const BATCH_BYTES: usize = 1 << 10;
pub(super) const CALLERS: usize = 64;
pub(super) const WARM_UP: Duration = Duration::from_millis(300);
pub(super) const MEASURED: Duration = Duration::from_millis(1500);

const FLOOR: usize = 2;

/// P4: batches per second and p99, for 64 streams of one in flight, and for one stream of 64.
pub(super) fn measure(setup: &Setup) -> Result<Vec<Figure>> {
    let scratch = Scratch::new()?;
    let batch = encoded_batch(BATCH_BYTES, 1)?;
    let broker = Broker::start(&setup.broker, &scratch.path().join("data"))?;
    broker.create_topic("durable", 1, Durability::Fsync)?;
    let message = produce_frame("durable", 0, batch.clone())?;
    let load = |streams: usize, in_flight: usize| ClosedLoop {
        streams: vec![vec![message.clone()]; streams],
        in_flight,
        until: Until::Time {
            warm_up: WARM_UP,
            measured: MEASURED,
        },
        batch_bytes: BATCH_BYTES,
    };
    let (many, one) = (load(CALLERS, 1), load(1, CALLERS));
    let rounds = alternate(
        setup.rounds,
        vec![
            Subject::new("64 streams of one in flight", || {
                broker.measure(|address| many.run(address))
            }),
            Subject::new("one stream of 64 in flight", || {
                broker.measure(|address| one.run(address))
            }),
            Subject::new("floor: group commit, 64 callers", || {
                group_commit(scratch.path(), &batch, CALLERS, WARM_UP, MEASURED)
            }),
        ],
    )?;
    let mut figures = Vec::new();
    for (subject, how, bound) in [
        (0, "64 streams of one in flight", 0.8),
        (1, "one stream of 64 in flight", 1.2),
    ] {
        figures.push(rate(&rounds, subject, how, bound));
        figures.push(tail(&rounds, subject, how));
    }
    Ok(figures)
}

fn rate(rounds: &Rounds, subject: usize, how: &str, bound: f64) -> Figure {
    Figure {
        target: "P4",
        what: format!("durable produce, 1 KiB batches, one partition, {how}, rate"),
        measured: rounds.median(subject, Pass::batches_per_second),
        unit: "batches/s",
        floor_is: "group commit, 64 callers",
        floor: Some(rounds.median(FLOOR, Pass::batches_per_second)),
        compared: rounds.ratio(subject, FLOOR, Pass::batches_per_second),
        compared_unit: "x",
        bound: Bound::AtLeast(bound),
        note: "limited by the time of a sync and by wake-ups".to_owned(),
    }
}

fn tail(rounds: &Rounds, subject: usize, how: &str) -> Figure {
    Figure {
        target: "P4",
        what: format!("durable produce, 1 KiB batches, one partition, {how}, p99"),
        measured: rounds.median(subject, Pass::p99),
        unit: "us",
        floor_is: "group commit, 64 callers",
        floor: Some(rounds.median(FLOOR, Pass::p99)),
        compared: rounds.ratio(subject, FLOOR, Pass::p99),
        compared_unit: "x",
        bound: Bound::AtMost(2.0),
        note: "under other load a p99 measures the scheduler: compare it with the floor's only"
            .to_owned(),
    }
}
