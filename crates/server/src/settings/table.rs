//! Every setting: name, bounds, default, what it does. The help, the flags, the environment variables, the
//! config file and `--print-config` are all made of this table.

use std::time::Duration;

use broker::BrokerSettings;
use model::limits::BATCH_BYTES_LIMIT;

use super::LogFormat;
use super::kind::{
    Address, Addresses, BrokerNumber, Bytes, Count, Directives, Directory, Interval, Name, Switch,
    Template, Words,
};
use super::setting::{AnySetting, Default, SWITCH, Setting};

/// Every initial broker is known to all by its number.
const INITIAL_BROKERS_MAX: u64 = 1000;

/// All of them, in the order of the help.
pub(crate) static ALL: &[&dyn AnySetting] = &[
    &DATA,
    &ID,
    &GRPC,
    &PEER,
    &HTTP,
    &ADVERTISE_GRPC,
    &ADVERTISE_PEER,
    &CLUSTER_PEERS,
    &INITIAL_BROKERS,
    &CLUSTER_NAME,
    &RACK,
    &ELECTION_TIMEOUT,
    &HEARTBEAT_INTERVAL,
    &CATCH_UP_BYTES_PER_SECOND,
    &AUTO_CREATE_TOPICS,
    &DEFAULT_PARTITIONS,
    &RETENTION_CHECK_INTERVAL,
    &PRODUCER_EXPIRY,
    &SCRUB_INTERVAL,
    &SCRUB_BYTES_PER_SECOND,
    &MESSAGE_BYTES_MAX,
    &REQUEST_BYTES_MAX,
    &PRODUCE_BYTES_IN_FLIGHT_MAX,
    &FETCH_BYTES_MAX,
    &FETCH_BYTES_IN_FLIGHT_MAX,
    &FETCH_WAIT_MAX,
    &UNCOMMITTED_BYTES_MAX,
    &CONNECTIONS_MAX,
    &CALLS_MAX,
    &STREAMS_PER_CONNECTION_MAX,
    &CORES,
    &SYNC_THREADS,
    &OPEN_SEGMENTS_MAX,
    &SHUTDOWN_TIMEOUT,
    &LOG_LEVEL,
    &LOG_FORMAT,
];

pub(crate) static DATA: Setting<Directory> = Setting {
    name: "data",
    placeholder: "DIR",
    kind: Directory,
    default: Default::Is("./strandline-data"),
    variable_too: None,
    help: "The data directory. It is made if it is missing; one broker at a time uses it.",
};

pub(crate) static ID: Setting<BrokerNumber> = Setting {
    name: "id",
    placeholder: "N|hostname",
    kind: BrokerNumber,
    default: Default::Is("0"),
    variable_too: None,
    help: "This broker's number in its cluster: it stays with the data directory. `hostname` takes the number \
           behind the last `-` of the host's name, as a StatefulSet gives it.",
};

pub(crate) static GRPC: Setting<Address> = Setting {
    name: "grpc",
    placeholder: "HOST:PORT",
    kind: Address { least_port: 0 },
    default: Default::Is("127.0.0.1:7700"),
    variable_too: None,
    help: "Where producers, consumers and the command line connect. Port 0 lets the system choose.",
};

pub(crate) static PEER: Setting<Address> = Setting {
    name: "peer",
    placeholder: "HOST:PORT",
    kind: Address { least_port: 0 },
    default: Default::Is("127.0.0.1:7701"),
    variable_too: None,
    help: "Where other brokers connect; it never serves a client. A broker alone has no peers and does not \
           open it.",
};

pub(crate) static HTTP: Setting<Address> = Setting {
    name: "http",
    placeholder: "HOST:PORT",
    kind: Address { least_port: 0 },
    default: Default::Is("127.0.0.1:7702"),
    variable_too: None,
    help: "Where /metrics, /healthz and /readyz are served. Port 0 lets the system choose.",
};

