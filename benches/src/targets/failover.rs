//! P11: the leader is killed; how long until the next batch is acknowledged.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Setup;
use super::durable::BATCH_BYTES;
use crate::broker::Durability;
use crate::cluster::Cluster;
use crate::harness::{Bound, Figure, Latencies, Scratch, Spread};
use crate::load::{acknowledged, encoded_batch, produce_frame};

/// Kills for each round that is asked for.
const KILLS_PER_ROUND: usize = 3;
/// The broker's default `election_timeout`.
const ELECTION_TIMEOUT: Duration = Duration::from_millis(600);
const GIVEN_UP_AFTER: Duration = Duration::from_secs(30);

const TOPIC: &str = "failover";

/// P11: the median over the election timeout, and the p99.
pub(super) fn measure(setup: &Setup) -> Result<Vec<Figure>> {
    let scratch = Scratch::new()?;
    let message = produce_frame(TOPIC, 0, encoded_batch(BATCH_BYTES, 1)?)?;
    let mut cluster = Cluster::start(&setup.broker, scratch.path())?;
    cluster.create_topic(TOPIC, 1, Durability::Fsync)?;
    let (mut taken, mut latencies) = (Vec::new(), Latencies::default());
    for kill in 0..setup.rounds * KILLS_PER_ROUND {
        // It leads and is heard.
        acknowledged(&cluster.addresses(), &message, GIVEN_UP_AFTER)?;
        let leader = cluster.leaders(TOPIC)?.first().copied().unwrap_or(0);
        let killed = Instant::now();
        cluster.kill(leader)?;
        acknowledged(&cluster.addresses(), &message, GIVEN_UP_AFTER)?;
        let silence = killed.elapsed();
        eprintln!("  kill {kill}: broker {leader}, {silence:?}");
        latencies.record(silence);
        taken.push(silence.as_secs_f64() / ELECTION_TIMEOUT.as_secs_f64());
        cluster.restart(leader)?;
    }
    let compared = Spread::of(taken);
    let timeout = ELECTION_TIMEOUT.as_secs_f64() * 1e3;
    let (p50, p99) = (
        latencies.percentile(50.0) / 1e3,
        latencies.percentile(99.0) / 1e3,
    );
    Ok(vec![
        Figure {
            target: "P11",
            what: "leader of three brokers killed, until the next acknowledge, median".to_owned(),
            measured: p50,
            unit: "ms",
            floor_is: "the election timeout",
            floor: Some(timeout),
            compared,
            compared_unit: "x",
            bound: Bound::AtMost(1.5),
            note: "somebody stands once it has heard nothing for the election timeout to 4/3 of it"
                .to_owned(),
        },
        Figure {
            target: "P11",
            what: "the same, p99".to_owned(),
            measured: p99,
            unit: "ms",
            floor_is: "the election timeout",
            floor: Some(timeout),
            compared: Spread::of(vec![p99]),
            compared_unit: "ms",
            bound: Bound::AtMost(1_000.0),
            note: format!("of {} kills: the worst one", setup.rounds * KILLS_PER_ROUND),
        },
    ])
}
