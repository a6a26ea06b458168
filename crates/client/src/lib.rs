//! The Rust client: topics, the cluster, producing, consuming.
//!
//! [`Client`] is the way to a cluster, [`Admin`] asks about topics and the cluster and changes them, [`Producer`] writes
//! batches over a stream, [`Consumer`] reads by offset. Batches are encoded and decoded here, so that the broker
//! passes their bytes through. This crate knows the API and the batch format, and nothing of how brokers work.

mod admin;
mod brokers;
mod call_error;
mod calling;
mod client;
mod consumer;
mod producer;
mod refusal;
mod settings;
mod topic_partition;
mod wire;

pub use admin::{
    AcceptedLoss, Admin, BrokerDescription, BrokerState, ClusterDescription, ConfigDescription,
    CreatedTopic, DoubtState, LeaderMove, LogStart, Move, MoveState, NewTopic, OffsetPosition,
    OffsetsError, PartitionDescription, Reassigned, Reassignment, Rebalance, ReplicaDoubt,
    TopicChange, TopicDescription,
};
pub use call_error::CallError;
pub use client::{AddressError, Client};
pub use consumer::{
    Chunk, ConsumeError, Consumer, ConsumerSettings, Damage, DamagedError, Trouble,
};
pub use producer::{
    Acknowledgement, Delivered, Delivery, OutgoingBatch, ProduceError, Producer, ProducerClosed,
    ProducerSettings,
};
pub use refusal::Refusal;
pub use rpc::{ExitClass, Reason, Retry};
pub use settings::ClientSettings;
pub use tonic::Code;
pub use topic_partition::TopicPartition;
