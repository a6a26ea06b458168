//! `strand topic create`.

use clap::Args;
use client::NewTopic;

use super::show;
use crate::arguments::{Assignment, assignment};
use crate::failure::Failure;
use crate::output::{notice, write_line};
use crate::session::Session;

const AFTER_HELP: &str = "\
Examples:
  strand topic create orders --partitions 12
  strand topic create metrics --config durability=page-cache --config retention.ms=3600000";

/// Create a topic
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CreateArgs {
    /// The topic's name: 1 to 249 characters of a-z A-Z 0-9 . _ -
    name: String,
    /// How many partitions [default: the broker's]
    #[arg(long, value_name = "N")]
    partitions: Option<i32>,
    /// Replicas of each partition [default: 3, or as many as there are brokers]
    #[arg(long, value_name = "N")]
    replication_factor: Option<i32>,
    /// A config to set; may be repeated
    #[arg(long = "config", value_name = "K=V", value_parser = assignment)]
    configs: Vec<Assignment>,
    /// Only check, create nothing
    #[arg(long)]
    validate_only: bool,
}

pub(crate) async fn run(args: CreateArgs, session: &Session) -> Result<(), Failure> {
    let configs = args
        .configs
        .into_iter()
        .map(|config| (config.key, config.value));
    let new = NewTopic {
        name: args.name,
        partitions: args.partitions,
        replication_factor: args.replication_factor,
        configs: configs.collect(),
        validate_only: args.validate_only,
    };
    let created = session.admin().create_topic(new).await?;
    if !created.warning.is_empty() {
        notice(&format!("warning: {}", created.warning));
    }
    let topic = created.topic;
    if session.json() {
        return show::topic(&topic, session);
    }
    let (name, partitions, replicas) =
        (topic.name, topic.partitions.len(), topic.replication_factor);
    let done = if args.validate_only {
        "could be created"
    } else {
        "created"
    };
    write_line(&format!(
        "{name} {done}: {partitions} partitions, {replicas} replicas each"
    ))
}
