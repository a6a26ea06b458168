//! A registered broker.

use model::{BrokerId, DiskId, ReplicaId};

/// What the cluster knows of one broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// The broker, as the operator numbers it.
    pub id: BrokerId,
    /// The data directory it presented last.
    pub disk: DiskId,
    /// The Raft node id issued for that (broker, disk).
    pub replica: ReplicaId,
    /// How often the broker has started on this disk, as presented last; never goes back.
    pub start_counter: u64,
    /// Where clients reach its gRPC API: `host:port`.
    pub grpc_address: String,
    /// Where brokers reach it: `host:port`.
    pub peer_address: String,
    /// Its failure domain, where the operator names one.
    pub rack: Option<String>,
}
