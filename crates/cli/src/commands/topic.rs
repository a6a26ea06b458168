//! `strand topic`: creates, shows, changes and deletes topics.

mod accept_loss;
mod alter;
mod apply_retention;
mod create;
mod delete;
mod delete_records;
mod describe;
mod list;
mod reassign;
mod show;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::session::Session;

/// Create, show, change and delete topics
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct TopicCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(create::CreateArgs),
    List(list::ListArgs),
    Describe(describe::DescribeArgs),
    Alter(alter::AlterArgs),
    Delete(delete::DeleteArgs),
    DeleteRecords(delete_records::DeleteRecordsArgs),
    ApplyRetention(apply_retention::ApplyRetentionArgs),
    Reassign(reassign::ReassignArgs),
    AcceptLoss(accept_loss::AcceptLossArgs),
}

pub(crate) async fn run(command: TopicCommand, session: &Session) -> Result<(), Failure> {
    match command.action {
        Action::Create(args) => create::run(args, session).await,
        Action::List(args) => list::run(args, session).await,
        Action::Describe(args) => describe::run(args, session).await,
        Action::Alter(args) => alter::run(args, session).await,
        Action::Delete(args) => delete::run(args, session).await,
        Action::DeleteRecords(args) => delete_records::run(args, session).await,
        Action::ApplyRetention(args) => apply_retention::run(args, session).await,
        Action::Reassign(args) => reassign::run(args, session).await,
        Action::AcceptLoss(args) => accept_loss::run(args, session).await,
    }
}
