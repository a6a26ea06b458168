//! `strand topic describe`.

use clap::Args;

use super::show;
use crate::failure::Failure;
use crate::session::Session;
use crate::waiting::answered;

const AFTER_HELP: &str = "\
Examples:
  strand topic describe orders
  strand topic describe orders --json | jq '.partitions[].high_watermark'";

/// Show a topic: its partitions and configs
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DescribeArgs {
    /// The topic
    name: String,
}

pub(crate) async fn run(args: DescribeArgs, session: &Session) -> Result<(), Failure> {
    let topic = answered(session.admin().get_topic(&args.name)).await?;
    show::topic(&topic, session)
}
