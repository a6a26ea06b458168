//! Why settings are refused: setting, value, bounds, and who said so.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::sources::{Given, Source};

/// Why the settings cannot be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// A value is out of bounds or makes no sense.
    #[error("{setting} = {value:?} ({source_name}): {expected}")]
    Invalid {
        /// The setting.
        setting: &'static str,
        /// What it was given.
        value: String,
        /// Who gave it.
        source_name: Source,
        /// What is expected, bounds included.
        expected: String,
    },
    /// A setting without a default was not given.
    #[error("{setting} must be given")]
    Missing {
        /// The setting.
        setting: &'static str,
    },
    /// A flag or variable is not text.
    #[error("{value:?} ({source_name}) is not UTF-8")]
    NotUtf8 {
        /// What it was given, as far as it can be shown.
        value: String,
        /// Who gave it.
        source_name: Source,
    },
    /// The file has a key that is no setting.
    #[error("{}: {key} is not a setting{}; `strand broker --print-config` lists them", path.display(), suggestion(*closest))]
    UnknownKey {
        /// The config file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The setting that may have been meant.
        closest: Option<&'static str>,
    },
    /// The file gives a setting something that is not a single value.
    #[error("{}: {key} is a TOML {found}; a string, an integer or a boolean is expected", path.display())]
    NotAValue {
        /// The config file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What TOML calls it.
        found: &'static str,
    },
    /// The file cannot be read.
    #[error("the config file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The config file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("the config file {} is not TOML: {error}", path.display())]
    Syntax {
        /// The config file.
        path: PathBuf,
        /// Where and why.
        error: Box<toml::de::Error>,
    },
    /// Two listeners want one address.
    #[error("{first} and {second} are both {address}; give each a port of its own")]
    SameAddress {
        /// One setting.
        first: &'static str,
        /// The other setting.
        second: &'static str,
        /// What both say.
        address: String,
    },
    /// The host's name has no number to take.
    #[error(
        "id = \"hostname\" takes the number behind the last `-` of the host's name, but that is {host_name:?}; \
         give the number itself with --id"
    )]
    NoOrdinal {
        /// The host's name.
        host_name: String,
    },
    /// A template makes no address on this host.
    #[error("{setting} makes no address with the host's name {host_name:?}: {expected}")]
    BadTemplate {
        /// The setting.
        setting: &'static str,
        /// The host's name.
        host_name: String,
        /// What is expected.
        expected: String,
    },
    /// One name stands for an unknown number of brokers.
    #[error(
        "cluster_peers = {address} is one name for all brokers: initial_brokers must say how many form the cluster, \
         the same number for all of them"
    )]
    HowManyBrokers {
        /// The name.
        address: String,
    },
    /// Some brokers could never be found.
    #[error(
        "initial_brokers = {wanted}, but cluster_peers lists {listed} addresses; list one for each of the brokers, or \
         one DNS name for all of them"
    )]
    TooFewPeers {
        /// How many brokers are to form the cluster.
        wanted: u32,
        /// How many addresses are listed.
        listed: usize,
    },
    /// Several brokers cannot find each other.
    #[error("initial_brokers = {wanted} needs cluster_peers: where the other brokers are found")]
    NoPeers {
        /// How many brokers are to form the cluster.
        wanted: u32,
    },
    /// A follower would want to lead between two heartbeats.
    #[error(
        "election_timeout = {election_ms} ms is too short for heartbeat_interval = {heartbeat_ms} ms; it must be at \
         least four times that, {least_ms} ms"
    )]
    ElectionTooShort {
        /// The election timeout, in milliseconds.
        election_ms: u128,
        /// The heartbeat interval, in milliseconds.
        heartbeat_ms: u128,
        /// What the first must be at least, in milliseconds.
        least_ms: u128,
    },
    /// A limit leaves no room for another.
    #[error(
        "{setting} = {value} bytes is too small for {other} = {other_value} bytes; it must be at least {least}"
    )]
    TooSmallFor {
        /// The setting that is too small.
        setting: &'static str,
        /// Its value, in bytes.
        value: u64,
        /// The setting that needs room.
        other: &'static str,
        /// Its value, in bytes.
        other_value: u64,
        /// What the first must be at least, in bytes.
        least: u64,
    },
}

impl SettingsError {
    pub(super) fn invalid(setting: &'static str, given: &Given, expected: String) -> Self {
        Self::Invalid {
            setting,
            value: given.text.clone(),
            source_name: given.source.clone(),
            expected,
        }
    }
}

fn suggestion(closest: Option<&'static str>) -> String {
    closest.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}
