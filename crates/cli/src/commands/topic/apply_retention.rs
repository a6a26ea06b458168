//! `strand topic apply-retention`.

use clap::Args;

use super::show;
use crate::failure::Failure;
use crate::session::Session;

const AFTER_HELP: &str = "\
Examples:
  strand topic apply-retention orders";

/// Apply retention.ms and retention.bytes now
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ApplyRetentionArgs {
    /// The topic
    name: String,
}

pub(crate) async fn run(args: ApplyRetentionArgs, session: &Session) -> Result<(), Failure> {
    let starts = session.admin().apply_retention(&args.name).await?;
    show::log_starts(starts, session)
}
