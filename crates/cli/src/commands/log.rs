//! `strand log`: looks at a broker's files, offline.

mod dump;
mod row;

use clap::{Args, Subcommand};

use crate::arguments::OutputFormat;
use crate::failure::Failure;

/// Look at a broker's files, offline
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct LogCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Dump(dump::DumpArgs),
}

pub(crate) fn run(command: &LogCommand, format: OutputFormat) -> Result<(), Failure> {
    match &command.action {
        Action::Dump(args) => dump::run(args, format),
    }
}
