//! `strand bench produce`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::arguments::{byte_count, duration};
use crate::commands::produce::Compression;
use crate::failure::Failure;
use crate::session::Session;

const AFTER_HELP: &str = "\
Examples:
  strand bench produce --records 10000000 --record-bytes 100
  strand bench produce --streams 64 --in-flight 1 --batch-records 10 --record-bytes 100
  strand bench produce --rate 50000 --duration 1m        latency counted from when a record was due";

/// Measure producing
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct BenchProduceArgs {
    /// The topic; created where it is missing, and kept
    #[arg(long, default_value = "strand-bench")]
    topic: String,
    /// How many records [default: 1000000, or unlimited with --duration]
    #[arg(long, value_name = "N")]
    records: Option<u64>,
    /// How long
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Bytes of each record's value
    #[arg(long, value_name = "SIZE", default_value = "1000", value_parser = byte_count)]
    record_bytes: u64,
    /// Bytes of each batch
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = byte_count)]
    batch_bytes: u64,
    /// Records of each batch, instead of --batch-bytes
    #[arg(long, value_name = "N", conflicts_with = "batch_bytes")]
    batch_records: Option<u32>,
    /// Streams at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    streams: u32,
    /// Batches in flight on each stream
    #[arg(long, value_name = "N", default_value_t = 64)]
    in_flight: u32,
    /// Records a second over all streams [default: as fast as it goes]
    #[arg(long, value_name = "N")]
    rate: Option<u64>,
    /// Partitions, where the topic is created
    #[arg(long, value_name = "N", default_value_t = 1)]
    partitions: u32,
    /// Durability, where the topic is created
    #[arg(long, value_enum, default_value_t = DurabilityChoice::Fsync)]
    durability: DurabilityChoice,
    /// How batches are compressed
    #[arg(long, value_enum, default_value_t = Compression::None)]
    compression: Compression,
}

/// When a record counts as acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DurabilityChoice {
    Fsync,
    PageCache,
}

pub(crate) async fn run(args: BenchProduceArgs, session: &Session) -> Result<(), Failure> {
    let _ = (args, session);
    Ok(())
}
