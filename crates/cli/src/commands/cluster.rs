//! `strand cluster`: shows the cluster, and moves leaderships and replicas about in it.

mod brokers;
mod decommission;
mod describe;
mod drain;
mod moves;
mod rebalance;
mod settled;
mod stuck;
mod transfer_leader;
mod undrain;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::session::Session;

pub(crate) use moves::show_decided;
pub(crate) use settled::wait_for_moves;

/// Show the cluster, move leaderships and replicas
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
    TransferLeader(transfer_leader::TransferLeaderArgs),
    Drain(drain::DrainArgs),
    Undrain(undrain::UndrainArgs),
    Decommission(decommission::DecommissionArgs),
    Rebalance(rebalance::RebalanceArgs),
    Moves(moves::MovesArgs),
}

pub(crate) async fn run(command: ClusterCommand, session: &Session) -> Result<(), Failure> {
    match command.action {
        Action::Describe(args) => describe::run(args, session).await,
        Action::Brokers(args) => brokers::run(args, session).await,
        Action::TransferLeader(args) => transfer_leader::run(args, session).await,
        Action::Drain(args) => drain::run(args, session).await,
        Action::Undrain(args) => undrain::run(args, session).await,
        Action::Decommission(args) => decommission::run(args, session).await,
        Action::Rebalance(args) => rebalance::run(args, session).await,
        Action::Moves(args) => moves::run(args, session).await,
    }
}
