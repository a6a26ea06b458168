//! P1 and P2: one stream of 64 KiB batches, 64 in flight, durability `page-cache`.

use std::cell::Cell;

use anyhow::Result;
use bytes::Bytes;

use super::Setup;
use crate::broker::{Broker, Durability};
use crate::floor::FloorServer;
use crate::harness::{
    Bound, Child, Figure, OneProcessor, Pass, Rounds, Scratch, Subject, alternate,
};
use crate::load::{ClosedLoop, Until, encoded_batch, produce_frame, send_batches};

pub(super) const BATCH_BYTES: usize = 64 << 10;
/// Half a GiB a pass.
pub(super) const BATCHES: u64 = 8 << 10;
const IN_FLIGHT: usize = 64;

/// P1: the server's CPU seconds per GB, unpinned and with everything on one processor.
pub(super) fn cpu(setup: &Setup) -> Result<Vec<Figure>> {
    let figure = |rounds: &Rounds, how: &str, note: &str| Figure {
        target: "P1",
        what: format!(
            "bulk produce, 64 KiB batches on a gRPC stream, page-cache, broker CPU, {how}"
        ),
        measured: rounds.median(0, Pass::cpu_seconds_per_gigabyte),
        unit: "cpu-s/GB",
        floor_is: "receive + CRC-32C + pwrite",
        floor: Some(rounds.median(1, Pass::cpu_seconds_per_gigabyte)),
        compared: rounds.ratio(0, 1, Pass::cpu_seconds_per_gigabyte),
        compared_unit: "x",
        bound: Bound::AtMost(1.5),
        note: note.to_owned(),
    };
    let unpinned = rounds(setup, FloorServer::Receive)?;
    let pinned = {
        let _pin = OneProcessor::pin()?;
        rounds(setup, FloorServer::Receive)?
    };
    Ok(vec![
        figure(
            &unpinned,
            "all processors",
            "two thirds are the kernel's: writing, receiving, acknowledging",
        ),
        figure(
            &pinned,
            "one processor for both ends",
            "no wake-ups across processors; larger reads, for the sender runs ahead",
        ),
    ])
}

/// P2: GB/s over one connection.
pub(super) fn throughput(setup: &Setup) -> Result<Vec<Figure>> {
    let rounds = rounds(setup, FloorServer::ReceiveOverlapped)?;
    Ok(vec![Figure {
        target: "P2",
        what: "bulk produce, 64 KiB batches on one gRPC stream, page-cache, throughput".to_owned(),
        measured: rounds.median(0, Pass::gigabytes_per_second),
        unit: "GB/s",
        floor_is: "loopback TCP into CRC-32C + pwrite, overlapped",
        floor: Some(rounds.median(1, Pass::gigabytes_per_second)),
        compared: rounds.ratio(0, 1, Pass::gigabytes_per_second),
        compared_unit: "x",
        bound: Bound::AtLeast(0.9),
        note: "limited by the syncs behind the writes (each full segment's holds up the next append) and by shared processors".to_owned(),
    }])
}

/// A broker and a floor in turn.
fn rounds(setup: &Setup, floor: FloorServer) -> Result<Rounds> {
    let scratch = Scratch::new()?;
    let batch = encoded_batch(BATCH_BYTES, 1)?;
    let floor = RawReceiver::start(floor, &scratch)?;
    let broker = Broker::start(&setup.broker, &scratch.path().join("data"))?;
    let passes = Cell::new(0);
    let broker_pass = || {
        // A new log each time, as the floor gets a new file.
        let topic = format!("bulk-{}", passes.replace(passes.get() + 1));
        broker.create_topic(&topic, 1, Durability::PageCache)?;
        let load = ClosedLoop {
            streams: vec![vec![produce_frame(&topic, 0, batch.clone())?]],
            in_flight: IN_FLIGHT,
            until: Until::Batches(BATCHES),
            batch_bytes: BATCH_BYTES,
        };
        let pass = broker.measure(|address| load.run(address))?;
        broker.delete_topic(&topic)?;
        Ok(pass)
    };
    alternate(
        setup.rounds,
        vec![
            Subject::new("broker", broker_pass),
            Subject::new("floor", || floor.pass(&batch)),
        ],
    )
}

/// The floor's server.
pub(super) struct RawReceiver {
    process: Child,
    address: std::net::SocketAddr,
}

impl RawReceiver {
    pub(super) fn start(floor: FloorServer, scratch: &Scratch) -> Result<Self> {
        let (process, address) = floor.start(scratch.path())?;
        Ok(Self { process, address })
    }

    pub(super) fn pass(&self, batch: &Bytes) -> Result<Pass> {
        self.process
            .measure(|| send_batches(self.address, batch, BATCHES))
    }
}
