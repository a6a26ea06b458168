//! `strand cluster describe`.

use clap::Args;
use serde::Serialize;

use super::brokers::{BrokerJson, write_brokers};
use crate::failure::Failure;
use crate::output::{write_json, write_line};
use crate::session::Session;

/// Show the cluster: its id, size and limits
#[derive(Debug, Args)]
pub(crate) struct DescribeArgs {}

pub(crate) async fn run(_args: DescribeArgs, session: &Session) -> Result<(), Failure> {
    let cluster = session.admin().describe_cluster().await?;
    if session.json() {
        return write_json(&ClusterJson {
            cluster_id: &cluster.cluster_id,
            broker: cluster.broker.get(),
            brokers: cluster.brokers.iter().map(BrokerJson::of).collect(),
            topics: cluster.topics,
            partitions: cluster.partitions,
            message_bytes_max: cluster.message_bytes_max,
            version: &cluster.version,
        });
    }
    let facts = [
        ("cluster", cluster.cluster_id),
        ("topics", cluster.topics.to_string()),
        ("partitions", cluster.partitions.to_string()),
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

/// The cluster as JSON.
#[derive(Serialize)]
struct ClusterJson<'a> {
    cluster_id: &'a str,
    broker: u32,
    brokers: Vec<BrokerJson<'a>>,
    topics: u64,
    partitions: u64,
    message_bytes_max: u64,
    version: &'a str,
}
