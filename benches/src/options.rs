//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::floor::FloorServer;

/// Measures a broker against floors that do only the unavoidable work, in the same run.
///
/// The broker is the release binary `strand`, built by cargo unless it is named.
#[derive(Debug, Parser)]
#[command(name = "strandline-benches")]
pub(crate) struct Options {
    /// What to measure.
    #[arg(value_enum, required_unless_present = "serve")]
    pub(crate) targets: Vec<Target>,

    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub(crate) json: bool,

    /// Rounds of which the median is taken, behind one that is thrown away.
    #[arg(long, default_value_t = 7)]
    pub(crate) rounds: usize,

    /// Batches per second for P5; half of what 64 partitions take if it is not given.
    #[arg(long)]
    pub(crate) rate: Option<f64>,

    /// The broker's program.
    #[arg(long, value_name = "PROGRAM", env = "STRAND_BIN")]
    pub(crate) broker: Option<PathBuf>,

    /// Serve as a floor in a child process.
    #[arg(long, hide = true, requires = "data")]
    pub(crate) serve: Option<FloorServer>,

    /// Where a floor's server writes or reads.
    #[arg(long, hide = true)]
    pub(crate) data: Option<PathBuf>,
}

/// A target, or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// Broker CPU of bulk produce.
    P1,
    /// Throughput of bulk produce.
    P2,
    /// Instructions per batch, many records against one.
    P3,
    /// Durable produce, one partition.
    P4,
    /// Durable produce, 64 partitions at a fixed rate.
    P5,
    /// Idle acknowledge latency.
    P6,
    /// Three brokers, quorum fsync.
    P7,
    /// Broker CPU of catch-up fetch.
    P8,
    /// Resident memory at rest.
    P9,
    /// Start to first acknowledged record, and after `kill -9`.
    P10,
    /// The leader of three brokers is killed: until the next acknowledge.
    P11,
    /// The same total rate over 10 and 1,000 partitions of three replicas.
    P12,
    /// Memory and CPU at rest of 1,000 partitions of three replicas.
    Rest,
    /// A floor against itself: how far apart two equal things are measured on this machine now.
    Aa,
    /// The storage alone, in this process, against bare system calls.
    Micro,
    /// The floors alone, without a broker.
    Floors,
    /// All of these but `floors`.
    All,
}

impl Target {
    /// The targets that this one stands for.
    pub(crate) fn each(self) -> Vec<Self> {
        if self != Self::All {
            return vec![self];
        }
        let all = Self::value_variants().iter().copied();
        all.filter(|target| !matches!(target, Self::All | Self::Floors))
            .collect()
    }

    /// Whether a broker is measured.
    pub(crate) fn needs_broker(self) -> bool {
        !matches!(self, Self::Aa | Self::Micro | Self::Floors)
    }
}
