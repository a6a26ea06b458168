//! What an operator can set: read once from flags, environment and file, validated once, typed from then on.
//!
//! [`table`] holds every setting with its default and bounds. Nobody else reads the environment.

mod cluster;
mod error;
mod file;
mod host_name;
pub(crate) mod kind;
pub(crate) mod print;
pub(crate) mod setting;
pub(crate) mod sources;
mod suggest;
pub(crate) mod table;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub use error::SettingsError;
pub use kind::ListenAddress;
pub use sources::Source;

pub(crate) use host_name::host_name;

use cluster::Own;
use sources::Sources;

use crate::BrokerArgs;

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The settings of a broker, validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The data directory.
    pub data: PathBuf,
    /// The broker's number.
    pub id: u32,
    /// The public gRPC listener.
    pub grpc: ListenAddress,
    /// The listener for other brokers; not opened by a broker alone.
    pub peer: ListenAddress,
    /// The listener for metrics and health.
    pub http: ListenAddress,
    /// What clients are told to connect to, where it was set.
    pub advertise_grpc: Option<ListenAddress>,
    /// What other brokers are told to connect to, where it was set.
    pub advertise_peer: Option<ListenAddress>,
    /// Where the other brokers are found; empty for a broker alone.
    pub cluster_peers: Vec<ListenAddress>,
    /// How many brokers form the cluster: those of the numbers below.
    pub initial_brokers: u32,
    /// Guards against mixing clusters.
    pub cluster_name: String,
    /// The failure domain, where it was set.
    pub rack: Option<String>,
    /// How long a replica waits for its leader before it wants to lead.
    pub election_timeout: Duration,
    /// How often a leader tells that it lives.
    pub heartbeat_interval: Duration,
    /// How fast replicas far behind are sent what they lack, in bytes.
    pub catch_up_bytes_per_second: u64,
    /// Whether producing creates a missing topic.
    pub auto_create_topics: bool,
    /// Partitions of a topic whose creator does not say.
    pub default_partitions: u32,
    /// How often retention runs.
    pub retention_check_interval: Duration,
    /// How long a silent idempotent producer is remembered.
    pub producer_expiry: Duration,
    /// How often each sealed segment is checked.
    pub scrub_interval: Duration,
    /// How fast segments are checked, in bytes.
    pub scrub_bytes_per_second: u64,
    /// The largest gRPC message, in bytes.
    pub message_bytes_max: u64,
    /// What arriving requests may hold in memory, in bytes.
    pub request_bytes_max: u64,
    /// What the batches of all producers may hold in memory, in bytes.
    pub produce_bytes_in_flight_max: u64,
    /// What one fetch answers at most, in bytes.
    pub fetch_bytes_max: u64,
    /// What all fetches may be sending, in bytes.
    pub fetch_bytes_in_flight_max: u64,
    /// How long a fetch may wait.
    pub fetch_wait_max: Duration,
    /// What one partition may hold uncommitted, in bytes.
    pub uncommitted_bytes_max: u64,
    /// Most open gRPC connections.
    pub connections_max: u64,
    /// Most open calls of all connections.
    pub calls_max: u64,
    /// Most open calls of one connection.
    pub streams_per_connection_max: u32,
    /// Threads that run connections and partitions.
    pub cores: u64,
    /// Threads that write and sync.
    pub sync_threads: u64,
    /// Most sealed segments kept open.
    pub open_segments_max: u64,
    /// How long a stop waits for calls in flight.
    pub shutdown_timeout: Duration,
    /// Log directives.
    pub log_level: String,
    /// How log lines are written.
    pub log_format: LogFormat,
}

