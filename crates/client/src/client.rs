//! A connection to a broker. It is opened when it is first needed and again whenever it has broken.

use std::sync::Arc;
use std::time::Duration;

use rpc::v1::cluster_client::ClusterClient;
use rpc::v1::consumer_client::ConsumerClient;
use rpc::v1::producer_client::ProducerClient;
use rpc::v1::topic_client::TopicClient;
use thiserror::Error;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

use crate::admin::Admin;
use crate::call_error::CallError;
use crate::settings::ClientSettings;

const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A text that is not an address.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{address}` is not HOST:PORT, as in 127.0.0.1:7700")]
pub struct AddressError {
    /// The text.
    pub address: String,
}

/// A connection to a broker. Clones share it.
#[derive(Clone, Debug)]
pub struct Client {
    address: Arc<str>,
    channel: Channel,
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
        let endpoint =
            Endpoint::from_shared(format!("http://{address}")).map_err(|_| AddressError {
                address: address.to_owned(),
            })?;
        let channel = endpoint
            .connect_timeout(settings.connect_timeout)
            .tcp_nodelay(true)
            .initial_stream_window_size(settings.stream_window_bytes)
            .initial_connection_window_size(settings.connection_window_bytes)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .connect_lazy();
        Ok(Self {
            address: address.into(),
            channel,
            settings: Arc::new(settings),
        })
    }

    /// The broker's address, as it was given.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Calls about topics and the cluster.
    pub fn admin(&self) -> Admin {
        Admin::new(self.clone())
    }

    pub(crate) fn producer_api(&self) -> ProducerClient<Channel> {
        ProducerClient::new(self.channel.clone())
            .max_decoding_message_size(self.settings.message_bytes_max)
    }

    pub(crate) fn consumer_api(&self) -> ConsumerClient<Channel> {
        ConsumerClient::new(self.channel.clone())
            .max_decoding_message_size(self.settings.message_bytes_max)
    }

    pub(crate) fn topic_api(&self) -> TopicClient<Channel> {
        TopicClient::new(self.channel.clone())
            .max_decoding_message_size(self.settings.message_bytes_max)
    }

    pub(crate) fn cluster_api(&self) -> ClusterClient<Channel> {
        ClusterClient::new(self.channel.clone())
            .max_decoding_message_size(self.settings.message_bytes_max)
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
        CallError::of(status, &self.address, self.settings.request_timeout)
    }

    pub(crate) fn malformed(&self, problem: impl Into<String>) -> CallError {
        CallError::Malformed {
            address: self.address().to_owned(),
            problem: problem.into(),
        }
    }
}
