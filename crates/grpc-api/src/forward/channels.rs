//! One connection to each broker, opened when it is first needed and again whenever it has broken. The name is
//! resolved anew each time, so a broker that returns under another address is found.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::BrokerId;
use rpc::v1;
use tonic::transport::{Channel, Endpoint};

use super::Target;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);
/// What one stream may bring before it is read: this bounds what readers who do not read keep here.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
/// Streams that are not read must not hold up the others.
const CONNECTION_WINDOW_BYTES: u32 = (1 << 31) - 1;

/// The connections; as many as there are brokers.
#[derive(Debug, Default)]
pub(super) struct Channels(Mutex<HashMap<BrokerId, (String, Channel)>>);

impl Channels {
    /// The connection to a broker; a new one where its address has changed.
    pub(super) fn to(&self, target: &Target) -> Result<Channel, v1::Error> {
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((address, channel)) = channels.get(&target.broker)
            && *address == target.address
        {
            return Ok(channel.clone());
        }
        let endpoint = Endpoint::from_shared(format!("http://{}", target.address));
        let endpoint = endpoint.map_err(|error| target.unreachable(error))?;
        let channel = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .connect_lazy();
        channels.insert(target.broker, (target.address.clone(), channel.clone()));
        Ok(channel)
    }
}
