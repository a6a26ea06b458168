//! Shows the cluster.

use model::BrokerId;
use rpc::v1;

use super::Admin;
use super::description::TopicDescription;
use crate::call_error::CallError;
use crate::wire::{self, Problem};

/// The cluster.
#[derive(Clone, Debug)]
pub struct ClusterDescription {
    /// Its id.
    pub cluster_id: String,
    /// The broker that answered.
    pub broker: BrokerId,
    /// Every broker.
    pub brokers: Vec<BrokerDescription>,
    /// How many topics there are.
    pub topics: u64,
    /// How many partitions there are.
    pub partitions: u64,
    /// The largest message that the answering broker takes or sends, in bytes.
    pub message_bytes_max: u64,
    /// The answering broker's version.
    pub version: String,
}

/// A broker.
#[derive(Clone, Debug)]
pub struct BrokerDescription {
    /// Its id.
    pub id: BrokerId,
    /// Where clients reach it.
    pub grpc_address: String,
    /// Its failure domain; empty where it has none.
    pub rack: String,
}

impl Admin {
    /// The cluster: its id, its brokers, its limits.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn describe_cluster(&self) -> Result<ClusterDescription, CallError> {
        let request = self.client.request(v1::DescribeClusterRequest {});
        let answer = self
            .client
            .answer(self.client.cluster_api().describe_cluster(request).await)?;
        read_cluster(answer).map_err(|problem| self.client.malformed(problem))
    }

    /// Every broker.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn list_brokers(&self) -> Result<Vec<BrokerDescription>, CallError> {
        let request = self.client.request(v1::ListBrokersRequest {});
        let answer = self
            .client
            .answer(self.client.cluster_api().list_brokers(request).await)?;
        read_brokers(answer.brokers).map_err(|problem| self.client.malformed(problem))
    }

    /// A topic with its partitions, without configs; `None` where there is no such topic.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn find_topic(&self, name: &str) -> Result<Option<TopicDescription>, CallError> {
        let request = self.client.request(v1::DescribePartitionsRequest {
            topics: vec![name.to_owned()],
        });
        let answer = self
            .client
            .answer(self.client.cluster_api().describe_partitions(request).await)?;
        match answer.topics.into_iter().find(|topic| topic.name == name) {
            Some(info) => self.topic(Some(info)).map(Some),
            None => Ok(None),
        }
    }
}

fn read_cluster(answer: v1::DescribeClusterResponse) -> Result<ClusterDescription, Problem> {
    Ok(ClusterDescription {
        cluster_id: answer.cluster_id,
        broker: wire::broker(answer.broker)?,
        brokers: read_brokers(answer.brokers)?,
        topics: wire::count("topics", answer.topics)?,
        partitions: wire::count("partitions", answer.partitions)?,
        message_bytes_max: wire::count("message_bytes_max", answer.message_bytes_max)?,
        version: answer.version,
    })
}

fn read_brokers(brokers: Vec<v1::BrokerInfo>) -> Result<Vec<BrokerDescription>, Problem> {
    let read = |info: v1::BrokerInfo| {
        Ok(BrokerDescription {
            id: wire::broker(info.id)?,
            grpc_address: info.grpc_address,
            rack: info.rack,
        })
    };
    brokers.into_iter().map(read).collect()
}