pub(crate) static ADVERTISE_GRPC: Setting<Template> = Setting {
    name: "advertise_grpc",
    placeholder: "HOST:PORT",
    kind: Template,
    default: Default::Unset("the gRPC address; the host's name where that is 0.0.0.0 or [::]"),
    variable_too: None,
    help: "The address that clients and other brokers are told for the gRPC listener, where it is not the one \
           listened on: {hostname}.strand.svc:7700.",
};

pub(crate) static ADVERTISE_PEER: Setting<Template> = Setting {
    name: "advertise_peer",
    placeholder: "HOST:PORT",
    kind: Template,
    default: Default::Unset("the peer address; the host's name where that is 0.0.0.0 or [::]"),
    variable_too: None,
    help: "The address that other brokers are told for the peer listener, where it is not the one listened on: \
           {hostname}.strand-peers.svc:7701. Its name is looked up again at every reconnect.",
};

pub(crate) static CLUSTER_PEERS: Setting<Addresses> = Setting {
    name: "cluster_peers",
    placeholder: "HOST:PORT,..",
    kind: Addresses,
    default: Default::Unset("none: a cluster of one"),
    variable_too: None,
    help: "The peer addresses of the brokers that form the cluster, this one's among them or not; or one DNS \
           name that stands for all of them, with initial_brokers.",
};

pub(crate) static INITIAL_BROKERS: Setting<Count> = Setting {
    name: "initial_brokers",
    placeholder: "N",
    kind: Count {
        least: 1,
        most: INITIAL_BROKERS_MAX,
    },
    default: Default::Unset("as many as cluster_peers lists; 1 without it"),
    variable_too: None,
    help: "How many brokers form the cluster, numbered from 0: the same for all of them. Brokers of higher \
           numbers join later.",
};

pub(crate) static CLUSTER_NAME: Setting<Name> = Setting {
    name: "cluster_name",
    placeholder: "NAME",
    kind: Name { bytes_max: 255 },
    default: Default::Is("strandline"),
    variable_too: None,
    help: "Guards against mixing clusters: brokers of another name are refused.",
};

pub(crate) static RACK: Setting<Name> = Setting {
    name: "rack",
    placeholder: "NAME",
    kind: Name { bytes_max: 255 },
    default: Default::Unset("none"),
    variable_too: None,
    help: "The failure domain this broker is in: replicas are spread over racks.",
};

pub(crate) static ELECTION_TIMEOUT: Setting<Interval> = Setting {
    name: "election_timeout",
    placeholder: "DURATION",
    kind: Interval {
        least: Duration::from_millis(50),
        most: Duration::from_secs(60),
    },
    default: Default::Is("600ms"),
    variable_too: None,
    help: "A replica that has heard nothing of its leader for this long, and up to a third longer, wants to lead: at \
           least four times heartbeat_interval. The same for all brokers.",
};

pub(crate) static HEARTBEAT_INTERVAL: Setting<Interval> = Setting {
    name: "heartbeat_interval",
    placeholder: "DURATION",
    kind: Interval {
        least: Duration::from_millis(10),
        most: Duration::from_secs(20),
    },
    default: Default::Is("100ms"),
    variable_too: None,
    help: "How often a leader tells its followers that it lives.",
};

pub(crate) static CATCH_UP_BYTES_PER_SECOND: Setting<Bytes> = Setting {
    name: "catch_up_bytes_per_second",
    placeholder: "BYTES",
    kind: Bytes {
        least: 1 << 20,
        most: 64 << 30,
    },
    default: Default::Is("128MiB"),
    variable_too: None,
    help: "How fast this broker sends what replicas far behind lack, all of them together.",
};

pub(crate) static AUTO_CREATE_TOPICS: Setting<Switch> = Setting {
    name: "auto_create_topics",
    placeholder: SWITCH,
    kind: Switch,
    default: Default::Is("true"),
    variable_too: None,
    help: "Whether producing to a topic that does not exist creates it.",
};

