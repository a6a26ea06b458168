//! `strand cluster decommission`.

use std::io::{self, IsTerminal};

use clap::Args;
use client::{BrokerDescription, BrokerState, Move, MoveState};
use model::BrokerId;
use serde::Serialize;
use tokio::time::Instant;

use super::moves::show_decided;
use super::settled::how_far;
use super::stuck::{Watch, unreachable, why};
use crate::arguments::broker;
use crate::confirm::is_confirmed;
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
    #[arg(value_name = "ID", value_parser = broker)]
    broker: i32,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    waiting: WaitArgs,
}

pub(crate) async fn run(args: DecommissionArgs, session: &Session) -> Result<(), Failure> {
    let broker = args.broker;
    let question = format!("Move every replica off broker {broker}, for good?");
    if !args.yes && io::stdin().is_terminal() && !is_confirmed(&question)? {
        let message = format!("broker {broker} was not decommissioned");
        return Err(Failure::new(Exit::Failed, "NOT_CONFIRMED", message));
    }
    let began = Instant::now();
    session.know_all().await;
    let moves = args
        .waiting
        .answered(session.admin().decommission(broker))
        .await?;
    if !args.waiting.wait {
        return show_decided(&moves, session);
    }
    let id = BrokerId::new(u32::try_from(broker).unwrap_or(u32::MAX));
    let (mut watch, mut total) = (Watch::default(), 0);
    let ask = async || {
        let found = Found::ask(session, id).await?;
        total = total.max(found.left());
        Ok(Step {
            done: total.saturating_sub(found.left()),
            total,
            note: found.note(&mut watch),
            is_over: found.is_gone,
        })
    };
    let rest = args.waiting.after(began.elapsed());
    until_done(&rest, session, "replicas moved", ask).await?;
    if session.json() {
        return write_json(&Decommissioned { broker });
    }
    write_line(&format!(
        "broker {broker} is decommissioned: it may be stopped"
    ))
}

/// What there is of a broker that leaves.
struct Found {
    id: BrokerId,
    brokers: Vec<BrokerDescription>,
    /// How many replicas it has of which no move is decided yet.
    undecided: u64,
    /// The moves from it that are under way.
    moves: Vec<Move>,
    is_gone: bool,
}

impl Found {
    async fn ask(session: &Session, id: BrokerId) -> Result<Self, Failure> {
        let admin = session.admin();
        let moves = admin.list_moves(Some(id)).await?.into_iter();
        let leaves = |one: &Move| {
            one.from.contains(&id) && !one.to.contains(&id) && one.state != MoveState::Done
        };
        let moves = moves.filter(leaves).collect();
        let brokers = admin.list_brokers().await?;
        let found = brokers.iter().find(|found| found.id == id);
        Ok(Self {
            id,
            undecided: found.map_or(0, |found| found.replicas),
            moves,
            is_gone: found.is_some_and(|found| found.state == BrokerState::Decommissioned),
            brokers,
        })
    }

    fn left(&self) -> u64 {
        self.undecided + self.moves.len() as u64
    }

    fn note(&self, watch: &mut Watch) -> String {
        let now = Instant::now();
        let moves: Vec<&Move> = self.moves.iter().collect();
        if let Some(stuck) = watch.stuck_move(&moves, now) {
            return why(stuck, &self.brokers);
        }
        let is_stuck = watch.is_count_stuck("undecided", self.undecided, now);
        if is_stuck && self.undecided > 0 && moves.is_empty() {
            let gone = unreachable(&self.brokers, |id| id != self.id);
            let gone = gone.map(|gone| format!(": {gone}")).unwrap_or_default();
            return format!(
                "{}, and no broker is found that can take more{gone}",
                replicas_left(self.undecided)
            );
        }
        match how_far(&moves) {
            far if far.is_empty() && self.left() > 0 => replicas_left(self.left()),
            far => far,
        }
    }
}

fn replicas_left(count: u64) -> String {
    match count {
        1 => "1 replica is left".to_owned(),
        count => format!("{count} replicas are left"),
    }
}

/// Which broker it was, as JSON.
#[derive(Serialize)]
struct Decommissioned {
    broker: i32,
}
