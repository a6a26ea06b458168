//! `strand broker`: runs a broker in this process.

use clap::Args;
use server::{BrokerArgs, RunError};

use crate::failure::{Exit, Failure};

const AFTER_HELP: &str = "\
Examples:
  strand broker                        data in ./strandline-data, loopback only
  strand broker --data /var/lib/strandline --grpc 0.0.0.0:7700
  strand broker --print-config         show what it would run with

SIGTERM and SIGINT stop it cleanly; a second one ends it at once. Flags are stronger than STRAND_* variables, those
than the file that --config names.";

/// Run a broker
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct BrokerCommand {
    #[command(flatten)]
    settings: BrokerArgs,
}

pub(crate) fn run(command: BrokerCommand) -> Result<(), Failure> {
    server::run(command.settings).map_err(|error| failure(&error))
}

fn failure(error: &RunError) -> Failure {
    let (exit, reason) = match error.exit_code() {
        2 => (Exit::Usage, "INVALID_SETTING"),
        6 => (Exit::OverLimit, "NO_SPACE"),
        7 => (Exit::DataUnusable, "DATA_DIRECTORY_UNUSABLE"),
        _ => (Exit::Failed, "BROKER_FAILED"),
    };
    Failure::new(exit, reason, error.to_string())
}