pub(crate) static DEFAULT_PARTITIONS: Setting<Count> = Setting {
    name: "default_partitions",
    placeholder: "N",
    kind: Count {
        least: *BrokerSettings::PARTITIONS.start() as u64,
        most: *BrokerSettings::PARTITIONS.end() as u64,
    },
    default: Default::Is("1"),
    variable_too: None,
    help: "How many partitions a topic gets when its creator does not say.",
};

pub(crate) static RETENTION_CHECK_INTERVAL: Setting<Interval> = Setting {
    name: "retention_check_interval",
    placeholder: "DURATION",
    kind: Interval::within(BrokerSettings::INTERVAL),
    default: Default::Is("30s"),
    variable_too: None,
    help: "How often partitions are looked at: segments rolled by age, old ones deleted.",
};

pub(crate) static PRODUCER_EXPIRY: Setting<Interval> = Setting {
    name: "producer_expiry",
    placeholder: "DURATION",
    kind: Interval::within(BrokerSettings::PRODUCER_EXPIRY),
    default: Default::Is("1d"),
    variable_too: None,
    help: "How long an idempotent producer that is silent is remembered.",
};

pub(crate) static SCRUB_INTERVAL: Setting<Interval> = Setting {
    name: "scrub_interval",
    placeholder: "DURATION",
    kind: Interval::within(BrokerSettings::INTERVAL),
    default: Default::Is("1d"),
    variable_too: None,
    help: "How often each finished segment file is read and checked.",
};

pub(crate) static SCRUB_BYTES_PER_SECOND: Setting<Bytes> = Setting {
    name: "scrub_bytes_per_second",
    placeholder: "BYTES",
    kind: Bytes::within(BrokerSettings::SCRUB_RATE),
    default: Default::Is("32MiB"),
    variable_too: None,
    help: "How fast segment files are checked.",
};

pub(crate) static MESSAGE_BYTES_MAX: Setting<Bytes> = Setting {
    name: "message_bytes_max",
    placeholder: "BYTES",
    kind: Bytes {
        least: 64 << 10,
        most: 2 * BATCH_BYTES_LIMIT,
    },
    default: Default::Is("16MiB"),
    variable_too: None,
    help: "The largest gRPC message that a client may send. How large a batch may be is a topic's config, \
           max.message.bytes.",
};

pub(crate) static REQUEST_BYTES_MAX: Setting<Bytes> = Setting {
    name: "request_bytes_max",
    placeholder: "BYTES",
    kind: Bytes {
        least: 1 << 20,
        most: 1 << 40,
    },
    default: Default::Is("512MiB"),
    variable_too: None,
    help: "How much memory requests may hold that arrive, all connections together; more wait. Half of it is for \
           messages, and must hold two, half for what connections may send ahead.",
};

pub(crate) static PRODUCE_BYTES_IN_FLIGHT_MAX: Setting<Bytes> = Setting {
    name: "produce_bytes_in_flight_max",
    placeholder: "BYTES",
    kind: Bytes::within(BrokerSettings::PRODUCE_BYTES),
    default: Default::Is("256MiB"),
    variable_too: None,
    help: "How much memory the batches of all producers together may hold; more wait.",
};

pub(crate) static FETCH_BYTES_MAX: Setting<Bytes> = Setting {
    name: "fetch_bytes_max",
    placeholder: "BYTES",
    kind: Bytes::within(BrokerSettings::FETCH_BYTES),
    default: Default::Is("50MiB"),
    variable_too: None,
    help: "How much one fetch answers at most, its first batch apart.",
};

pub(crate) static FETCH_BYTES_IN_FLIGHT_MAX: Setting<Bytes> = Setting {
    name: "fetch_bytes_in_flight_max",
    placeholder: "BYTES",
    kind: Bytes::within(BrokerSettings::PRODUCE_BYTES),
    default: Default::Is("256MiB"),
    variable_too: None,
    help: "How much all fetches together may be sending; more wait.",
};

