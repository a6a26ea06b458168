//! Passes requests on to the broker that leads a partition: once, so that two brokers that take each other for the
//! leader do not pass a request to and fro.

mod channels;
mod groups;
mod lane;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use broker::Broker;
use model::{BrokerId, PartitionIndex, TopicName};
use rpc::v1::cluster_client::ClusterClient;
use rpc::v1::consumer_client::ConsumerClient;
use rpc::v1::producer_client::ProducerClient;
use rpc::v1::topic_client::TopicClient;
use rpc::{Reason, v1};
use tonic::Request;
use tonic::Status;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;

use crate::failure;
use crate::settings::{RESPONSE_EXTRA_BYTES, Settings};
use crate::topic::describe::broker_id;
use channels::Channels;
pub(crate) use groups::{Group, groups};
pub(crate) use lane::{Answer, Lane};

/// Forbids the broker that gets it to pass the request on; its value is the broker that sent it.
const FORWARDED_HEADER: &str = "strandline-forwarded";
/// How much longer than asked for an answer is waited for: the way there and back.
const PATIENCE: Duration = Duration::from_secs(10);

/// A broker to pass requests on to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) broker: BrokerId,
    pub(crate) address: String,
}

impl Target {
    /// As a result tells it.
    pub(crate) fn told(&self) -> Option<v1::Leader> {
        Some(v1::Leader {
            broker: broker_id(self.broker),
            grpc_address: self.address.clone(),
        })
    }

    /// That it could not be asked. Nothing was done.
    pub(crate) fn unreachable(&self, cause: impl std::fmt::Display) -> v1::Error {
        let Self { broker, address } = self;
        let message = format!(
            "broker {broker} leads the partition and could not be reached at {address} ({cause}); try again in a moment"
        );
        v1::Error::new(Reason::NotLeader, message)
            .with("leader", broker)
            .with("leader_address", address)
    }

    /// Why a call to it failed, for a request that may be done twice.
    pub(crate) fn failure(&self, status: &Status) -> v1::Error {
        let error = v1::Error::from_status(status);
        if error.reason.is_empty() {
            self.unreachable(status.message())
        } else {
            error
        }
    }
}

/// Passes requests on. Clones share the connections.
#[derive(Clone)]
pub(crate) struct Forward {
    broker: Arc<Broker>,
    channels: Arc<Channels>,
    message_bytes_max: usize,
}

impl Forward {
    pub(crate) fn new(broker: Arc<Broker>, settings: &Settings) -> Self {
        Self {
            broker,
            channels: Arc::default(),
            message_bytes_max: settings.message_bytes_max,
        }
    }

    /// For a request with these headers; `None` where it was passed on already.
    pub(crate) fn permitted(&self, headers: &MetadataMap) -> Option<Self> {
        let was_forwarded = headers.contains_key(FORWARDED_HEADER);
        (!was_forwarded).then(|| self.clone())
    }

    /// The leader of a partition, where that is another broker.
    pub(crate) fn elsewhere(&self, topic: &TopicName, partition: PartitionIndex) -> Option<Target> {
        let leader = self.broker.leader_of(topic, partition)?;
        self.target(leader)
    }

    fn target(&self, broker: BrokerId) -> Option<Target> {
        if broker == self.broker.settings().identity.broker {
            return None;
        }
        let address = self.broker.grpc_address_of(broker)?;
        Some(Target { broker, address })
    }

    /// A request that will not be passed on any further, with so much time.
    pub(crate) fn request<T>(&self, message: T, timeout: Option<Duration>) -> Request<T> {
        let mut request = Request::new(message);
        let here = self.broker.settings().identity.broker.get();
        request.metadata_mut().insert(FORWARDED_HEADER, here.into());
        if let Some(timeout) = timeout {
            request.set_timeout(timeout.saturating_add(PATIENCE));
        }
        request
    }

    pub(crate) fn producer(&self, to: &Target) -> Result<ProducerClient<Channel>, v1::Error> {
        let client = ProducerClient::new(self.channels.to(to)?);
        Ok(client.max_encoding_message_size(self.response_bytes_max()))
    }

    pub(crate) fn consumer(&self, to: &Target) -> Result<ConsumerClient<Channel>, v1::Error> {
        let client = ConsumerClient::new(self.channels.to(to)?);
        Ok(client.max_decoding_message_size(self.response_bytes_max()))
    }

    pub(crate) fn topic(&self, to: &Target) -> Result<TopicClient<Channel>, v1::Error> {
        Ok(TopicClient::new(self.channels.to(to)?))
    }

    pub(crate) fn cluster(&self, to: &Target) -> Result<ClusterClient<Channel>, v1::Error> {
        let client = ClusterClient::new(self.channels.to(to)?);
        Ok(client.max_decoding_message_size(self.response_bytes_max()))
    }

    fn response_bytes_max(&self) -> usize {
        self.message_bytes_max + RESPONSE_EXTRA_BYTES
    }
}

/// Says where the leader is reached, in errors that speak of one.
#[derive(Clone)]
pub(crate) struct Hints(Arc<Broker>);

impl Hints {
    pub(crate) fn new(broker: Arc<Broker>) -> Self {
        Self(broker)
    }

    /// The error, with `leader` and `leader_address` where they are known. This broker is no hint: it has just said that
    /// it does not lead.
    pub(crate) fn complete(&self, error: v1::Error) -> v1::Error {
        if error.known_reason() != Some(Reason::NotLeader)
            || error.metadata.contains_key("leader_address")
        {
            return error;
        }
        let told = error.metadata.get("leader").and_then(|id| id.parse().ok());
        let here = self.0.settings().identity.broker;
        let leader = told
            .map(BrokerId::new)
            .or_else(|| self.leader_of(&error.metadata))
            .filter(|leader| *leader != here);
        match leader.and_then(|leader| Some((leader, self.0.grpc_address_of(leader)?))) {
            Some((leader, address)) => error.with("leader", leader).with("leader_address", address),
            None => self.lost(&error.metadata).unwrap_or(error),
        }
    }

    fn leader_of(&self, facts: &HashMap<String, String>) -> Option<BrokerId> {
        let (topic, partition) = place(facts)?;
        self.0.leader_of(&topic, partition)
    }

    /// That nobody will ever lead, where that is so.
    fn lost(&self, facts: &HashMap<String, String>) -> Option<v1::Error> {
        let (topic, partition) = place(facts)?;
        let lost = self.0.why_leaderless(&topic, partition)?;
        Some(failure::partition(&lost))
    }
}

fn place(facts: &HashMap<String, String>) -> Option<(TopicName, PartitionIndex)> {
    let topic = TopicName::new(facts.get("topic")?).ok()?;
    let partition = PartitionIndex::new(facts.get("partition")?.parse().ok()?);
    Some((topic, partition))
}
