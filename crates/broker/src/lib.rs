//! The use cases of a broker: produce, fetch, list offsets, topics, retention, the cluster.
//!
//! Everything here is free of protocol: it knows no protobuf, no socket, no gRPC and no Kafka code. What it
//! holds is in [`replication`]: one Raft group for each local partition, one for the cluster's metadata.
//!
//! ```text
//! Broker ── use cases (one file each)
//!   ├─ cluster state   the metadata group: commands in, answers out
//!   ├─ partitions      which topics there are and which local partitions are open; kept in step with the
//!   │                  cluster's state by one loop (`reconcile`)
//!   └─ in background   reconcile, retention, scrub
//! ```

mod broker;
mod budget;
mod cluster;
mod error;
mod fetch;
mod figures;
mod hearsay;
mod leadership;
mod list_offsets;
mod meters;
mod movement;
mod neighbours;
mod partitions;
mod produce;
mod producer_ids;
mod readiness;
mod retention;
mod scrub;
mod settings;
mod shutdown;
mod start;
mod state;
#[cfg(test)]
mod test_seed;
mod topics;

// What the answers and errors of the broker speak of, so that its users need not name the crate.
pub use metadata::plan::TopicWarning;
pub use metadata::{
    BrokerState, ConfigDescription, ConfigError, ConfigSource, DoubtState, Refusal,
};

pub use broker::Broker;
pub use cluster::{
    BrokerDescription, ClusterDescription, LeaderMove, Move, MoveState, PartitionWish, Rebalanced,
};
pub use error::{
    ChangeError, DeleteRecordsError, FetchError, InitProducerError, ListOffsetsError, NotJoined,
    PartitionError, ProduceError, RegistrationError, StartError, TransferLeadershipError,
};
pub use fetch::{FetchAnswer, FetchPartition, FetchPermit, FetchRequest, FetchedPartition};
pub use figures::{BrokerFigures, PartitionFigures, Sums};
pub use list_offsets::{FoundOffset, OffsetAt, OffsetQuery};
pub use neighbours::{BrokerAddress, BrokerLoad, LeaderView, Neighbours, NoNeighbours};
pub use produce::{ProduceResult, ProduceResults, ProduceSession, Produced};
pub use readiness::{NotReady, NotReadyReason, Readiness};
pub use settings::{BrokerIdentity, BrokerSettings, Formation};
pub use start::{registered_replica, registration};
pub use topics::{
    AcceptedLoss, CreateTopic, CreatedTopic, PartitionDescription, ReplicaDoubt, TopicDescription,
    TopicListing, TopicsAndGaps,
};
