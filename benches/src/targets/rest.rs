//! What a partition's replica costs when nobody uses it: 1,000 partitions of three replicas on three brokers.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::Setup;
use super::memory::mebibytes;
use super::thousands::MANY;
use crate::broker::Durability;
use crate::cluster::{BROKERS, Cluster, files_of};
use crate::harness::{Bound, Figure, Scratch, Spread};

/// How long the brokers are left alone before and while they are looked at.
const SETTLES: Duration = Duration::from_secs(10);
const WATCHED: Duration = Duration::from_secs(20);

/// What each broker has and uses.
struct Rest {
    anonymous_mebibytes: Vec<f64>,
    /// Of all of them, a second.
    cpu_seconds: f64,
}

/// Memory and CPU for each replica; with nothing but the cluster's metadata subtracted.
pub(super) fn measure(setup: &Setup) -> Result<Vec<Figure>> {
    let scratch = Scratch::new()?;
    let cluster = Cluster::start(&setup.broker, scratch.path())?;
    let empty = rest(&cluster)?;
    let began = Instant::now();
    cluster.create_topic("idle", MANY, Durability::Fsync)?;
    let created = began.elapsed();
    let full = rest(&cluster)?;
    let pairs = full
        .anonymous_mebibytes
        .iter()
        .zip(&empty.anonymous_mebibytes);
    let kibibytes = pairs.map(|(full, empty)| (full - empty) * 1024.0 / MANY as f64);
    let memory = Spread::of(kibibytes.collect());
    let replicas = (MANY * BROKERS) as f64;
    let microseconds = (full.cpu_seconds - empty.cpu_seconds) * 1e6 / replicas;
    let process = cluster
        .process_ids()
        .first()
        .copied()
        .context("no broker")?;
    let (open, maps) = files_of(process)?;
    Ok(vec![
        Figure {
            target: "rest",
            what: format!("anonymous memory of a replica at rest, {MANY} on each of three brokers"),
            measured: memory.median,
            unit: "KiB",
            floor_is: "",
            floor: None,
            compared: memory,
            compared_unit: "KiB",
            bound: Bound::None,
            note: format!(
                "each broker has {:.0} MiB, {:.0} MiB without partitions; {open} open files, {maps} maps",
                Spread::of(full.anonymous_mebibytes).median,
                Spread::of(empty.anonymous_mebibytes).median,
            ),
        },
        Figure {
            target: "rest",
            what: format!("CPU of a replica at rest, {MANY} on each of three brokers"),
            measured: microseconds,
            unit: "us/s",
            floor_is: "",
            floor: None,
            compared: Spread::of(vec![microseconds]),
            compared_unit: "us/s",
            bound: Bound::None,
            note: format!(
                "all three brokers use {:.1} % of one processor, {:.1} % without partitions; the topic was there and in sync after {:.1} s",
                full.cpu_seconds * 100.0,
                empty.cpu_seconds * 100.0,
                created.as_secs_f64()
            ),
        },
    ])
}

fn rest(cluster: &Cluster) -> Result<Rest> {
    thread::sleep(SETTLES);
    let before = cluster.cpu_seconds()?;
    thread::sleep(WATCHED);
    let used = cluster.cpu_seconds()? - before;
    let mut anonymous = Vec::new();
    for process in cluster.process_ids() {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        anonymous.push(mebibytes(&status, "RssAnon:").context("no RssAnon")?);
    }
    Ok(Rest {
        anonymous_mebibytes: anonymous,
        cpu_seconds: used / WATCHED.as_secs_f64(),
    })
}
