//! A registered broker.

use std::fmt;

use model::{BrokerId, DiskEpoch, DiskId, ReplicaId};

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
    /// The start of the disk that was registered last.
    pub epoch: DiskEpoch,
    /// Where clients reach its gRPC API: `host:port`.
    pub grpc_address: String,
    /// Where brokers reach it: `host:port`.
    pub peer_address: String,
    /// Its failure domain, where the operator names one.
    pub rack: Option<String>,
    /// What the operator wants of it.
    pub state: BrokerState,
}

/// What the operator wants of a broker. Whether it is alive is not known here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BrokerState {
    /// It bears what it is given.
    #[default]
    Active,
    /// Its leaderships go elsewhere until it starts again.
    Draining {
        /// The start at which this was asked; a later start ends it.
        start_counter: u64,
    },
    /// Its replicas go elsewhere, for good.
    Decommissioning,
    /// It bears nothing any more, and does not come back on its disk.
    Decommissioned,
}

impl BrokerState {
    /// Whether the broker leaves for good, or has left.
    pub const fn is_leaving(self) -> bool {
        matches!(self, Self::Decommissioning | Self::Decommissioned)
    }

    /// Whether the broker should lead what it bears.
    pub const fn may_lead(self) -> bool {
        matches!(self, Self::Active)
    }
}

impl fmt::Display for BrokerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Draining { .. } => "draining",
            Self::Decommissioning => "decommissioning",
            Self::Decommissioned => "decommissioned",
        })
    }
}
