//! `strand bench consume`.

use std::time::Duration;

use clap::Args;

use crate::arguments::duration;
use crate::failure::Failure;
use crate::session::Session;

const AFTER_HELP: &str = "\
Examples:
  strand bench consume                          all that `strand bench produce` has written
  strand bench consume --topic orders --duration 10s";

/// Measure consuming
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct BenchConsumeArgs {
    /// The topic
    #[arg(long, default_value = "strand-bench")]
    topic: String,
    /// How many records [default: all there are]
    #[arg(long, value_name = "N")]
    records: Option<u64>,
    /// How long at most
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Streams at once; the partitions are shared out among them
    #[arg(long, value_name = "N", default_value_t = 1)]
    streams: u32,
}

pub(crate) async fn run(args: BenchConsumeArgs, session: &Session) -> Result<(), Failure> {
    let _ = (args, session);
    Ok(())
}
