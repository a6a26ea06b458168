//! P7: durable produce on three brokers, against a round trip and a local durable commit, and against one broker.

use std::time::Duration;

use anyhow::Result;

use super::Setup;
use super::durable::{BATCH_BYTES, MEASURED, WARM_UP};
use crate::broker::{Broker, Durability};
use crate::cluster::Cluster;
use crate::floor::{FloorServer, group_commit};
use crate::harness::{Bound, Figure, Latencies, Pass, Rounds, Scratch, Subject, alternate};
use crate::load::{ClosedLoop, Until, encoded_batch, produce_frame, raw_ping_pong};

/// Batches of one in flight, and of 64.
const ALONE: u64 = 400;
const TOGETHER: u64 = 6_000;
const IN_FLIGHT: usize = 64;

const TOPIC: &str = "quorum";

/// P7: the median of one in flight, and the CPU time of 64 in flight.
pub(super) fn measure(setup: &Setup) -> Result<Vec<Figure>> {
    let scratch = Scratch::new()?;
    let batch = encoded_batch(BATCH_BYTES, 1)?;
    let cluster = Cluster::start(&setup.broker, scratch.path())?;
    cluster.create_topic(TOPIC, 1, Durability::Fsync)?;
    let leader = cluster.leaders(TOPIC)?.first().copied().unwrap_or(0);
    let leader = cluster.address(leader)?;
    let one = Broker::start(&setup.broker, &scratch.path().join("one"))?;
    one.create_topic(TOPIC, 1, Durability::Fsync)?;
    let (_echo, echo) = FloorServer::RawEcho.start(scratch.path())?;
    let message = produce_frame(TOPIC, 0, batch.clone())?;
    let load = |in_flight, batches| ClosedLoop {
        streams: vec![vec![message.clone()]],
        in_flight,
        until: Until::Batches(batches),
        batch_bytes: BATCH_BYTES,
    };
    let (alone, together) = (load(1, ALONE), load(IN_FLIGHT, TOGETHER));
    let rounds = alternate(
        setup.rounds,
        vec![
            Subject::new("three brokers, one in flight", || {
                cluster.measure(|| alone.run(leader))
            }),
            Subject::new("floor: round trip + local commit", || {
                let there = raw_ping_pong(echo, &batch, ALONE)?;
                let commit = group_commit(scratch.path(), &batch, 1, WARM_UP, MEASURED)?;
                Ok(one_latency(there.p50() + commit.p50()))
            }),
            Subject::new("one broker, one in flight", || {
                one.measure(|address| alone.run(address))
            }),
            Subject::new("three brokers, 64 in flight", || {
                cluster.measure(|| together.run(leader))
            }),
            Subject::new("one broker, 64 in flight", || {
                one.measure(|address| together.run(address))
            }),
        ],
    )?;
    Ok(vec![latency(&rounds), against_one(&rounds), cpu(&rounds)])
}

/// A pass of which only a latency is known, in microseconds.
fn one_latency(microseconds: f64) -> Pass {
    let mut latencies = Latencies::default();
    latencies.record(Duration::from_secs_f64(microseconds / 1e6));
    Pass {
        latencies,
        ..Pass::default()
    }
}

fn latency(rounds: &Rounds) -> Figure {
    Figure {
        target: "P7",
        what: "durable produce on three brokers, 1 KiB, one in flight, p50".to_owned(),
        measured: rounds.median(0, Pass::p50),
        unit: "us",
        floor_is: "TCP round trip + write and sync",
        floor: Some(rounds.median(1, Pass::p50)),
        compared: rounds.ratio(0, 1, Pass::p50),
        compared_unit: "x",
        bound: Bound::AtMost(1.5),
        note: "the leader and a follower sync at the same time, on one disk here, and every process shares the \
               processors"
            .to_owned(),
    }
}

fn against_one(rounds: &Rounds) -> Figure {
    Figure {
        target: "P7",
        what: "the same, against one broker".to_owned(),
        measured: rounds.median(0, Pass::p50),
        unit: "us",
        floor_is: "one broker",
        floor: Some(rounds.median(2, Pass::p50)),
        compared: rounds.ratio(0, 2, Pass::p50),
        compared_unit: "x",
        bound: Bound::None,
        note: String::new(),
    }
}

fn cpu(rounds: &Rounds) -> Figure {
    let microseconds = |pass: &Pass| pass.server_cpu_seconds * 1e6 / pass.batches as f64;
    Figure {
        target: "P7",
        what: "CPU of three brokers, durable produce, 1 KiB, 64 in flight".to_owned(),
        measured: rounds.median(3, microseconds),
        unit: "us/batch",
        floor_is: "one broker",
        floor: Some(rounds.median(4, microseconds)),
        compared: rounds.ratio(3, 4, microseconds),
        compared_unit: "x",
        bound: Bound::AtMost(3.3),
        note: "all three together: each writes and syncs, the leader sends twice".to_owned(),
    }
}
