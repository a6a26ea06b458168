//! `strand cluster moves`.

use clap::Args;
use client::Move;
use model::BrokerId;
use serde::Serialize;

use super::settled::wait_for_moves;
use crate::failure::Failure;
use crate::output::{write_json, write_line, write_table};
use crate::session::Session;
use crate::waiting::WaitArgs;

const AFTER_HELP: &str = "\
Examples:
  strand cluster moves
  strand cluster moves --of 3 --wait       until broker 3 gives and gets nothing any more";

/// Show the moves of replicas that are under way
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct MovesArgs {
    /// Only those that come from this broker or go to it
    #[arg(long, value_name = "ID")]
    of: Option<u32>,
    #[command(flatten)]
    waiting: WaitArgs,
}

pub(crate) async fn run(args: MovesArgs, session: &Session) -> Result<(), Failure> {
    let of = args.of.map(BrokerId::new);
    session.know_all().await;
    let moves = args
        .waiting
        .answered(session.admin().list_moves(of))
        .await?;
    if args.waiting.wait && !moves.is_empty() {
        return wait_for_moves(&args.waiting, session, &moves).await;
    }
    if session.json() {
        return moves
            .iter()
            .try_for_each(|under_way| write_json(&MoveJson::of(under_way)));
    }
    match moves.as_slice() {
        [] => write_line("nothing moves"),
        moves => write_moves(moves),
    }
}

/// Shows moves that were decided and are not waited for.
pub(crate) fn show_decided(moves: &[Move], session: &Session) -> Result<(), Failure> {
    if session.json() {
        return moves
            .iter()
            .try_for_each(|decided| write_json(&MoveJson::of(decided)));
    }
    if moves.is_empty() {
        return write_line("nothing to move");
    }
    write_moves(moves)?;
    write_line("")?;
    write_line("the moves go on by themselves; `strand cluster moves` shows how far they are")
}

/// Writes moves as a table.
pub(super) fn write_moves(moves: &[Move]) -> Result<(), Failure> {
    let headings = [
        "TOPIC",
        "PARTITION",
        "FROM",
        "TO",
        "STATE",
        "BEHIND",
        "BYTES",
        "",
    ];
    let known = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let rows = moves.iter().map(|one| {
        [
            one.topic.clone(),
            one.partition.to_string(),
            listed(&one.from),
            listed(&one.to),
            one.state.as_str().to_owned(),
            known(one.lag),
            known(one.bytes),
            one.problem.clone(),
        ]
    });
    write_table(headings, rows)
}

fn listed(brokers: &[BrokerId]) -> String {
    let ids: Vec<_> = brokers.iter().map(BrokerId::to_string).collect();
    ids.join(",")
}

/// A move as JSON. The names are part of the command line's contract.
#[derive(Serialize)]
pub(super) struct MoveJson<'a> {
    topic: &'a str,
    partition: u32,
    from: Vec<u32>,
    to: Vec<u32>,
    state: &'static str,
    lag: Option<u64>,
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    problem: &'a str,
}

impl<'a> MoveJson<'a> {
    pub(super) fn of(one: &'a Move) -> Self {
        let ids = |brokers: &[BrokerId]| brokers.iter().map(|broker| broker.get()).collect();
        Self {
            topic: &one.topic,
            partition: one.partition.get(),
            from: ids(&one.from),
            to: ids(&one.to),
            state: one.state.as_str(),
            lag: one.lag,
            bytes: one.bytes,
            problem: &one.problem,
        }
    }
}
