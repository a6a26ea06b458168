//! `strand cluster describe`.

use clap::Args;
use serde::Serialize;

use super::brokers::{BrokerJson, write_brokers};
use crate::failure::Failure;
use crate::output::{write_json, write_line};
use crate::session::Session;
use crate::waiting::answered;

const AFTER_HELP: &str = "\
Examples:
  strand cluster describe
  strand cluster describe --json | jq '.brokers[] | {id, state, leaders}'";

/// Show the cluster: its id, its brokers, how well it is
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DescribeArgs {}

pub(crate) async fn run(_args: DescribeArgs, session: &Session) -> Result<(), Failure> {
    let cluster = answered(session.admin().describe_cluster()).await?;
    if session.json() {
        return write_json(&ClusterJson {
            cluster_id: &cluster.cluster_id,
            brokers: cluster.brokers.iter().map(BrokerJson::of).collect(),
            under_replicated: cluster.under_replicated,
            leaderless: cluster.leaderless,
            in_doubt: cluster.in_doubt,
            lossy: cluster.lossy,
        });
    }
    let mut partitions = format!(
        "{}, {} of them under-replicated, {} without a leader",
        cluster.partitions, cluster.under_replicated, cluster.leaderless
    );
    if cluster.in_doubt > 0 {
        let in_doubt = cluster.in_doubt;
        partitions += &format!(", {in_doubt} with replicas in doubt after a power cut");
    }
    if cluster.lossy > 0 {
        let lossy = cluster.lossy;
        partitions += &format!(", {lossy} after an accepted loss");
    }
    let facts = [
        ("cluster", cluster.cluster_id),
        ("topics", cluster.topics.to_string()),
        ("partitions", partitions),
        (
            "largest message",
            format!("{} bytes", cluster.message_bytes_max),
        ),
        (
            "answered by",
            format!("broker {}, version {}", cluster.broker, cluster.version),
        ),
    ];
    for (name, value) in facts {
        write_line(&format!("{name:<16} {value}"))?;
    }
    write_line("")?;
    write_brokers(&cluster.brokers)
}

/// The cluster as JSON. The names are part of the command line's contract.
#[derive(Serialize)]
struct ClusterJson<'a> {
    cluster_id: &'a str,
    brokers: Vec<BrokerJson<'a>>,
    under_replicated: u64,
    leaderless: u64,
    /// Left out where there is none, as in any cluster that has not had its power cut.
    #[serde(skip_serializing_if = "is_none")]
    in_doubt: u64,
    #[serde(skip_serializing_if = "is_none")]
    lossy: u64,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}
