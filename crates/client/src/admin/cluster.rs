//! Shows the cluster.

use std::num::NonZeroU32;

use model::{BrokerId, TopicName};
use rpc::v1;

use super::Admin;
use super::description::TopicDescription;
use crate::call_error::CallError;
use crate::calling::{Clusters, Repeat};
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
    /// How many partitions have fewer replicas in sync than they should have.
    pub under_replicated: u64,
    /// How many partitions nobody leads.
    pub leaderless: u64,
    /// How many partitions have a replica that may have forgotten what it acknowledged before a power cut.
    pub in_doubt: u64,
    /// How many have a replica that has started with what was left after one, by an operator's leave.
    pub lossy: u64,
}

/// A broker.
#[derive(Clone, Debug)]
pub struct BrokerDescription {
    /// Its id.
    pub id: BrokerId,
    /// Where clients reach it.
    pub grpc_address: String,
    /// Where other brokers reach it.
    pub peer_address: String,
    /// Its failure domain; empty where it has none.
    pub rack: String,
    /// What it is up to.
    pub state: BrokerState,
    /// How many partitions it leads.
    pub leaders: u64,
    /// How many partitions have a replica on it.
    pub replicas: u64,
    /// Bytes of its data directory; `None` where it has not told.
    pub disk_bytes: Option<u64>,
}

/// What a broker is up to. Where several hold, the last one of this list is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerState {
    /// It takes part.
    Active,
    /// It is to lead nothing until it starts again.
    Drained,
    /// Its replicas are on their way to others.
    Decommissioning,
    /// The answering broker does not hear from it.
    Unreachable,
    /// It holds no replica any more and gets none.
    Decommissioned,
}

impl BrokerState {
    /// The state in one word, for people and for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Drained => "drained",
            Self::Decommissioning => "decommissioning",
            Self::Unreachable => "unreachable",
            Self::Decommissioned => "decommissioned",
        }
    }

    /// A state that this version does not know is none that needs attention.
    fn read(number: i32) -> Self {
        match v1::BrokerState::try_from(number).unwrap_or_default() {
            v1::BrokerState::Unspecified | v1::BrokerState::Active => Self::Active,
            v1::BrokerState::Drained => Self::Drained,
            v1::BrokerState::Decommissioning => Self::Decommissioning,
            v1::BrokerState::Unreachable => Self::Unreachable,
            v1::BrokerState::Decommissioned => Self::Decommissioned,
        }
    }
}

impl Admin {
    /// The cluster: its id, its brokers, its limits.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn describe_cluster(&self) -> Result<ClusterDescription, CallError> {
        let request = v1::DescribeClusterRequest {};
        let answer = self
            .client
            .call(Repeat::Always, request, Clusters::describe_cluster)
            .await?;
        read_cluster(answer).map_err(|problem| self.client.malformed(problem))
    }

    /// Every broker.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn list_brokers(&self) -> Result<Vec<BrokerDescription>, CallError> {
        let request = v1::ListBrokersRequest {};
        let answer = self
            .client
            .call(Repeat::Always, request, Clusters::list_brokers)
            .await?;
        read_brokers(answer.brokers).map_err(|problem| self.client.malformed(problem))
    }

    /// A topic with its partitions, without configs; `None` where there is no such topic.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn find_topic(&self, name: &str) -> Result<Option<TopicDescription>, CallError> {
        let found = self.find_topics(vec![name.to_owned()]).await?;
        Ok(found.into_iter().find(|topic| topic.name == name))
    }

    /// The topics of these names that exist, with their partitions, without configs. No name at all asks for none.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn find_topics(
        &self,
        names: Vec<String>,
    ) -> Result<Vec<TopicDescription>, CallError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.describe_partitions(names, false).await?.into_iter();
        found.map(|info| self.topic(Some(info))).collect()
    }

    /// How many partitions a topic has; a missing one is created first, where the broker does that.
    pub(crate) async fn partitions_to_produce_to(
        &self,
        name: &TopicName,
    ) -> Result<NonZeroU32, CallError> {
        let names = vec![name.to_string()];
        let topics = self.describe_partitions(names, true).await?;
        let mut topics = topics.into_iter();
        let topic = topics.find(|topic| topic.name == name.as_str());
        let partitions = topic.and_then(|topic| u32::try_from(topic.partitions.len()).ok());
        let partitions = partitions.and_then(NonZeroU32::new);
        partitions.ok_or_else(|| {
            self.client
                .malformed(format!("it shows no partition of {name}"))
        })
    }

    async fn describe_partitions(
        &self,
        topics: Vec<String>,
        create_missing: bool,
    ) -> Result<Vec<v1::TopicInfo>, CallError> {
        let request = v1::DescribePartitionsRequest {
            topics,
            create_missing,
        };
        let answer = self
            .client
            .call(Repeat::Always, request, Clusters::describe_partitions)
            .await?;
        Ok(answer.topics)
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
        under_replicated: wire::count("under_replicated", answer.under_replicated)?,
        leaderless: wire::count("leaderless", answer.leaderless)?,
        in_doubt: wire::count("in_doubt", answer.in_doubt)?,
        lossy: wire::count("lossy", answer.lossy)?,
    })
}

fn read_brokers(brokers: Vec<v1::BrokerInfo>) -> Result<Vec<BrokerDescription>, Problem> {
    let read = |info: v1::BrokerInfo| {
        Ok(BrokerDescription {
            id: wire::broker(info.id)?,
            grpc_address: info.grpc_address,
            peer_address: info.peer_address,
            rack: info.rack,
            state: BrokerState::read(info.state),
            leaders: wire::count("leaders", info.leaders)?,
            replicas: wire::count("replicas", info.replicas)?,
            disk_bytes: info
                .disk_bytes
                .map(|bytes| wire::count("disk_bytes", bytes))
                .transpose()?,
        })
    };
    brokers.into_iter().map(read).collect()
}