pub(crate) static FETCH_WAIT_MAX: Setting<Interval> = Setting {
    name: "fetch_wait_max",
    placeholder: "DURATION",
    kind: Interval::within(BrokerSettings::FETCH_WAIT),
    default: Default::Is("5m"),
    variable_too: None,
    help: "How long a fetch may wait for records.",
};

pub(crate) static UNCOMMITTED_BYTES_MAX: Setting<Bytes> = Setting {
    name: "uncommitted_bytes_max",
    placeholder: "BYTES",
    kind: Bytes {
        least: 1 << 20,
        most: 1 << 40,
    },
    default: Default::Is("64MiB"),
    variable_too: None,
    help: "How much one partition may hold that is not committed yet: a produce beyond it is refused.",
};

pub(crate) static CONNECTIONS_MAX: Setting<Count> = Setting {
    name: "connections_max",
    placeholder: "N",
    kind: Count {
        least: 1,
        most: 1_000_000,
    },
    default: Default::Is("4096"),
    variable_too: None,
    help: "How many gRPC connections may be open at a time; more are closed at once.",
};

pub(crate) static CALLS_MAX: Setting<Count> = Setting {
    name: "calls_max",
    placeholder: "N",
    kind: Count {
        least: 16,
        most: 10_000_000,
    },
    default: Default::Is("16384"),
    variable_too: None,
    help: "How many gRPC calls may be open at a time, all connections together; more are refused.",
};

pub(crate) static STREAMS_PER_CONNECTION_MAX: Setting<Count> = Setting {
    name: "streams_per_connection_max",
    placeholder: "N",
    kind: Count {
        least: 1,
        most: 100_000,
    },
    default: Default::Is("1024"),
    variable_too: None,
    help: "How many gRPC calls one connection may have open at a time.",
};

pub(crate) static CORES: Setting<Count> = Setting {
    name: "cores",
    placeholder: "N",
    kind: Count {
        least: 1,
        most: 1024,
    },
    default: Default::Computed {
        shown: "what the process may use of the machine",
        text: available_cores,
    },
    variable_too: None,
    help: "How many threads run connections and partitions.",
};

pub(crate) static SYNC_THREADS: Setting<Count> = Setting {
    name: "sync_threads",
    placeholder: "N",
    kind: Count {
        least: 1,
        most: 256,
    },
    default: Default::Is("8"),
    variable_too: None,
    help: "How many threads write and sync files: so many partitions are synced at the same time.",
};

pub(crate) static OPEN_SEGMENTS_MAX: Setting<Count> = Setting {
    name: "open_segments_max",
    placeholder: "N",
    kind: Count {
        least: 16,
        most: 1_000_000,
    },
    default: Default::Is("1024"),
    variable_too: None,
    help: "How many finished segment files are kept open; each costs a file handle and a map.",
};

pub(crate) static SHUTDOWN_TIMEOUT: Setting<Interval> = Setting {
    name: "shutdown_timeout",
    placeholder: "DURATION",
    kind: Interval {
        least: Duration::from_millis(10),
        most: Duration::from_secs(600),
    },
    default: Default::Is("5s"),
    variable_too: None,
    help: "How long a stopping broker waits for calls in flight. A second signal ends it at once.",
};

pub(crate) static LOG_LEVEL: Setting<Directives> = Setting {
    name: "log_level",
    placeholder: "LEVEL",
    kind: Directives,
    // openraft warns of every heartbeat that every partition misses, hundreds of times a second while a broker is down.
    default: Default::Is("info,openraft=error"),
    variable_too: Some("RUST_LOG"),
    help: "What is logged to stderr: a level, or levels by module.",
};

pub(crate) static LOG_FORMAT: Setting<Words<LogFormat>> = Setting {
    name: "log_format",
    placeholder: "text|json",
    kind: Words(&[("text", LogFormat::Text), ("json", LogFormat::Json)]),
    default: Default::Is("text"),
    variable_too: None,
    help: "How log lines are written: for people, or one JSON object each.",
};

fn available_cores() -> String {
    std::thread::available_parallelism()
        .map_or(1, std::num::NonZero::get)
        .to_string()
}
