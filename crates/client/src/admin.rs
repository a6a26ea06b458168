//! Calls about topics and the cluster.

mod cluster;
mod description;
mod moves;
mod offsets;
mod topics;

pub use cluster::{BrokerDescription, BrokerState, ClusterDescription};
pub use description::{
    ConfigDescription, DoubtState, PartitionDescription, ReplicaDoubt, TopicDescription,
};
pub use moves::{LeaderMove, Move, MoveState, Reassigned, Reassignment, Rebalance};
pub use offsets::{OffsetPosition, OffsetsError};
pub use topics::{AcceptedLoss, CreatedTopic, LogStart, NewTopic, TopicChange};

use crate::client::Client;

/// Calls about topics and the cluster. Where a broker is gone or cannot answer now, another one is asked, as long as a call
/// may take; a change that may have been made already is not asked for again.
#[derive(Clone, Debug)]
pub struct Admin {
    client: Client,
}

impl Admin {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }
}
