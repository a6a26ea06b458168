//! `strand topic alter`.

use clap::{ArgGroup, Args};

use crate::arguments::{Assignment, assignment};
use crate::failure::Failure;
use crate::session::Session;

const AFTER_HELP: &str = "\
Examples:
  strand topic alter orders --config retention.ms=86400000 --unset retention.bytes
  strand topic alter orders --partitions 24      keys may then be placed elsewhere than before";

/// Change a topic's configs, or add partitions
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
#[command(group = ArgGroup::new("change").required(true).multiple(true))]
pub(crate) struct AlterArgs {
    /// The topic
    name: String,
    /// A config to set; may be repeated
    #[arg(long = "config", value_name = "K=V", value_parser = assignment, group = "change")]
    configs: Vec<Assignment>,
    /// A config to return to its default; may be repeated
    #[arg(long, value_name = "K", group = "change")]
    unset: Vec<String>,
    /// How many partitions the topic is to have; more than it has
    #[arg(long, value_name = "N", group = "change")]
    partitions: Option<i32>,
}

pub(crate) async fn run(args: AlterArgs, session: &Session) -> Result<(), Failure> {
    let _ = (args, session);
    Ok(())
}
