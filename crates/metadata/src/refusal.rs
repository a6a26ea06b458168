//! Why a command was refused. A refused command has changed nothing.

use model::{BrokerId, ClusterId, DiskId, ReplicaId, TopicId, TopicName};
use thiserror::Error;

use crate::broker::BrokerState;
use crate::config::ConfigError;

/// Why a command was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// The cluster has no identity yet.
    #[error("the cluster is not formed yet; wait until all initial brokers have met")]
    NotFormed,
    /// The cluster has another identity.
    #[error(
        "this cluster is {ours}, not {theirs}; start the broker with an empty data directory or in its own cluster"
    )]
    OtherCluster {
        /// The cluster's id.
        ours: ClusterId,
        /// The id presented.
        theirs: ClusterId,
    },
    /// A cluster of no or too many brokers.
    #[error("a cluster cannot form from {wanted} brokers; use 1 to {limit}")]
    BadInitialBrokers {
        /// The count asked for.
        wanted: u32,
        /// The most brokers.
        limit: u32,
    },
    /// A limit that is 0 or above its ceiling.
    #[error("the limit `{name}` cannot be {wanted}; use 1 to {ceiling}")]
    LimitOutOfBounds {
        /// The limit's name.
        name: String,
        /// The value asked for.
        wanted: u32,
        /// The largest value.
        ceiling: u32,
    },
    /// A new broker beyond the limit.
    #[error(
        "the cluster has its {limit} brokers; raise the limit `brokers` to add broker {broker}"
    )]
    TooManyBrokers {
        /// The broker that would be one too many.
        broker: BrokerId,
        /// The limit.
        limit: u32,
    },
    /// A start counter that went back.
    #[error(
        "broker {broker} presents start {presented} of disk {disk}, but start {known} is known: this is an older \
         copy of the disk and may have forgotten acknowledged records; start with an empty data directory"
    )]
    OlderCopyOfDisk {
        /// The broker.
        broker: BrokerId,
        /// The disk.
        disk: DiskId,
        /// The start counter known.
        known: u64,
        /// The start counter presented.
        presented: u64,
    },
    /// An epoch that the cluster has registered with another start, or with a later one.
    #[error(
        "broker {broker} presents registered start {presented} of disk {disk}, but the cluster has taken start {known} \
         of another copy of that disk: this is an older copy and may have forgotten acknowledged records; start with an \
         empty data directory"
    )]
    OtherCopyOfDisk {
        /// The broker.
        broker: BrokerId,
        /// The disk.
        disk: DiskId,
        /// The number of the epoch known.
        known: u64,
        /// The number of the epoch presented.
        presented: u64,
    },
    /// A disk that is another broker's.
    #[error(
        "disk {disk} belongs to broker {owner}, not to broker {broker}; give each broker its own data directory"
    )]
    DiskOfOtherBroker {
        /// The disk.
        disk: DiskId,
        /// The broker it belongs to.
        owner: BrokerId,
        /// The broker that presented it.
        broker: BrokerId,
    },
    /// A disk that another one has taken the place of.
    #[error(
        "disk {disk} of broker {broker} has been replaced by another one; start with an empty data directory"
    )]
    DiskWasReplaced {
        /// The disk.
        disk: DiskId,
        /// The broker whose disk it was.
        broker: BrokerId,
    },
    /// More disks have been replaced than can be remembered.
    #[error(
        "the cluster remembers {limit} replaced disks and can take no more; form a new cluster"
    )]
    TooManyReplacedDisks {
        /// The limit.
        limit: u64,
    },
    /// An address or rack that is too long.
    #[error("the {what} of broker {broker} has {bytes} bytes, the limit is {limit}; shorten it")]
    AddressTooLong {
        /// The broker.
        broker: BrokerId,
        /// Which text it is.
        what: String,
        /// Its length.
        bytes: u64,
        /// The longest allowed.
        limit: u64,
    },
    /// No broker has this id.
    #[error("there is no broker {broker}; list the brokers to see those there are")]
    UnknownBroker {
        /// The broker asked for.
        broker: BrokerId,
    },
    /// The name is taken.
    #[error("topic `{name}` exists already, with id {id}; choose another name or delete it first")]
    TopicExists {
        /// The name.
        name: TopicName,
        /// The topic that has it.
        id: TopicId,
    },
    /// The id is taken by a topic of another name.
    #[error("topic id {id} is topic `{name}`; draw another id")]
    TopicIdTaken {
        /// The id.
        id: TopicId,
        /// The topic that has it.
        name: TopicName,
    },
    /// A late retry of a creation: the topic has been deleted since.
    #[error("topic {id} was created and has been deleted since; create it anew under another id")]
    TopicDeletedSince {
        /// The id.
        id: TopicId,
    },
    /// No topic has this name.
    #[error("there is no topic `{name}`; create it, or list topics to see those there are")]
    UnknownTopic {
        /// The name asked for.
        name: TopicName,
    },
    /// No topic has this id.
    #[error("there is no topic with id {id}; it may have been deleted")]
    UnknownTopicId {
        /// The id asked for.
        id: TopicId,
    },
    /// A topic beyond the limit.
    #[error("the cluster has its {limit} topics; delete some or raise the limit `topics`")]
    TooManyTopics {
        /// The limit.
        limit: u32,
    },
    /// No partition, or more than a topic may have.
    #[error("a topic cannot have {wanted} partitions; use 1 to {limit}")]
    BadPartitionCount {
        /// The count asked for.
        wanted: u64,
        /// The most partitions of a topic.
        limit: u32,
    },
    /// Partitions beyond the cluster's limit.
    #[error(
        "{wanted} more partitions do not fit: the cluster has {have} of at most {limit}; use fewer, delete topics \
         or raise the limit `partitions`"
    )]
    TooManyPartitions {
        /// How many were to be added.
        wanted: u64,
        /// How many there are.
        have: u64,
        /// The limit.
        limit: u32,
    },
    /// The topic has that many partitions or more.
    #[error(
        "the topic has {have} partitions and cannot have {wanted}: partitions may only be added; use more than {have}"
    )]
    PartitionsMayOnlyGrow {
        /// How many there are.
        have: u32,
        /// The total asked for.
        wanted: u32,
    },
    /// The topic has changed since the command was built.
    #[error(
        "the topic has {have} partitions, {expected} were expected: someone else added some; look and try again"
    )]
    PartitionsChanged {
        /// How many there were when the command was built.
        expected: u32,
        /// How many there are.
        have: u32,
    },
    /// A replication factor of 0.
    #[error("a topic cannot have 0 replicas; use 1 to {brokers}")]
    NoReplicas {
        /// How many brokers there are.
        brokers: u64,
    },
    /// More replicas than brokers.
    #[error(
        "{wanted} replicas need {wanted} brokers, the cluster has {brokers}; use at most {brokers} or add brokers"
    )]
    ReplicationFactorTooLarge {
        /// The replication factor asked for.
        wanted: u64,
        /// How many brokers there are.
        brokers: u64,
    },
    /// A partition was given another number of replicas than the topic has.
    #[error(
        "partition {partition} is given {replicas} replicas where the topic has {wanted}; name as many as that, or give all \
         partitions of the topic the same other number at once"
    )]
    WrongReplicaCount {
        /// The partition.
        partition: u32,
        /// How many replicas it was given.
        replicas: u64,
        /// The replication factor.
        wanted: u64,
    },
    /// A partition was placed on a replica that no broker bears.
    #[error(
        "partition {partition} was placed on replica {replica}, which no broker bears (any more); place it again"
    )]
    UnknownReplica {
        /// The partition.
        partition: u32,
        /// The replica.
        replica: ReplicaId,
    },
    /// A partition was placed twice on one replica.
    #[error("partition {partition} was placed twice on replica {replica}; place it again")]
    ReplicaTwice {
        /// The partition.
        partition: u32,
        /// The replica.
        replica: ReplicaId,
    },
    /// A config that was not accepted.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// One config both set and removed.
    #[error("topic config `{name}` is both set and removed; do one of them")]
    ConfigSetAndRemoved {
        /// The config's name.
        name: String,
    },
    /// A block of no or too many producer ids.
    #[error("a block cannot have {wanted} producer ids; use 1 to {limit}")]
    BadProducerIdCount {
        /// The count asked for.
        wanted: u64,
        /// The largest block.
        limit: u64,
    },
    /// All producer ids have been handed out.
    #[error("{wanted} producer ids do not fit: only {left} are left; ask for fewer")]
    ProducerIdsExhausted {
        /// The count asked for.
        wanted: u64,
        /// How many are left.
        left: u64,
    },
    /// The partition has been reassigned since the command was built.
    #[error(
        "partition {partition} of topic `{topic}` has been reassigned since (epoch {have}, {expected} was expected); \
         look and try again"
    )]
    MoveSuperseded {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: u32,
        /// The epoch that the command was built upon.
        expected: u64,
        /// The partition's epoch.
        have: u64,
    },
    /// The topic has no such partition.
    #[error("topic `{topic}` has no partition {partition}: it has {partitions}, numbered from 0")]
    UnknownPartition {
        /// The topic.
        topic: TopicName,
        /// The partition asked for.
        partition: u32,
        /// How many there are.
        partitions: u32,
    },
    /// One partition reassigned twice by one command.
    #[error("partition {partition} of topic `{topic}` is reassigned twice; do it once")]
    ReassignedTwice {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: u32,
    },
    /// A replica was placed on a broker that leaves.
    #[error(
        "partition {partition} was placed on broker {broker}, which is {state}; place it elsewhere"
    )]
    BrokerLeaves {
        /// The partition.
        partition: u32,
        /// The broker.
        broker: BrokerId,
        /// Its state.
        state: BrokerState,
    },
    /// The broker has left, or is leaving, for good.
    #[error(
        "broker {broker} is {state}, which is final; start it with an empty data directory once it is decommissioned"
    )]
    IsLeaving {
        /// The broker.
        broker: BrokerId,
        /// Its state.
        state: BrokerState,
    },
    /// Fewer brokers would remain than a topic has replicas.
    #[error(
        "without broker {broker} there are {remaining} brokers, but topic `{topic}` has {wanted} replicas; \
         add a broker, or reassign the topic to fewer replicas first"
    )]
    TooFewBrokersRemain {
        /// The broker that would leave.
        broker: BrokerId,
        /// A topic with most replicas.
        topic: TopicName,
        /// Its replicas.
        wanted: u64,
        /// How many brokers would remain.
        remaining: u64,
    },
    /// No broker would remain.
    #[error("broker {broker} is the last one; add another before it leaves")]
    LastBroker {
        /// The broker that would leave.
        broker: BrokerId,
    },
    /// No replica is in doubt.
    #[error(
        "no replica of {} is in doubt: there is no loss to accept; `strand topic describe {topic}` shows what is", place(topic, *partition)
    )]
    NothingInDoubt {
        /// The topic.
        topic: TopicName,
        /// The partition, where one was asked for.
        partition: Option<u32>,
    },
}

fn place(topic: &TopicName, partition: Option<u32>) -> String {
    match partition {
        Some(partition) => format!("partition {partition} of topic `{topic}`"),
        None => format!("topic `{topic}`"),
    }
}
