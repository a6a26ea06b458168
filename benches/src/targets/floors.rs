//! The floors alone: what this machine can do, and how far apart two equal things are measured on it.

use anyhow::Result;

use super::Setup;
use super::bulk_produce::{BATCH_BYTES, RawReceiver};
use super::catch_up::write_file;
use super::durable::{self, CALLERS, MEASURED, WARM_UP};
use crate::floor::{FloorServer, group_commit};
use crate::harness::{Bound, Figure, Pass, Rounds, Scratch, Subject, alternate};
use crate::load::{
    ClosedLoop, Until, encoded_batch, produce_frame, raw_ping_pong, receive_all, subscribe,
};

/// P1's floor against itself.
pub(super) fn against_itself(setup: &Setup) -> Result<Vec<Figure>> {
    let scratch = Scratch::new()?;
    let batch = encoded_batch(BATCH_BYTES, 1)?;
    let floor = RawReceiver::start(FloorServer::Receive, &scratch)?;
    let rounds = alternate(
        setup.rounds,
        vec![
            Subject::new("A", || floor.pass(&batch)),
            Subject::new("A again", || floor.pass(&batch)),
        ],
    )?;
    let figure = |what: &str, unit, of: fn(&Pass) -> f64| Figure {
        target: "A/A",
        what: format!("receive + CRC-32C + pwrite against itself, {what}"),
        measured: rounds.median(0, of),
        unit,
        floor_is: "the same",
        floor: Some(rounds.median(1, of)),
        compared: rounds.ratio(0, 1, of),
        compared_unit: "x",
        bound: Bound::None,
        note: "a difference smaller than this one's spread is none".to_owned(),
    };
    Ok(vec![
        figure("CPU", "cpu-s/GB", Pass::cpu_seconds_per_gigabyte),
        figure("throughput", "GB/s", Pass::gigabytes_per_second),
    ])
}

/// Every floor, without a broker.
pub(super) fn all(setup: &Setup) -> Result<Vec<Figure>> {
    let scratch = Scratch::new()?;
    let batch = encoded_batch(BATCH_BYTES, 1)?;
    let small = encoded_batch(durable::BATCH_BYTES, 1)?;
    let file = write_file(scratch.path(), &batch)?;
    let receive = RawReceiver::start(FloorServer::Receive, &scratch)?;
    let overlapped = RawReceiver::start(FloorServer::ReceiveOverlapped, &scratch)?;
    let (sender, sender_address) = FloorServer::SendFile.start(&file)?;
    let (stub, stub_address) = FloorServer::StubBroker.start(&file)?;
    let (echo, echo_address) = FloorServer::RawEcho.start(scratch.path())?;
    let bytes = file.metadata()?.len();
    let ping_pong = ClosedLoop {
        streams: vec![vec![produce_frame("echo", 0, small.clone())?]],
        in_flight: 1,
        until: Until::Batches(4_000),
        batch_bytes: small.len(),
    };
    let bulk = ClosedLoop {
        streams: vec![vec![produce_frame("echo", 0, batch.clone())?]],
        in_flight: 64,
        until: Until::Batches(bytes / batch.len() as u64),
        batch_bytes: batch.len(),
    };
    let rounds = alternate(
        setup.rounds,
        vec![
            Subject::new("receive", || receive.pass(&batch)),
            Subject::new("receive, overlapped", || overlapped.pass(&batch)),
            Subject::new("tonic bulk produce", || {
                stub.measure(|| bulk.run(stub_address))
            }),
            Subject::new("group commit", || {
                group_commit(scratch.path(), &small, CALLERS, WARM_UP, MEASURED)
            }),
            Subject::new("tonic echo", || {
                stub.measure(|| ping_pong.run(stub_address))
            }),
            Subject::new("raw echo", || {
                echo.measure(|| raw_ping_pong(echo_address, &small, 4_000))
            }),
            Subject::new("sendfile", || {
                sender.measure(|| receive_all(sender_address))
            }),
            Subject::new("tonic stream", || {
                stub.measure(|| subscribe(stub_address, "file", bytes))
            }),
        ],
    )?;
    let cpu = Pass::cpu_seconds_per_gigabyte;
    let speed = Pass::gigabytes_per_second;
    Ok(vec![
        figure(
            &rounds,
            0,
            "P1",
            "receive + CRC-32C + pwrite",
            "cpu-s/GB",
            cpu,
        ),
        figure(&rounds, 1, "P2", "receive, overlapped", "GB/s", speed),
        figure(
            &rounds,
            2,
            "P1",
            "tonic taking 64 KiB batches",
            "cpu-s/GB",
            cpu,
        ),
        figure(
            &rounds,
            2,
            "P2",
            "tonic taking 64 KiB batches",
            "GB/s",
            speed,
        ),
        figure(
            &rounds,
            3,
            "P4",
            "group commit",
            "batches/s",
            Pass::batches_per_second,
        ),
        figure(&rounds, 3, "P4", "group commit, p99", "us", Pass::p99),
        figure(&rounds, 4, "P6", "tonic echo, p50", "us", Pass::p50),
        figure(&rounds, 5, "P6", "raw TCP echo, p50", "us", Pass::p50),
        figure(&rounds, 6, "P8", "sendfile", "cpu-s/GB", cpu),
        figure(&rounds, 7, "P8", "tonic server stream", "cpu-s/GB", cpu),
    ])
}

fn figure(
    rounds: &Rounds,
    subject: usize,
    target: &'static str,
    what: &str,
    unit: &'static str,
    of: fn(&Pass) -> f64,
) -> Figure {
    Figure {
        target,
        what: format!("floor: {what}"),
        measured: rounds.median(subject, of),
        unit,
        floor_is: "",
        floor: None,
        compared: rounds.values(subject, of),
        compared_unit: unit,
        bound: Bound::None,
        note: String::new(),
    }
}