impl Settings {
    /// The settings of a broker with these flags, in this environment, and with the config file that either names.
    ///
    /// # Errors
    /// The first thing that is refused, with its value, its bounds and who gave it.
    pub fn of(
        args: &BrokerArgs,
        environment: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, SettingsError> {
        Self::resolve(&Sources::gather(&args.flags, environment)?)
    }

    /// Reads and validates all settings.
    ///
    /// # Errors
    /// The first setting that is refused, with its value, its bounds and who gave it.
    pub(crate) fn resolve(sources: &Sources<'_>) -> Result<Self, SettingsError> {
        let own = Own::of(sources)?;
        let cluster_peers = sources.optional(&table::CLUSTER_PEERS)?.unwrap_or_default();
        let initial_brokers = sources.optional(&table::INITIAL_BROKERS)?.map(narrow);
        let settings = Self {
            data: sources.value(&table::DATA)?,
            id: own.id,
            grpc: sources.value(&table::GRPC)?,
            peer: sources.value(&table::PEER)?,
            http: sources.value(&table::HTTP)?,
            advertise_grpc: own.address(sources, &table::ADVERTISE_GRPC)?,
            advertise_peer: own.address(sources, &table::ADVERTISE_PEER)?,
            initial_brokers: cluster::initial_brokers(&cluster_peers, initial_brokers)?,
            cluster_peers,
            cluster_name: sources.value(&table::CLUSTER_NAME)?,
            rack: sources.optional(&table::RACK)?,
            election_timeout: sources.value(&table::ELECTION_TIMEOUT)?,
            heartbeat_interval: sources.value(&table::HEARTBEAT_INTERVAL)?,
            catch_up_bytes_per_second: sources.value(&table::CATCH_UP_BYTES_PER_SECOND)?,
            auto_create_topics: sources.value(&table::AUTO_CREATE_TOPICS)?,
            default_partitions: narrow(sources.value(&table::DEFAULT_PARTITIONS)?),
            retention_check_interval: sources.value(&table::RETENTION_CHECK_INTERVAL)?,
            producer_expiry: sources.value(&table::PRODUCER_EXPIRY)?,
            scrub_interval: sources.value(&table::SCRUB_INTERVAL)?,
            scrub_bytes_per_second: sources.value(&table::SCRUB_BYTES_PER_SECOND)?,
            message_bytes_max: sources.value(&table::MESSAGE_BYTES_MAX)?,
            request_bytes_max: sources.value(&table::REQUEST_BYTES_MAX)?,
            produce_bytes_in_flight_max: sources.value(&table::PRODUCE_BYTES_IN_FLIGHT_MAX)?,
            fetch_bytes_max: sources.value(&table::FETCH_BYTES_MAX)?,
            fetch_bytes_in_flight_max: sources.value(&table::FETCH_BYTES_IN_FLIGHT_MAX)?,
            fetch_wait_max: sources.value(&table::FETCH_WAIT_MAX)?,
            uncommitted_bytes_max: sources.value(&table::UNCOMMITTED_BYTES_MAX)?,
            connections_max: sources.value(&table::CONNECTIONS_MAX)?,
            calls_max: sources.value(&table::CALLS_MAX)?,
            streams_per_connection_max: narrow(sources.value(&table::STREAMS_PER_CONNECTION_MAX)?),
            cores: sources.value(&table::CORES)?,
            sync_threads: sources.value(&table::SYNC_THREADS)?,
            open_segments_max: sources.value(&table::OPEN_SEGMENTS_MAX)?,
            shutdown_timeout: sources.value(&table::SHUTDOWN_TIMEOUT)?,
            log_level: sources.value(&table::LOG_LEVEL)?,
            log_format: sources.value(&table::LOG_FORMAT)?,
        };
        settings.check_together()?;
        Ok(settings)
    }

    /// Whether the cluster is this broker: it opens no peer port and waits for nobody.
    pub fn is_alone(&self) -> bool {
        self.cluster_peers.is_empty()
    }

    /// What no single setting's bounds can say.
    fn check_together(&self) -> Result<(), SettingsError> {
        let listeners = [
            (table::GRPC.name, &self.grpc),
            (table::PEER.name, &self.peer),
            (table::HTTP.name, &self.http),
        ];
        for (at, (first, address)) in listeners.iter().enumerate() {
            let mut others = listeners.iter().skip(at + 1);
            let same = others.find(|(_, other)| address.port != 0 && other == address);
            if let Some((second, _)) = same {
                return Err(SettingsError::SameAddress {
                    first,
                    second,
                    address: address.to_string(),
                });
            }
        }
        cluster::check_election(self.election_timeout, self.heartbeat_interval)?;
        if self.request_bytes_max / 2 < self.message_bytes_max {
            return Err(SettingsError::TooSmallFor {
                setting: table::REQUEST_BYTES_MAX.name,
                value: self.request_bytes_max,
                other: table::MESSAGE_BYTES_MAX.name,
                other_value: self.message_bytes_max,
                least: 2 * self.message_bytes_max,
            });
        }
        Ok(())
    }
}

/// The table's bounds keep these within 32 bits.
fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
