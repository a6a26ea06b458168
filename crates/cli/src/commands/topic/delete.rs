//! `strand topic delete`.

use clap::Args;

use crate::failure::Failure;
use crate::session::Session;

const AFTER_HELP: &str = "\
Examples:
  strand topic delete orders           asks first, on a terminal
  strand topic delete orders --yes";

/// Delete a topic with all its records
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DeleteArgs {
    /// The topic
    name: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(crate) async fn run(args: DeleteArgs, session: &Session) -> Result<(), Failure> {
    let _ = (args, session);
    Ok(())
}
