//! `strand cluster drain`.

use clap::Args;
use client::{BrokerDescription, BrokerState, ClusterDescription};
use serde::Serialize;
use tokio::time::Instant;

use super::stuck::Watch;
use crate::arguments::broker;
use crate::failure::{Exit, Failure};
use crate::output::{write_json, write_line};
use crate::session::Session;
use crate::waiting::{Step, WaitArgs, until_done};

const AFTER_HELP: &str = "\
Examples:
  strand cluster drain 2 --wait            before broker 2 is stopped
  strand cluster drain --self --wait --timeout 60s
                                           what a container's preStop runs

A drain ends at the broker's next start, or with `strand cluster undrain`.";

/// Move every leadership off a broker and keep new ones away
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DrainArgs {
    /// The broker
    #[arg(value_name = "ID", value_parser = broker, required_unless_present = "itself")]
    broker: Option<i32>,
    /// The broker that --server names
    #[arg(long = "self", conflicts_with = "broker")]
    itself: bool,
    #[command(flatten)]
    waiting: WaitArgs,
}

pub(crate) async fn run(args: DrainArgs, session: &Session) -> Result<(), Failure> {
    let began = Instant::now();
    let broker = match args.broker {
        Some(broker) => broker,
        None => asked(&args.waiting, session).await?,
    };
    session.know_all().await;
    let rest = args.waiting.after(began.elapsed());
    let first = rest.answered(session.admin().drain(broker)).await?;
    let mut left = first;
    if args.waiting.wait {
        let mut watch = Watch::default();
        let ask = async || {
            let cluster = session.admin().describe_cluster().await?;
            let drained = drained(&cluster, broker)?;
            left = drained.leaders;
            progress(&cluster, drained, first, &mut watch)
        };
        let rest = args.waiting.after(began.elapsed());
        until_done(&rest, session, "leaderships moved", ask).await?;
    }
    if session.json() {
        let leaders = left;
        return write_json(&Drained { broker, leaders });
    }
    write_line(&match left {
        0 => format!("broker {broker} is drained: it leads nothing"),
        left => format!("broker {broker} is being drained: it still leads {left} partitions"),
    })
}

/// The number of the broker that answers.
async fn asked(waiting: &WaitArgs, session: &Session) -> Result<i32, Failure> {
    let cluster = waiting.answered(session.admin().describe_cluster()).await?;
    // The API's numbers are signed, so it came as one.
    Ok(i32::try_from(cluster.broker.get()).unwrap_or(i32::MAX))
}

fn drained(cluster: &ClusterDescription, broker: i32) -> Result<&BrokerDescription, Failure> {
    let mut brokers = cluster.brokers.iter();
    let found = brokers.find(|found| i64::from(found.id.get()) == i64::from(broker));
    found.ok_or_else(|| {
        let message = format!("there is no broker {broker} any more");
        Failure::new(Exit::NotFound, "UNKNOWN_BROKER", message).with("broker", broker)
    })
}

/// How far it is. A broker that leads nothing is drained only where the one that answers knows that it is to be, and
/// hears from it or from all leaders: one that has just started hears from nobody.
fn progress(
    cluster: &ClusterDescription,
    drained: &BrokerDescription,
    first: u64,
    watch: &mut Watch,
) -> Result<Step, Failure> {
    let (broker, left) = (drained.id, drained.leaders);
    let now = Instant::now();
    let (mut is_known, mut note) = (true, String::new());
    match drained.state {
        BrokerState::Drained | BrokerState::Decommissioning | BrokerState::Decommissioned => {}
        BrokerState::Unreachable => {
            is_known = cluster.leaderless == 0;
            note = format!("broker {broker} is unreachable");
        }
        BrokerState::Active => {
            is_known = false;
            if watch.is_count_stuck("active", 0, now) {
                let message = format!(
                    "the drain has ended: broker {broker} was started again, or undrained; drain it again"
                );
                return Err(Failure::new(Exit::Failed, "DRAIN_ENDED", message));
            }
        }
    }
    if watch.is_count_stuck("leaders", left, now) && left > 0 {
        note = format!(
            "{left} leaderships are left that nobody can take: their other replicas are not in sync, or there are none"
        );
    }
    Ok(Step {
        done: first.saturating_sub(left),
        total: first.max(left),
        note,
        is_over: left == 0 && is_known,
    })
}

/// What is left, as JSON.
#[derive(Serialize)]
struct Drained {
    broker: i32,
    leaders: u64,
}
