//! What can be set for all groups of a data directory.

use std::time::Duration;

use model::ReplicaId;

/// Settings of the groups of one data directory.
#[derive(Clone, Debug)]
pub struct ReplicationSettings {
    /// The replica that this data directory is.
    pub replica: ReplicaId,
    /// Most bytes that one group holds proposed and not yet answered. A single larger batch is let through.
    pub uncommitted_bytes_max: u64,
    /// How often a leader tells its followers that it lives.
    pub heartbeat_interval: Duration,
    /// A follower that has heard nothing from a leader for this long stands for election, or up to a third later. At
    /// least four heartbeats long.
    pub election_timeout: Duration,
    /// A voter that lacks more entries than this of the leader's log does not keep up.
    pub in_sync_lag_max: u64,
    /// A voter that has answered nothing that was sent within this time does not keep up.
    pub in_sync_silence_max: Duration,
}

impl ReplicationSettings {
    /// The defaults, for a replica.
    pub fn new(replica: ReplicaId) -> Self {
        Self {
            replica,
            uncommitted_bytes_max: 64 << 20,
            heartbeat_interval: Duration::from_millis(100),
            election_timeout: Duration::from_millis(600),
            in_sync_lag_max: 4096,
            in_sync_silence_max: Duration::from_secs(3),
        }
    }
}
