//! `strand cluster decommission`.

use std::io::{self, IsTerminal};

use clap::Args;
use client::BrokerState;
use model::BrokerId;
use serde::Serialize;

use super::moves::{show_decided, wait_for_moves};
use crate::failure::{Exit, Failure};
use crate::output::{write_json, write_line};
use crate::session::Session;
use crate::waiting::{Step, WaitArgs, until_done};

const AFTER_HELP: &str = "\
Examples:
  strand cluster decommission 3 --wait       broker 3 may be stopped when this ends with 0

It cannot be taken back: the broker holds nothing any more and gets nothing.";

/// Move every replica off a broker, for good
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DecommissionArgs {
    /// The broker
    #[arg(value_name = "ID")]
    broker: i32,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    waiting: WaitArgs,
}

pub(crate) async fn run(args: DecommissionArgs, session: &Session) -> Result<(), Failure> {
    let broker = args.broker;
    if !args.yes && io::stdin().is_terminal() && !confirmed(broker)? {
        let message = format!("broker {broker} was not decommissioned");
        return Err(Failure::new(Exit::Failed, "NOT_CONFIRMED", message));
    }
    let moves = session.admin().decommission(broker).await?;
    if !args.waiting.wait {
        return show_decided(&moves, session);
    }
    let id = BrokerId::new(u32::try_from(broker).unwrap_or(u32::MAX));
    wait_for_moves(&args.waiting, session, &moves).await?;
    let ask = async || {
        let brokers = session.admin().list_brokers().await?;
        let found = brokers.iter().find(|found| found.id == id);
        // One that has just been started may not know of any broker yet.
        let is_gone = found.is_some_and(|found| found.state == BrokerState::Decommissioned);
        Ok(Step {
            done: u64::from(is_gone),
            total: 1,
            note: String::new(),
        })
    };
    until_done(&args.waiting, session, "brokers decommissioned", ask).await?;
    if session.json() {
        return write_json(&Decommissioned { broker });
    }
    write_line(&format!(
        "broker {broker} is decommissioned: it may be stopped"
    ))
}

fn confirmed(broker: i32) -> Result<bool, Failure> {
    eprint!("Move every replica off broker {broker}, for good? [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(|error| {
        let message = format!("cannot read the answer: {error}");
        Failure::new(Exit::Failed, "INPUT", message)
    })?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Which broker it was, as JSON.
#[derive(Serialize)]
struct Decommissioned {
    broker: i32,
}
