//! `strand topic accept-loss`.

use std::io::{self, IsTerminal};

use clap::Args;
use client::AcceptedLoss;
use serde::Serialize;

use crate::confirm::is_confirmed;
use crate::failure::{Exit, Failure};
use crate::output::{write_json, write_line};
use crate::session::Session;

const AFTER_HELP: &str = "\
After a power cut, a replica of a topic with durability=page-cache may have forgotten records that it
acknowledged. It takes no part until a leader has given them back, which needs a quorum of replicas that
remember. Where none is left, this lets the replicas in doubt start with what is left: of the records that
were not synced before the power cut, those that no reachable replica holds are lost. Bring back every broker
that can be brought back first. A later power cut is not covered: it is asked about again.

Examples:
  strand topic accept-loss metrics                    asks first, on a terminal
  strand topic accept-loss metrics --partition 3 --yes";

/// Let replicas that a power cut has put in doubt start with what is left
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct AcceptLossArgs {
    /// The topic
    name: String,
    /// Only this partition
    #[arg(long, short)]
    partition: Option<i32>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(crate) async fn run(args: AcceptLossArgs, session: &Session) -> Result<(), Failure> {
    let admin = session.admin();
    if !args.yes {
        let at_stake = admin.accept_loss(&args.name, args.partition, true).await?;
        if !io::stdin().is_terminal() || !confirmed(&args.name, &at_stake)? {
            return Err(Failure::new(
                Exit::Failed,
                "NOT_CONFIRMED",
                format!("no loss of {} was accepted; --yes does not ask", args.name),
            ));
        }
    }
    let accepted = admin.accept_loss(&args.name, args.partition, false).await?;
    if session.json() {
        return accepted
            .iter()
            .try_for_each(|loss| write_json(&LossJson::of(loss)));
    }
    accepted
        .iter()
        .try_for_each(|loss| write_line(&format!("{}: accepted", shown(&args.name, loss))))
}

/// A loss that was accepted, as JSON.
#[derive(Serialize)]
struct LossJson {
    partition: u32,
    brokers: Vec<u32>,
    leader: Option<u32>,
}

impl LossJson {
    fn of(loss: &AcceptedLoss) -> Self {
        Self {
            partition: loss.partition.get(),
            brokers: loss.brokers.iter().map(|broker| broker.get()).collect(),
            leader: loss.leader.map(|leader| leader.get()),
        }
    }
}

fn shown(topic: &str, loss: &AcceptedLoss) -> String {
    let brokers: Vec<_> = loss.brokers.iter().map(ToString::to_string).collect();
    let whose = match brokers.len() {
        1 => format!("the replica on broker {}", brokers.concat()),
        _ => format!("the replicas on brokers {}", brokers.join(", ")),
    };
    let leader = loss.leader.map_or_else(String::new, |leader| {
        format!(" (broker {leader} leads: what it holds is given back, and nothing need be lost)")
    });
    format!("{topic}, partition {}: {whose}{leader}", loss.partition)
}

fn confirmed(topic: &str, at_stake: &[AcceptedLoss]) -> Result<bool, Failure> {
    eprintln!("In doubt after a power cut:");
    for loss in at_stake {
        eprintln!("  {}", shown(topic, loss));
    }
    eprintln!(
        "Records that were acknowledged and not yet synced then, and that no replica which can be reached now holds,\n\
         will be lost for good. Brokers that may still hold them should be started first."
    );
    is_confirmed("Accept the loss?")
}
