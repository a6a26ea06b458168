//! P8: a consumer that reads a partition from its start, against `sendfile` and a tonic server stream.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use bytes::Bytes;

use super::Setup;
use super::bulk_produce::{BATCH_BYTES, BATCHES};
use crate::broker::{Broker, Durability};
use crate::floor::FloorServer;
use crate::harness::{Bound, Figure, OneProcessor, Pass, Rounds, Scratch, Subject, alternate};
use crate::load::{ClosedLoop, Until, encoded_batch, produce_frame, receive_all, subscribe};

/// P8: the broker's CPU seconds per GB, unpinned and with everything on one processor.
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
        let stream = "tonic server stream of map slices";
        figures.push(over(rounds, how, 1, "sendfile", Bound::AtMost(1.3)));
        figures.push(over(rounds, how, 2, stream, Bound::AtMost(0.9)));
    }
    Ok(figures)
}

fn rounds(setup: &Setup) -> Result<Rounds> {
    let scratch = Scratch::new()?;
    let batch = encoded_batch(BATCH_BYTES, 1)?;
    let bytes = BATCHES * BATCH_BYTES as u64;
    let broker = Broker::start(&setup.broker, &scratch.path().join("data"))?;
    broker.create_topic("catch-up", 1, Durability::PageCache)?;
    let fill = ClosedLoop {
        streams: vec![vec![produce_frame("catch-up", 0, batch.clone())?]],
        in_flight: 64,
        until: Until::Batches(BATCHES),
        batch_bytes: BATCH_BYTES,
    };
    fill.run(broker.address())?;
    let file = write_file(scratch.path(), &batch)?;
    let (sender, sender_address) = FloorServer::SendFile.start(&file)?;
    let (stub, stub_address) = FloorServer::StubBroker.start(&file)?;
    alternate(
        setup.rounds,
        vec![
            Subject::new("broker, Subscribe", || {
                broker.measure(|address| subscribe(address, "catch-up", bytes))
            }),
            Subject::new("sendfile", || {
                sender.measure(|| receive_all(sender_address))
            }),
            Subject::new("tonic server stream", || {
                stub.measure(|| subscribe(stub_address, "catch-up", bytes))
            }),
        ],
    )
}

fn over(rounds: &Rounds, how: &str, floor: usize, is: &'static str, bound: Bound) -> Figure {
    Figure {
        target: "P8",
        what: format!(
            "catch-up fetch, 64 KiB batches, encoded, in the page cache, broker CPU, {how}"
        ),
        measured: rounds.median(0, Pass::cpu_seconds_per_gigabyte),
        unit: "cpu-s/GB",
        floor_is: is,
        floor: Some(rounds.median(floor, Pass::cpu_seconds_per_gigabyte)),
        compared: rounds.ratio(0, floor, Pass::cpu_seconds_per_gigabyte),
        compared_unit: "x",
        bound,
        note: "limited by the copy from the map into the socket, which sendfile has not".to_owned(),
    }
}

/// What the floors send: as many bytes as the broker does.
pub(super) fn write_file(directory: &Path, batch: &Bytes) -> Result<PathBuf> {
    let path = directory.join("batches");
    let mut file = File::create(&path)?;
    for _ in 0..BATCHES {
        file.write_all(batch)?;
    }
    Ok(path)
}
