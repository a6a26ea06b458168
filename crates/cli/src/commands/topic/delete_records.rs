//! `strand topic delete-records`.

use clap::Args;

use super::show;
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
    let admin = session.admin();
    let partitions = match args.partition {
        Some(partition) => vec![partition],
        None => {
            let topic = admin.get_topic(&args.name).await?;
            let numbers = topic
                .partitions
                .iter()
                .map(|p| i32::try_from(p.partition.get()));
            // The API's numbers are signed, so each came as one.
            numbers.flatten().collect()
        }
    };
    let requests = partitions
        .into_iter()
        .map(|partition| (partition, args.before));
    let starts = admin.delete_records(&args.name, requests).await?;
    show::log_starts(starts, session)
}
