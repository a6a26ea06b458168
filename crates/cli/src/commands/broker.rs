//! `strand broker`: runs a broker in this process.

use clap::Args;

use crate::failure::Failure;

const AFTER_HELP: &str = "\
Examples:
  strand broker                        data in ./strandline-data, loopback only
  strand broker --data /var/lib/strandline --grpc 0.0.0.0:7700
  strand broker --print-config         show what it would run with

SIGTERM and SIGINT stop it cleanly.";

/// Run a broker
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct BrokerCommand {}

pub(crate) fn run(_command: BrokerCommand) -> Result<(), Failure> {
    Ok(())
}
