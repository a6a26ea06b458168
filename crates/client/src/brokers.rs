//! The brokers that are known, and connections to them: opened when first needed and again whenever they have broken.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tonic::transport::{Channel, Endpoint};

use crate::client::AddressError;
use crate::settings::ClientSettings;

/// A broker that is paused or cut off must be noticed well within a delivery's time: another leads long before.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(4);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(4);

/// The brokers that are known.
#[derive(Debug)]
pub(crate) struct Brokers {
    settings: Arc<ClientSettings>,
    /// What was given at first: never forgotten.
    first: Vec<String>,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    /// The one that is asked next.
    current: String,
    /// The others, the one to be asked next first.
    others: Vec<String>,
    channels: BTreeMap<String, Channel>,
}

impl Brokers {
    pub(crate) fn new(
        addresses: &[String],
        settings: Arc<ClientSettings>,
    ) -> Result<Self, AddressError> {
        let (current, others) = addresses.split_first().ok_or_else(|| AddressError {
            address: String::new(),
        })?;
        let mut channels = BTreeMap::new();
        for address in addresses {
            let channel = channel(address, &settings).ok_or_else(|| AddressError {
                address: address.clone(),
            })?;
            channels.insert(address.clone(), channel);
        }
        Ok(Self {
            settings,
            first: addresses.to_vec(),
            known: Mutex::new(Known {
                current: current.clone(),
                others: others.to_vec(),
                channels,
            }),
        })
    }

    /// How many are known.
    pub(crate) fn count(&self) -> usize {
        self.known().others.len() + 1
    }

    /// The broker to ask.
    pub(crate) fn current(&self) -> (String, Channel) {
        let mut known = self.known();
        let address = known.current.clone();
        if let Some(channel) = known.channels.get(&address) {
            return (address, channel.clone());
        }
        // Only addresses of which a channel could be made become the current one.
        let channel = channel(&address, &self.settings)
            .unwrap_or_else(|| Endpoint::from_static("http://[::1]:0").connect_lazy());
        known.channels.insert(address.clone(), channel.clone());
        (address, channel)
    }

    /// A connection to this address; `None` where it is none.
    pub(crate) fn channel(&self, address: &str) -> Option<Channel> {
        let mut known = self.known();
        if let Some(channel) = known.channels.get(address) {
            return Some(channel.clone());
        }
        let channel = channel(address, &self.settings)?;
        known.channels.insert(address.to_owned(), channel.clone());
        Some(channel)
    }

    /// These are the brokers now. What was given at first stays among them.
    pub(crate) fn learn(&self, addresses: impl Iterator<Item = String>) {
        let mut known = self.known();
        let mut others: Vec<String> = Vec::new();
        for address in addresses.chain(self.first.iter().cloned()) {
            let is_new = address != known.current && !others.contains(&address);
            if is_new && channel(&address, &self.settings).is_some() {
                others.push(address);
            }
        }
        let current = known.current.clone();
        known
            .channels
            .retain(|address, _| *address == current || others.contains(address));
        known.others = others;
    }

    /// Turns to the next broker, where this one is the one to ask.
    pub(crate) fn turn_away_from(&self, address: &str) {
        let mut known = self.known();
        if known.current == address && !known.others.is_empty() {
            let next = known.others.remove(0);
            let last = std::mem::replace(&mut known.current, next);
            known.others.push(last);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn channel(address: &str, settings: &ClientSettings) -> Option<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).ok()?;
    let channel = endpoint
        .connect_timeout(settings.connect_timeout)
        .tcp_nodelay(true)
        .initial_stream_window_size(settings.stream_window_bytes)
        .initial_connection_window_size(settings.connection_window_bytes)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect_lazy();
    Some(channel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_go_on_to_the_next_broker_and_come_round_to_the_first_again() {
        let brokers = Brokers::new(&["a:1".to_owned()], Arc::default()).unwrap();
        brokers.turn_away_from("a:1");
        assert_eq!(brokers.current().0, "a:1", "there is no other");
        let told = ["b:1", "no address", "c:1"];
        brokers.learn(told.into_iter().map(str::to_owned));
        let mut seen = Vec::new();
        for _ in 0..4 {
            let current = brokers.current().0;
            brokers.turn_away_from(&current);
            seen.push(current);
        }
        assert_eq!(seen, ["a:1", "b:1", "c:1", "a:1"]);
        brokers.turn_away_from("somebody:1");
        assert_eq!(brokers.current().0, "b:1");
    }

    #[tokio::test]
    async fn of_several_addresses_each_is_a_way_in() {
        let given = ["a:1", "b:1"].map(str::to_owned);
        let brokers = Brokers::new(&given, Arc::default()).unwrap();
        assert_eq!(brokers.count(), 2);
        brokers.turn_away_from("a:1");
        assert_eq!(brokers.current().0, "b:1");
        brokers.learn(["b:1", "c:1"].into_iter().map(str::to_owned));
        assert_eq!(brokers.count(), 3, "the first is not forgotten");
        let none = ["a:1", "no address"].map(str::to_owned);
        let refused = Brokers::new(&none, Arc::default()).unwrap_err();
        assert_eq!(refused.address, "no address");
    }
}
