//! `strand topic alter`.

use clap::{ArgGroup, Args};
use client::TopicChange;

use super::show;
use crate::arguments::{Assignment, assignment};
use crate::failure::Failure;
use crate::output::write_line;
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
    let admin = session.admin();
    let change = TopicChange {
        set: args
            .configs
            .into_iter()
            .map(|config| (config.key, config.value))
            .collect(),
        remove: args.unset,
    };
    if !(change.set.is_empty() && change.remove.is_empty()) {
        admin.update_topic(&args.name, change).await?;
    }
    if let Some(total) = args.partitions {
        admin.create_partitions(&args.name, total).await?;
    }
    let topic = admin.get_topic(&args.name).await?;
    if session.json() {
        return show::topic(&topic, session);
    }
    write_line(&format!("{} altered", topic.name))
}
