//! `strand topic delete-records`.

use clap::Args;

use crate::failure::Failure;
use crate::session::Session;

const AFTER_HELP: &str = "\
Examples:
  strand topic delete-records orders --partition 0 --before 1000
  strand topic delete-records orders --all        everything, in every partition";

/// Delete records from the front of partitions
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DeleteRecordsArgs {
    /// The topic
    name: String,
    /// Only this partition [default: every one]
    #[arg(long, value_name = "N")]
    partition: Option<i32>,
    /// Records below this offset go
    #[arg(
        long,
        value_name = "OFFSET",
        required_unless_present = "all",
        visible_alias = "before-offset"
    )]
    before: Option<i64>,
    /// All records go, up to the high watermark
    #[arg(long, conflicts_with = "before")]
    all: bool,
}

pub(crate) async fn run(args: DeleteRecordsArgs, session: &Session) -> Result<(), Failure> {
    let _ = (args, session);
    Ok(())
}
