//! `strand bench`: measures a broker from outside.

mod consume;
mod latency;
mod load;
mod pace;
mod produce;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::session::Session;

/// Measure throughput and latency
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct BenchCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Produce(produce::BenchProduceArgs),
    Consume(consume::BenchConsumeArgs),
}

pub(crate) async fn run(command: BenchCommand, session: &Session) -> Result<(), Failure> {
    match command.action {
        Action::Produce(args) => produce::run(args, session).await,
        Action::Consume(args) => consume::run(args, session).await,
    }
}
