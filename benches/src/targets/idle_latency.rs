//! P6: one 1 KiB batch in flight, durability `page-cache`, against echoes.

use anyhow::Result;

use super::Setup;
use super::durable::BATCH_BYTES;
use crate::broker::{Broker, Durability};
use crate::floor::FloorServer;
use crate::harness::{Bound, Figure, OneProcessor, Pass, Rounds, Scratch, Subject, alternate};
use crate::load::{ClosedLoop, Until, encoded_batch, produce_frame, raw_ping_pong};

const ROUND_TRIPS: u64 = 4_000;

/// P6: the median latency over that of a tonic echo, and for comparison over that of a TCP echo.
pub(super) fn measure(setup: &Setup) -> Result<Vec<Figure>> {
    let unpinned = rounds(setup)?;
    let pinned = {
        let _pin = OneProcessor::pin()?;
        rounds(setup)?
    };
    let mut figures = Vec::new();
    for (rounds, how) in [
        (&unpinned, "all processors"),
        (&pinned, "one processor for both ends"),
    ] {
        figures.push(over(rounds, how, 1, "tonic echo", Bound::AtMost(40.0)));
        figures.push(over(rounds, how, 2, "raw TCP echo", Bound::None));
    }
    Ok(figures)
}

fn over(rounds: &Rounds, how: &str, floor: usize, is: &'static str, bound: Bound) -> Figure {
    Figure {
        target: "P6",
        what: format!("idle acknowledge latency, 1 KiB on a gRPC stream, page-cache, {how}, p50"),
        measured: rounds.median(0, Pass::p50),
        unit: "us",
        floor_is: is,
        floor: Some(rounds.median(floor, Pass::p50)),
        compared: rounds.difference(0, floor, Pass::p50),
        compared_unit: "us more",
        bound,
        note: "limited by wake-ups, between processors above all".to_owned(),
    }
}

fn rounds(setup: &Setup) -> Result<Rounds> {
    let scratch = Scratch::new()?;
    let batch = encoded_batch(BATCH_BYTES, 1)?;
    let broker = Broker::start(&setup.broker, &scratch.path().join("data"))?;
    broker.create_topic("idle", 1, Durability::PageCache)?;
    let (stub, stub_address) = FloorServer::StubBroker.start(scratch.path())?;
    let (echo, echo_address) = FloorServer::RawEcho.start(scratch.path())?;
    let load = ClosedLoop {
        streams: vec![vec![produce_frame("idle", 0, batch.clone())?]],
        in_flight: 1,
        until: Until::Batches(ROUND_TRIPS),
        batch_bytes: BATCH_BYTES,
    };
    alternate(
        setup.rounds,
        vec![
            Subject::new("broker", || broker.measure(|address| load.run(address))),
            Subject::new("tonic echo", || stub.measure(|| load.run(stub_address))),
            Subject::new("raw TCP echo", || {
                echo.measure(|| raw_ping_pong(echo_address, &batch, ROUND_TRIPS))
            }),
        ],
    )
}
