//! P12: produce over 1,000 partitions of three replicas on three brokers, against the same over 10.

use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use bytes::Bytes;

use super::Setup;
use super::durable::BATCH_BYTES;
use crate::broker::Durability;
use crate::cluster::{BROKERS, Cluster, files_of};
use crate::harness::{Bound, Figure, Latencies, Pass, Scratch, Subject, alternate};
use crate::load::{ClosedLoop, Until, encoded_batch, produce_frame};

const FEW: usize = 10;
pub(super) const MANY: usize = 1_000;
const WARM_UP: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(3);

/// P12: batches per second with as many in flight, on one stream to each broker.
pub(super) fn measure(setup: &Setup) -> Result<Vec<Figure>> {
    let scratch = Scratch::new()?;
    let cluster = Cluster::start(&setup.broker, scratch.path())?;
    cluster.create_topic("few", FEW, Durability::PageCache)?;
    cluster.create_topic("many", MANY, Durability::PageCache)?;
    let batch = encoded_batch(BATCH_BYTES, 1)?;
    let few = Load::on(&cluster, "few", &batch)?;
    let many = Load::on(&cluster, "many", &batch)?;
    let rounds = alternate(
        setup.rounds,
        vec![
            Subject::new("1,000 partitions", || {
                cluster.measure(|| many.run(&cluster))
            }),
            Subject::new("10 partitions", || cluster.measure(|| few.run(&cluster))),
        ],
    )?;
    let mut most = (0, 0);
    for process in cluster.process_ids() {
        let (open, maps) = files_of(process)?;
        most = (open.max(most.0), maps.max(most.1));
    }
    Ok(vec![Figure {
        target: "P12",
        what: format!(
            "produce, 1 KiB, page-cache, {MANY} in flight on three streams over {MANY} partitions, rate"
        ),
        measured: rounds.median(0, Pass::batches_per_second),
        unit: "batches/s",
        floor_is: "the same over 10 partitions",
        floor: Some(rounds.median(1, Pass::batches_per_second)),
        compared: rounds.ratio(0, 1, Pass::batches_per_second),
        compared_unit: "x",
        bound: Bound::AtLeast(0.7),
        note: format!(
            "with 10 partitions many batches go in one write and one frame; at most {} open files and {} maps a broker",
            most.0, most.1
        ),
    }])
}

/// What goes to each broker, in turn: the partitions that it leads.
struct Load(Vec<Vec<Bytes>>);

impl Load {
    fn on(cluster: &Cluster, topic: &str, batch: &Bytes) -> Result<Self> {
        let mut messages = vec![Vec::new(); BROKERS];
        for (partition, leader) in (0..).zip(cluster.leaders(topic)?) {
            messages[leader].push(produce_frame(topic, partition, batch.clone())?);
        }
        Ok(Self(messages))
    }

    /// Sends to all brokers at the same time, and adds up.
    fn run(&self, cluster: &Cluster) -> Result<Pass> {
        let led = self.0.iter().enumerate();
        let led = led.filter(|(_, messages)| !messages.is_empty());
        thread::scope(|scope| {
            let mut running = Vec::new();
            for (broker, messages) in led {
                let address = cluster.address(broker)?;
                let load = ClosedLoop {
                    streams: vec![messages.clone()],
                    in_flight: MANY / BROKERS,
                    until: Until::Time {
                        warm_up: WARM_UP,
                        measured: MEASURED,
                    },
                    batch_bytes: BATCH_BYTES,
                };
                running.push(scope.spawn(move || load.run(address)));
            }
            let mut sum = Pass {
                seconds: MEASURED.as_secs_f64(),
                ..Pass::default()
            };
            let mut latencies = Latencies::default();
            for one in running {
                let pass = one.join().map_err(|_| anyhow!("a load panicked"))??;
                sum.batches += pass.batches;
                sum.bytes += pass.bytes;
                latencies.merge(pass.latencies);
            }
            sum.latencies = latencies;
            Ok(sum)
        })
    }
}
