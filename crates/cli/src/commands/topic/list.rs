//! `strand topic list`.

use clap::Args;

use super::show;
use crate::failure::Failure;
use crate::session::Session;
use crate::waiting::answered;

const AFTER_HELP: &str = "\
Examples:
  strand topic list
  strand topic list --prefix orders. --json";

/// List the topics
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ListArgs {
    /// Only names that begin with this
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
}

pub(crate) async fn run(args: ListArgs, session: &Session) -> Result<(), Failure> {
    let topics = answered(session.admin().list_topics(&args.prefix)).await?;
    show::topics(&topics, session)
}
