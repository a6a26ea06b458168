//! `strand cluster transfer-leader`.

use clap::Args;
use serde::Serialize;

use crate::arguments::broker;
use crate::failure::Failure;
use crate::output::{write_json, write_line};
use crate::session::Session;
use crate::waiting::answered;

const AFTER_HELP: &str = "\
Examples:
  strand cluster transfer-leader orders 0          to the preferred replica
  strand cluster transfer-leader orders 0 --to 2";

/// Hand a partition's leadership to another of its replicas
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct TransferLeaderArgs {
    /// The topic
    topic: String,
    /// The partition
    partition: i32,
    /// The broker that is to lead [default: the preferred one of those that can]
    #[arg(long, value_name = "ID", value_parser = broker)]
    to: Option<i32>,
    /// Accepted as with every move: it is always waited until the other one leads
    #[arg(long)]
    wait: bool,
}

pub(crate) async fn run(args: TransferLeaderArgs, session: &Session) -> Result<(), Failure> {
    // The broker answers once the other one leads: there is nothing left to wait for.
    let _ = args.wait;
    let admin = session.admin();
    let (topic, partition) = (&args.topic, args.partition);
    session.know_all().await;
    let leader = answered(admin.transfer_leadership(topic, partition, args.to)).await?;
    if session.json() {
        return write_json(&Transferred {
            topic,
            partition,
            leader: leader.get(),
        });
    }
    write_line(&format!("{topic}-{partition} is led by broker {leader}"))
}

/// Who leads now, as JSON.
#[derive(Serialize)]
struct Transferred<'a> {
    topic: &'a str,
    partition: i32,
    leader: u32,
}
