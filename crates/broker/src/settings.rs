//! What can be set of a broker. Each setting stands with its default and its bounds; `server` checks them once.

use std::ops::RangeInclusive;
use std::time::Duration;

use model::{BrokerId, ClusterId, DiskEpoch, DiskId};

/// Who this broker is. The caller keeps `disk`, `start_counter` and `epoch` on the data directory, durably, and counts
/// up before every start; the epoch only once the one before is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerIdentity {
    /// The broker, as the operator numbers it.
    pub broker: BrokerId,
    /// The data directory: drawn at random when it is made.
    pub disk: DiskId,
    /// How often a broker has started on that directory, this start included.
    pub start_counter: u64,
    /// Which of the starts that the cluster registers this is.
    pub epoch: DiskEpoch,
    /// Where clients reach the gRPC API: `host:port`.
    pub grpc_address: String,
    /// Where brokers reach it: `host:port`.
    pub peer_address: String,
    /// Its failure domain, where the operator names one.
    pub rack: Option<String>,
}

/// How a broker has come to its cluster; the server finds out before anything is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Formation {
    /// It forms a cluster of its own, with an id drawn at random, where its directory has none.
    #[default]
    Alone,
    /// Its directory is one of the first, which form the cluster together.
    Founded {
        /// The id that all of them have promised.
        cluster: ClusterId,
        /// How many there are: brokers 0 to this number, exclusive.
        initial_brokers: u32,
    },
    /// It has come later, or on another disk: its groups wait for their leaders.
    Joined {
        /// The cluster.
        cluster: ClusterId,
    },
}

/// Limits and habits of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerSettings {
    /// Who it is.
    pub identity: BrokerIdentity,
    /// How it has come to its cluster. Default alone.
    pub formation: Formation,
    /// `auto.create.topics.enable`: whether the first produce creates a missing topic. Default true.
    pub auto_create_topics: bool,
    /// `num.partitions`: how many partitions a topic has that does not say. Default 1, bounds
    /// [`BrokerSettings::PARTITIONS`].
    pub default_partitions: u32,
    /// How many bytes of batches all producers together may have in flight; more wait. Default 256 MiB, bounds
    /// [`BrokerSettings::PRODUCE_BYTES`].
    pub produce_bytes_in_flight_max: u64,
    /// How many batches of one session may wait for their result to be taken; more wait. Default 10,000,
    /// bounds [`BrokerSettings::SESSION_BATCHES`].
    pub produce_session_batches_max: u32,
    /// `fetch.max.bytes`: the most that one fetch answers, the first batch apart. Default 50 MiB, bounds
    /// [`BrokerSettings::FETCH_BYTES`].
    pub fetch_bytes_max: u64,
    /// How many bytes all fetches together may be sending; more wait. Default 256 MiB, bounds
    /// [`BrokerSettings::PRODUCE_BYTES`].
    pub fetch_bytes_in_flight_max: u64,
    /// The longest that a fetch may wait for records. Default 5 min, bounds [`BrokerSettings::FETCH_WAIT`].
    pub fetch_wait_max: Duration,
    /// How often retention is applied. Default 30 s, bounds [`BrokerSettings::INTERVAL`].
    pub retention_interval: Duration,
    /// `producer.id.expiration.ms`: how long a silent idempotent producer is remembered. Default 1 day, bounds
    /// [`BrokerSettings::PRODUCER_EXPIRY`].
    pub producer_expiry: Duration,
    /// How often each sealed segment is read and checked. Default 1 day, bounds [`BrokerSettings::INTERVAL`].
    pub scrub_interval: Duration,
    /// How fast segments are checked, in bytes per second. Default 32 MiB, bounds [`BrokerSettings::SCRUB_RATE`].
    pub scrub_bytes_per_second: u64,
    /// How many partitions are opened at a time. Default 16, bounds [`BrokerSettings::PARALLEL_OPENS`].
    pub parallel_opens_max: usize,
    /// How long the replica preferred to lead must be in sync before it is handed the leadership, and how long a
    /// failed attempt rests. Default 30 s, bounds [`BrokerSettings::INTERVAL`].
    pub leader_balance_after: Duration,
    /// How many partitions' members are changed at a time. Default 64, bounds [`BrokerSettings::PARALLEL_OPENS`].
    pub parallel_moves_max: usize,
    /// How long a shutdown waits for what is in flight. Default 5 s, bounds [`BrokerSettings::INTERVAL`].
    pub shutdown_wait_max: Duration,
}

impl BrokerSettings {
    /// Bounds of `default_partitions`.
    pub const PARTITIONS: RangeInclusive<u32> = 1..=10_000;
    /// Bounds of the bytes in flight. The largest batch must fit.
    pub const PRODUCE_BYTES: RangeInclusive<u64> = model::limits::BATCH_BYTES_LIMIT..=64 << 30;
    /// Bounds of `produce_session_batches_max`.
    pub const SESSION_BATCHES: RangeInclusive<u32> = 1..=1_000_000;
    /// Bounds of `fetch_bytes_max`.
    pub const FETCH_BYTES: RangeInclusive<u64> = 1024..=1 << 30;
    /// Bounds of `fetch_wait_max`.
    pub const FETCH_WAIT: RangeInclusive<Duration> =
        Duration::from_millis(1)..=Duration::from_secs(60 * 60);
    /// Bounds of what happens again and again.
    pub const INTERVAL: RangeInclusive<Duration> =
        Duration::from_millis(10)..=Duration::from_secs(366 * 24 * 60 * 60);
    /// Bounds of `producer_expiry`.
    pub const PRODUCER_EXPIRY: RangeInclusive<Duration> =
        Duration::from_secs(1)..=Duration::from_secs(366 * 24 * 60 * 60);
    /// Bounds of `scrub_bytes_per_second`.
    pub const SCRUB_RATE: RangeInclusive<u64> = 64 << 10..=64 << 30;
    /// Bounds of `parallel_opens_max`.
    pub const PARALLEL_OPENS: RangeInclusive<usize> = 1..=1024;

    /// The defaults, for a broker of this identity.
    pub fn new(identity: BrokerIdentity) -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            identity,
            formation: Formation::Alone,
            auto_create_topics: true,
            default_partitions: 1,
            produce_bytes_in_flight_max: 256 << 20,
            produce_session_batches_max: 10_000,
            fetch_bytes_max: 50 << 20,
            fetch_bytes_in_flight_max: 256 << 20,
            fetch_wait_max: Duration::from_secs(5 * 60),
            retention_interval: Duration::from_secs(30),
            producer_expiry: DAY,
            scrub_interval: DAY,
            scrub_bytes_per_second: 32 << 20,
            parallel_opens_max: 16,
            leader_balance_after: Duration::from_secs(30),
            parallel_moves_max: 64,
            shutdown_wait_max: Duration::from_secs(5),
        }
    }
}
