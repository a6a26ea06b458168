//! The way to a cluster.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tonic::Status;
use tonic::transport::Channel;

use crate::admin::{Admin, BrokerDescription};
use crate::brokers::Brokers;
use crate::call_error::CallError;
use crate::calling::{Api, Consumers, Producers};
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
        Self::connect_to_any(&[address.to_owned()], settings)
    }

    /// As [`Client::connect_with`], where one of several addresses will do: the first is asked first.
    ///
    /// # Errors
    /// [`AddressError`], of the first that is none; so is no address at all.
    pub fn connect_to_any(
        addresses: &[String],
        settings: ClientSettings,
    ) -> Result<Self, AddressError> {
        let settings = Arc::new(settings);
        Ok(Self {
            brokers: Arc::new(Brokers::new(addresses, settings.clone())?),
            settings,
        })
    }

    /// The address of the broker that is asked next.
    pub fn address(&self) -> String {
        self.brokers.current().0
    }

    /// Finds out which brokers there are, so that calls can go there.
    ///
    /// # Errors
    /// [`CallError`]; those known before stay known.
    pub async fn learn_brokers(&self) -> Result<Vec<BrokerDescription>, CallError> {
        let brokers = self.admin().list_brokers().await?;
        let addresses = brokers.iter().map(|broker| broker.grpc_address.clone());
        self.brokers.learn(addresses);
        Ok(brokers)
    }

    /// Turns to another broker, where the one at this address is the one that is asked next.
    pub(crate) fn turn_away_from(&self, address: &str) {
        self.brokers.turn_away_from(address);
    }

    /// Calls about topics and the cluster.
    pub fn admin(&self) -> Admin {
        Admin::new(self.clone())
    }

    pub(crate) fn producer_api(&self) -> Producers {
        Api::over(self.brokers.current().1, self.message_bytes_max())
    }

    pub(crate) fn producer_api_at(&self, address: &str) -> Option<Producers> {
        let channel = self.brokers.channel(address)?;
        Some(Api::over(channel, self.message_bytes_max()))
    }

    pub(crate) fn consumer_api_at(&self, address: &str) -> Option<Consumers> {
        let channel = self.brokers.channel(address)?;
        Some(Api::over(channel, self.message_bytes_max()))
    }

    /// The broker to ask next, and the way to it.
    pub(crate) fn broker_to_ask(&self) -> (String, Channel) {
        self.brokers.current()
    }

    /// How many brokers are known.
    pub(crate) fn brokers_known(&self) -> usize {
        self.brokers.count()
    }

    /// The largest message taken from a broker, in bytes.
    pub(crate) fn message_bytes_max(&self) -> usize {
        self.settings.message_bytes_max
    }

    /// How long a call may take.
    pub(crate) fn request_timeout(&self) -> Duration {
        self.settings.request_timeout
    }

    /// What the end of a stream to the broker that is asked next means.
    pub(crate) fn call_error(&self, status: &Status) -> CallError {
        let address = self.address();
        let error = self.call_error_at(status, &address);
        if error.is_for_another() {
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
