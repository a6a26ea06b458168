//! Why a leadership is not handed over.

use model::{BrokerId, PartitionIndex, TopicName};
use thiserror::Error;

use super::PartitionError;

/// Why a leadership is not handed over. The partition may have been without a leader for a moment.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TransferLeadershipError {
    /// The partition does not serve, or not here.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// The broker holds none of it.
    #[error(
        "broker {broker} holds no replica of partition {partition} of topic `{topic}`; choose one that does"
    )]
    NoReplica {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The broker asked for.
        broker: BrokerId,
    },
    /// No other broker could lead.
    #[error(
        "no other broker has a replica of partition {partition} of topic `{topic}` that is in sync and may lead; try again once one has caught up"
    )]
    NobodyElse {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
    },
    /// It did not come about.
    #[error("partition {partition} of topic `{topic}` is not handed over{}: {reason}", .broker.map(|broker| format!(" to broker {broker}")).unwrap_or_default())]
    Refused {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The broker that was to lead.
        broker: Option<BrokerId>,
        /// Why not.
        reason: String,
    },
}
