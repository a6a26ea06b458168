//! The cluster's state as a pure state machine: brokers, replica ids, topics, configs, producer ids.
//!
//! A [`Command`] goes in, an [`Outcome`] or a [`Refusal`] comes out. It runs replicated: every replica
//! applies the same commands in the same order, so [`ClusterState::apply`] reads nothing but the state
//! and the command. What needs chance or a choice (a topic's id, where its replicas go) is decided by
//! the proposer and carried in the command; [`plan`] builds such commands.
//!
//! This crate knows no I/O, no async, no clock and no Raft.

mod apply;
pub mod broker;
pub mod command;
pub mod config;
pub mod doubt;
pub mod format;
pub mod limits;
pub mod members;
pub mod outcome;
pub mod placement;
pub mod plan;
pub mod query;
pub mod refusal;
pub mod replication_factor;
pub mod state;
#[cfg(test)]
mod test_seed;
pub mod topic;

pub use broker::{Broker, BrokerState};
pub use command::{Command, PartitionPlace};
pub use config::{ConfigDescription, ConfigError, ConfigSource, TopicConfig};
pub use doubt::{Doubt, DoubtState};
pub use format::DecodeError;
pub use limits::Limits;
pub use members::MetadataMembers;
pub use outcome::{Answer, Effect, Outcome};
pub use plan::{NewTopic, TopicPlan};
pub use query::TopicPage;
pub use refusal::Refusal;
pub use replication_factor::ReplicationFactor;
pub use state::ClusterState;
pub use topic::{Partition, Placement, Topic};
