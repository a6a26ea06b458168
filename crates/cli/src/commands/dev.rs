//! `strand dev`: a throw-away cluster on this machine, in one command.

mod member;
mod places;
mod supervisor;

use std::path::PathBuf;

use clap::Args;
use tokio::runtime::Builder;

use crate::failure::{Exit, Failure};

use places::Home;
use supervisor::Supervisor;

const AFTER_HELP: &str = "\
Examples:
  strand dev                             three brokers, the first one on the default port
  strand dev --brokers 5 --data ./cluster        keeps its data: the same command goes on with it
  strand dev -- --log-level warn --rack here     flags of `strand broker` for all of them

Ctrl-C stops the brokers and removes their data. A broker that is killed is started again after a few seconds.";

/// Run a throw-away cluster on this machine
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DevArgs {
    /// How many brokers
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    brokers: u32,
    /// Where to keep their data [default: a temporary directory that is removed at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Flags of `strand broker` for every one of them
    #[arg(last = true, value_name = "FLAGS")]
    flags: Vec<String>,
}

pub(crate) fn run(args: &DevArgs) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(format!("cannot start: {error}")))?;
    let home = Home::open(args.data.as_deref())?;
    let outcome = runtime.block_on(async {
        let supervisor = Supervisor::start(&home, args.brokers, &args.flags)?;
        supervisor.run().await
    });
    let removed = home.close();
    outcome.and(removed)
}

fn failed(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Failed, "DEV_CLUSTER_FAILED", message)
}
