//! The way to a cluster.

use std::sync::Arc;
use std::time::Duration;

use rpc::v1::cluster_client::ClusterClient;
use rpc::v1::consumer_client::ConsumerClient;
use rpc::v1::producer_client::ProducerClient;
use rpc::v1::topic_client::TopicClient;
use thiserror::Error;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::admin::Admin;
use crate::brokers::Brokers;
use crate::call_error::CallError;
use crate::settings::ClientSettings;

/// A text that is not an address.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{address}` is not HOST:PORT, as in 127.0.0.1:7700")]
pub struct AddressError {
    /// The text.
    pub address: String,
}

/// The way to a cluster: connections to its brokers. Clones share them.
///
/// One address that can be reached is enough: any broker answers any call. The others are learned from it, and where
/// it is gone the next call goes to another.
#[derive(Clone, Debug)]
pub struct Client {
    brokers: Arc<Brokers>,
    settings: Arc<ClientSettings>,
}

impl Client {
    /// Makes ready to talk to the broker at `address` (`HOST:PORT`). Nothing is sent yet, so an address where nobody
    /// listens is found out by the first call. Runs inside a tokio runtime.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn connect(address: &str) -> Result<Self, AddressError> {
        Self::connect_with(address, ClientSettings::default())
    }

    /// As [`Client::connect`], with settings.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn connect_with(address: &str, settings: ClientSettings) -> Result<Self, AddressError> {
        let settings = Arc::new(settings);
        Ok(Self {
            brokers: Arc::new(Brokers::new(address, settings.clone())?),
            settings,
        })
    }

    /// The address of the broker that is asked next.
    pub fn address(&self) -> String {
        self.brokers.current().0
    }

    /// Finds out where the other brokers are, so that calls can go there.
    ///
    /// # Errors
    /// [`CallError`]; those known before stay known.
    pub async fn learn_brokers(&self) -> Result<(), CallError> {
        let brokers = self.admin().list_brokers().await?;
        let addresses = brokers.into_iter().map(|broker| broker.grpc_address);
        self.brokers.learn(addresses);
        Ok(())
    }

    /// Turns to another broker, where the one at this address is the one that is asked next.
    pub(crate) fn turn_away_from(&self, address: &str) {
        self.brokers.turn_away_from(address);
    }

    /// Calls about topics and the cluster.
    pub fn admin(&self) -> Admin {
        Admin::new(self.clone())
    }

    pub(crate) fn producer_api(&self) -> ProducerClient<Channel> {
        ProducerClient::new(self.channel())
            .max_decoding_message_size(self.settings.message_bytes_max)
    }

    pub(crate) fn producer_api_at(&self, address: &str) -> Option<ProducerClient<Channel>> {
        let client = ProducerClient::new(self.brokers.channel(address)?);
        Some(client.max_decoding_message_size(self.settings.message_bytes_max))
    }

    pub(crate) fn consumer_api(&self) -> ConsumerClient<Channel> {
        ConsumerClient::new(self.channel())
            .max_decoding_message_size(self.settings.message_bytes_max)
    }

    pub(crate) fn topic_api(&self) -> TopicClient<Channel> {
        TopicClient::new(self.channel()).max_decoding_message_size(self.settings.message_bytes_max)
    }

    pub(crate) fn cluster_api(&self) -> ClusterClient<Channel> {
        ClusterClient::new(self.channel())
            .max_decoding_message_size(self.settings.message_bytes_max)
    }

    fn channel(&self) -> Channel {
        self.brokers.current().1
    }

    /// How long a call may take.
    pub(crate) fn request_timeout(&self) -> Duration {
        self.settings.request_timeout
    }

    /// A request that ends after the settings' time.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.settings.request_timeout);
        request
    }

    /// The answer, or what its absence means.
    pub(crate) fn answer<T>(&self, result: Result<Response<T>, Status>) -> Result<T, CallError> {
        result
            .map(Response::into_inner)
            .map_err(|status| self.call_error(&status))
    }

    pub(crate) fn call_error(&self, status: &Status) -> CallError {
        let address = self.address();
        let error = CallError::of(status, &address, self.settings.request_timeout);
        if error.is_about_the_connection() {
            self.turn_away_from(&address);
        }
        error
    }

    /// What the end of a stream to this address means.
    pub(crate) fn call_error_at(&self, status: &Status, address: &str) -> CallError {
        CallError::of(status, address, self.settings.request_timeout)
    }

    pub(crate) fn malformed(&self, problem: impl Into<String>) -> CallError {
        CallError::Malformed {
            address: self.address(),
            problem: problem.into(),
        }
    }
}
