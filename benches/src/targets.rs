//! The targets of TARGETS.md, one file each.

mod bulk_produce;
mod catch_up;
mod durable;
mod failover;
mod floors;
mod idle_latency;
mod instructions;
mod many_partitions;
mod memory;
mod quorum;
mod rest;
mod start;
mod storage;
mod thousands;

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::harness::Figure;
use crate::options::Target;

/// What every target is measured with.
pub(crate) struct Setup {
    /// The broker's program; empty where no target needs it.
    pub(crate) broker: PathBuf,
    /// Rounds that count.
    pub(crate) rounds: usize,
    /// Batches per second, where the user sets it.
    pub(crate) rate: Option<f64>,
}

/// Measures one target.
pub(crate) fn measure(target: Target, setup: &Setup) -> Result<Vec<Figure>> {
    match target {
        Target::P1 => bulk_produce::cpu(setup),
        Target::P2 => bulk_produce::throughput(setup),
        Target::P3 => instructions::measure(setup),
        Target::P4 => durable::measure(setup),
        Target::P5 => many_partitions::measure(setup),
        Target::P6 => idle_latency::measure(setup),
        Target::P7 => quorum::measure(setup),
        Target::P8 => catch_up::measure(setup),
        Target::P9 => memory::measure(setup),
        Target::P10 => start::measure(setup),
        Target::P11 => failover::measure(setup),
        Target::P12 => thousands::measure(setup),
        Target::Rest => rest::measure(setup),
        Target::Aa => floors::against_itself(setup),
        Target::Micro => storage::measure(setup),
        Target::Floors => floors::all(setup),
        Target::All => bail!("not one target"),
    }
}
