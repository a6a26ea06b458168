//! `strand topic reassign`.

use std::collections::BTreeSet;

use clap::Args;
use client::Reassignment;

use crate::arguments::brokers;
use crate::commands::cluster::{show_decided, wait_for_moves};
use crate::failure::Failure;
use crate::output::{notice, write_line};
use crate::session::Session;
use crate::waiting::WaitArgs;

const AFTER_HELP: &str = "\
Examples:
  strand topic reassign orders --replicas 1,2,3 --wait
  strand topic reassign orders --partition 4 --replicas 3,1,2      broker 3 is preferred to lead";

/// Give partitions of a topic other replicas
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ReassignArgs {
    /// The topic
    name: String,
    /// Only this partition [default: every one]
    #[arg(long, value_name = "N")]
    partition: Option<i32>,
    /// The brokers that are to hold a replica; the first is preferred to lead. As many as before, unless every partition
    /// is given them
    #[arg(long, value_name = "ID,..", value_parser = brokers, required = true)]
    replicas: Replicas,
    /// Only check, move nothing
    #[arg(long, conflicts_with = "wait")]
    validate_only: bool,
    #[command(flatten)]
    waiting: WaitArgs,
}

/// Brokers that one value of the command line names: clap would take a plain vector for one of several values.
type Replicas = std::vec::Vec<i32>;

pub(crate) async fn run(args: ReassignArgs, session: &Session) -> Result<(), Failure> {
    session.know_all().await;
    let admin = session.admin();
    let partitions: Vec<i32> = match args.partition {
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
    let wanted = partitions.into_iter().map(|partition| Reassignment {
        topic: args.name.clone(),
        partition,
        replicas: args.replicas.clone(),
    });
    let results = admin.reassign_partitions(wanted.collect(), args.validate_only);
    let (mut moves, mut refused) = (Vec::new(), None);
    let mut warned = BTreeSet::new();
    for result in args.waiting.answered(results).await? {
        if !result.warning.is_empty() && warned.insert(result.warning.clone()) {
            notice(&format!("warning: {}", result.warning));
        }
        match result.outcome {
            Ok(decided) => moves.push(decided),
            // The first refusal is the command's failure; what was decided goes on.
            Err(refusal) => refused = refused.or(Some(refusal)),
        }
    }
    if args.waiting.wait {
        wait_for_moves(&args.waiting, session, &moves).await?;
        if refused.is_none() && !session.json() {
            write_line(&format!(
                "{} partitions of {} moved",
                moves.len(),
                args.name
            ))?;
        }
    } else if refused.is_none() || !moves.is_empty() {
        show_decided(&moves, session)?;
    }
    refused.map_or(Ok(()), |refusal| Err(refusal.into()))
}
