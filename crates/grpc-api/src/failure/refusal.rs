//! Which reason each refusal of the cluster's state has.

use broker::{ConfigError, Refusal};
use rpc::{Reason, v1};

/// Why a change was refused.
pub(super) fn of(refusal: &Refusal) -> v1::Error {
    let said = |reason| v1::Error::new(reason, refusal.to_string());
    match refusal {
        Refusal::Config(error) => config(error),
        Refusal::ConfigSetAndRemoved { name } => said(Reason::InvalidConfig).with("config", name),
        Refusal::UnknownTopic { name } => said(Reason::UnknownTopic).with("topic", name),
        Refusal::UnknownTopicId { .. } | Refusal::TopicDeletedSince { .. } => {
            said(Reason::UnknownTopic)
        }
        Refusal::TopicExists { name, id } => {
            said(Reason::TopicExists).with("topic", name).with("id", id)
        }
        Refusal::TooManyTopics { limit } => said(Reason::TooManyTopics).with("limit", limit),
        Refusal::TooManyPartitions { limit, .. } => {
            said(Reason::TooManyPartitions).with("limit", limit)
        }
        Refusal::BadPartitionCount { wanted, limit } => said(Reason::InvalidPartitionCount)
            .with("value", wanted)
            .with("limit", limit),
        Refusal::PartitionsMayOnlyGrow { have, wanted } => said(Reason::InvalidPartitionCount)
            .with("value", wanted)
            .with("partitions", have),
        Refusal::NoReplicas { brokers } | Refusal::ReplicationFactorTooLarge { brokers, .. } => {
            said(Reason::InvalidReplicationFactor).with("limit", brokers)
        }
        Refusal::PartitionsChanged { .. }
        | Refusal::TopicIdTaken { .. }
        | Refusal::MoveSuperseded { .. }
        | Refusal::IsLeaving { .. } => said(Reason::Conflict),
        Refusal::WrongReplicaCount { .. }
        | Refusal::UnknownReplica { .. }
        | Refusal::ReplicaTwice { .. }
        | Refusal::ReassignedTwice { .. }
        | Refusal::BrokerLeaves { .. } => said(Reason::InvalidReplicas),
        Refusal::TooFewBrokersRemain { broker, .. } | Refusal::LastBroker { broker } => {
            said(Reason::TooFewBrokers).with("broker", broker)
        }
        Refusal::UnknownBroker { broker } => said(Reason::UnknownBroker).with("broker", broker),
        Refusal::UnknownPartition {
            topic, partitions, ..
        } => said(Reason::UnknownPartition)
            .with("topic", topic)
            .with("partitions", partitions),
        Refusal::NothingInDoubt { topic, .. } => said(Reason::NothingInDoubt).with("topic", topic),
        Refusal::NotFormed => said(Reason::NotReady),
        Refusal::TooManyBrokers { limit, .. } => said(Reason::Overloaded).with("limit", limit),
        // Brokers are told these, never clients.
        Refusal::OtherCluster { .. }
        | Refusal::BadInitialBrokers { .. }
        | Refusal::LimitOutOfBounds { .. }
        | Refusal::OlderCopyOfDisk { .. }
        | Refusal::OtherCopyOfDisk { .. }
        | Refusal::DiskOfOtherBroker { .. }
        | Refusal::DiskWasReplaced { .. }
        | Refusal::TooManyReplacedDisks { .. }
        | Refusal::AddressTooLong { .. }
        | Refusal::BadProducerIdCount { .. }
        | Refusal::ProducerIdsExhausted { .. } => said(Reason::Internal),
    }
}

fn config(error: &ConfigError) -> v1::Error {
    let said = |reason| v1::Error::new(reason, error.to_string());
    match error {
        ConfigError::Unknown { name, .. } => said(Reason::UnknownConfig).with("config", name),
        ConfigError::OutOfBounds {
            name,
            value,
            bounds,
        } => said(Reason::InvalidConfig)
            .with("config", name)
            .with("value", value)
            .with("bounds", bounds),
        ConfigError::TooLong { name, limit, .. } => said(Reason::InvalidConfig)
            .with("config", name)
            .with("limit", limit),
        ConfigError::Refused { name, value, .. } => said(Reason::InvalidConfig)
            .with("config", name)
            .with("value", value),
        ConfigError::Conflict {
            smaller, larger, ..
        } => said(Reason::InvalidConfig)
            .with("config", smaller)
            .with("larger", larger),
        ConfigError::AboveQuorum { wanted, quorum, .. } => said(Reason::InvalidConfig)
            .with("config", "min.insync.replicas")
            .with("value", wanted)
            .with("limit", quorum),
    }
}
