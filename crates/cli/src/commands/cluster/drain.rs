//! `strand cluster drain`.

use clap::Args;
use serde::Serialize;

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
    #[arg(value_name = "ID", required_unless_present = "itself")]
    broker: Option<i32>,
    /// The broker that --server names
    #[arg(long = "self", conflicts_with = "broker")]
    itself: bool,
    #[command(flatten)]
    waiting: WaitArgs,
}

pub(crate) async fn run(args: DrainArgs, session: &Session) -> Result<(), Failure> {
    let broker = match args.broker {
        Some(broker) => broker,
        None => asked(session).await?,
    };
    let first = session.admin().drain(broker).await?;
    let mut left = first;
    if args.waiting.wait {
        let ask = async || {
            left = leaders(session, broker).await?;
            Ok(Step {
                done: first.saturating_sub(left),
                total: first.max(left),
                note: String::new(),
            })
        };
        until_done(&args.waiting, session, "leaderships moved", ask).await?;
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
async fn asked(session: &Session) -> Result<i32, Failure> {
    let cluster = session.admin().describe_cluster().await?;
    // The API's numbers are signed, so it came as one.
    Ok(i32::try_from(cluster.broker.get()).unwrap_or(i32::MAX))
}

async fn leaders(session: &Session, broker: i32) -> Result<u64, Failure> {
    let brokers = session.admin().list_brokers().await?;
    let found = brokers
        .iter()
        .find(|found| i64::from(found.id.get()) == i64::from(broker));
    found.map(|found| found.leaders).ok_or_else(|| {
        let message = format!("there is no broker {broker} any more");
        Failure::new(Exit::NotFound, "UNKNOWN_BROKER", message).with("broker", broker)
    })
}

/// What is left, as JSON.
#[derive(Serialize)]
struct Drained {
    broker: i32,
    leaders: u64,
}
