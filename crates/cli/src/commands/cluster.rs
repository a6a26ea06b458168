//! `strand cluster`: shows the cluster.

mod brokers;
mod describe;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::session::Session;

/// Show the cluster
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct ClusterCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Describe(describe::DescribeArgs),
    Brokers(brokers::BrokersArgs),
}

pub(crate) async fn run(command: ClusterCommand, session: &Session) -> Result<(), Failure> {
    match command.action {
        Action::Describe(args) => describe::run(args, session).await,
        Action::Brokers(args) => brokers::run(args, session).await,
    }
}
