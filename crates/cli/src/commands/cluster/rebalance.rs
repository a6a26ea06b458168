//! `strand cluster rebalance`.

use clap::Args;
use client::{Admin, CallError, LeaderMove, Rebalance};
use model::BrokerId;
use serde::Serialize;
use tokio::time::Instant;

use super::moves::{MoveJson, write_moves};
use super::settled::{wait_for_leaders, wait_for_moves};
use crate::failure::Failure;
use crate::output::{write_json, write_line, write_table};
use crate::session::Session;
use crate::waiting::WaitArgs;

const AFTER_HELP: &str = "\
Examples:
  strand cluster rebalance --dry-run       show what would be moved
  strand cluster rebalance --wait          after a broker was added";

/// Spread replicas and leaderships evenly over the brokers
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct RebalanceArgs {
    /// Only show what would be moved
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    #[command(flatten)]
    waiting: WaitArgs,
}

pub(crate) async fn run(args: RebalanceArgs, session: &Session) -> Result<(), Failure> {
    session.know_all().await;
    let began = Instant::now();
    let asking = plan(session.admin(), args.dry_run);
    let plan = args.waiting.answered(asking).await?;
    if args.waiting.wait {
        let rest = args.waiting.after(began.elapsed());
        wait_for_moves(&rest, session, &plan.moves).await?;
        let rest = args.waiting.after(began.elapsed());
        wait_for_leaders(&rest, session, &plan.leader_moves).await?;
    }
    if session.json() {
        return write_json(&RebalanceJson::of(&plan));
    }
    if plan.moves.is_empty() && plan.leader_moves.is_empty() {
        return write_line("nothing to move: replicas and leaderships are spread evenly");
    }
    if !plan.moves.is_empty() {
        write_moves(&plan.moves)?;
    }
    if !plan.moves.is_empty() && !plan.leader_moves.is_empty() {
        write_line("")?;
    }
    if !plan.leader_moves.is_empty() {
        write_leader_moves(&plan.leader_moves)?;
    }
    Ok(())
}

/// What is moved, or would be.
async fn plan(admin: Admin, dry_run: bool) -> Result<Rebalance, CallError> {
    match admin.rebalance(dry_run).await {
        // It may have been decided: then that is under way, and not decided once more.
        Err(CallError::Disconnected { .. } | CallError::TimedOut { .. }) => {
            let mut plan = admin.rebalance(dry_run).await?;
            plan.moves.extend(admin.list_moves(None).await?);
            Ok(plan)
        }
        answer => answer,
    }
}

fn write_leader_moves(moves: &[LeaderMove]) -> Result<(), Failure> {
    let rows = moves.iter().map(|leader| {
        [
            leader.topic.clone(),
            leader.partition.to_string(),
            leader
                .from
                .map_or_else(|| "none".to_owned(), |from| from.to_string()),
            leader.to.to_string(),
        ]
    });
    write_table(["TOPIC", "PARTITION", "LEADER", "NEW LEADER"], rows)
}

/// What is moved, as JSON.
#[derive(Serialize)]
struct RebalanceJson<'a> {
    moves: Vec<MoveJson<'a>>,
    leader_moves: Vec<LeaderMoveJson<'a>>,
}

#[derive(Serialize)]
struct LeaderMoveJson<'a> {
    topic: &'a str,
    partition: u32,
    from: Option<u32>,
    to: u32,
}

impl<'a> RebalanceJson<'a> {
    fn of(plan: &'a Rebalance) -> Self {
        let leader_moves = plan.leader_moves.iter().map(|leader| LeaderMoveJson {
            topic: &leader.topic,
            partition: leader.partition.get(),
            from: leader.from.map(BrokerId::get),
            to: leader.to.get(),
        });
        Self {
            moves: plan.moves.iter().map(MoveJson::of).collect(),
            leader_moves: leader_moves.collect(),
        }
    }
}
