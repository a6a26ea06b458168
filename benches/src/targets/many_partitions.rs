//! P5: durable produce at a fixed rate over 64 partitions, against the same over one.

use anyhow::Result;

use super::Setup;
use super::durable::{BATCH_BYTES, MEASURED, WARM_UP};
use crate::broker::{Broker, Durability};
use crate::harness::{Bound, Figure, Pass, Scratch, Subject, alternate};
use crate::load::{ClosedLoop, OpenLoop, Until, encoded_batch, produce_frame};

/// Partitions, and streams in either case.
const PARTITIONS: i32 = 64;
/// How long batches are sent that count, in seconds.
const SECONDS: f64 = 2.0;

/// P5: the p99 from when a batch was due.
pub(super) fn measure(setup: &Setup) -> Result<Vec<Figure>> {
    let scratch = Scratch::new()?;
    let batch = encoded_batch(BATCH_BYTES, 1)?;
    let broker = Broker::start(&setup.broker, &scratch.path().join("data"))?;
    broker.create_topic("many", PARTITIONS, Durability::Fsync)?;
    broker.create_topic("one", 1, Durability::Fsync)?;
    // As many streams either way: the answers of one stream come in order, and would wait for each other.
    let many = (0..PARTITIONS)
        .map(|partition| produce_frame("many", partition, batch.clone()))
        .collect::<Result<Vec<_>>>()?;
    let one = vec![produce_frame("one", 0, batch.clone())?; many.len()];
    let rate = match setup.rate {
        Some(rate) => rate,
        None => {
            let most = ClosedLoop {
                streams: many.iter().cloned().map(|one| vec![one]).collect(),
                in_flight: 1,
                until: Until::Time {
                    warm_up: WARM_UP,
                    measured: MEASURED,
                },
                batch_bytes: BATCH_BYTES,
            };
            broker
                .measure(|address| most.run(address))?
                .batches_per_second()
                / 2.0
        }
    };
    let load = |streams| OpenLoop {
        streams,
        rate,
        warm_up: (rate / 4.0) as u64,
        measured: (rate * SECONDS) as u64,
        batch_bytes: BATCH_BYTES,
    };
    let (many, one) = (load(many), load(one));
    let rounds = alternate(
        setup.rounds,
        vec![
            Subject::new("64 partitions", || {
                broker.measure(|address| many.run(address))
            }),
            Subject::new("one partition", || {
                broker.measure(|address| one.run(address))
            }),
        ],
    )?;
    Ok(vec![Figure {
        target: "P5",
        what: format!("durable produce, 64 partitions, {rate:.0} batches/s of 1 KiB, open loop, p99"),
        measured: rounds.median(0, Pass::p99),
        unit: "us",
        floor_is: "the same over one partition",
        floor: Some(rounds.median(1, Pass::p99)),
        compared: rounds.ratio(0, 1, Pass::p99),
        compared_unit: "x",
        bound: Bound::AtMost(1.5),
        note: "limited by syncs: each partition is a file of its own; counted from when a batch was due".to_owned(),
    }])
}
