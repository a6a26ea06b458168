//! Why a topic config was not accepted.

use thiserror::Error;

/// Why a set of topic configs was not accepted. Names and values are clipped to a readable length.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// No config has this name.
    #[error("there is no topic config `{name}`; {}", suggestion(.closest))]
    Unknown {
        /// The name as given.
        name: String,
        /// An existing name that looks like it.
        closest: Option<String>,
    },
    /// The value is of the wrong type or outside of its bounds.
    #[error("topic config `{name}` cannot be `{value}`; use {bounds}")]
    OutOfBounds {
        /// The config's name.
        name: String,
        /// The value as given.
        value: String,
        /// What is allowed, as a phrase: "an integer from 1 to 9".
        bounds: String,
    },
    /// The value is longer than any config needs.
    #[error(
        "the value of topic config `{name}` has {bytes} bytes, the limit is {limit}; shorten it"
    )]
    TooLong {
        /// The config's name.
        name: String,
        /// The value's length.
        bytes: u64,
        /// The longest value allowed.
        limit: u64,
    },
    /// Kafka knows the value, Strandline refuses it.
    #[error("topic config `{name}` cannot be `{value}`: {reason}")]
    Refused {
        /// The config's name.
        name: String,
        /// The value as given.
        value: String,
        /// Why it is refused, and what to do instead.
        reason: String,
    },
    /// One config must not be larger than another.
    #[error(
        "topic config `{smaller}` ({smaller_value}) must not exceed `{larger}` ({larger_value}); change one of them"
    )]
    Conflict {
        /// The config that must be the smaller one.
        smaller: String,
        /// Its value.
        smaller_value: i64,
        /// The config that must be the larger one.
        larger: String,
        /// Its value.
        larger_value: i64,
    },
    /// `min.insync.replicas` above what Raft waits for.
    #[error(
        "topic config `min.insync.replicas` cannot be {wanted}: a write is acknowledged by the quorum, \
         {quorum} of {replicas} replicas, never by more; use at most {quorum} or raise the replication factor"
    )]
    AboveQuorum {
        /// The value asked for.
        wanted: u64,
        /// The quorum of the topic's replicas.
        quorum: u64,
        /// The topic's replication factor.
        replicas: u64,
    },
}

fn suggestion(closest: &Option<String>) -> String {
    match closest {
        Some(name) => format!("did you mean `{name}`?"),
        None => "describe a topic to see all configs".to_owned(),
    }
}
