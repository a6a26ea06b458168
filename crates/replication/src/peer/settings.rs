//! What can be set of the way between brokers.

use std::time::Duration;

use model::{BrokerId, DiskEpoch, DiskId};

use super::Standing;

/// Who this broker is, whom it looks for, and the limits of its connections.
#[derive(Clone, Debug)]
pub struct PeerSettings {
    /// The cluster's name: brokers of another one are refused.
    pub cluster_name: String,
    /// This broker's number.
    pub broker: BrokerId,
    /// Its data directory.
    pub disk: DiskId,
    /// How often a broker has started on that directory, this time included.
    pub start_counter: u64,
    /// Which of the starts that the cluster registers this is.
    pub epoch: DiskEpoch,
    /// What the directory says of its cluster.
    pub standing: Standing,
    /// How many brokers form the cluster: 0 to this number, exclusive.
    pub initial_brokers: u32,
    /// `host:port` where other brokers reach this one.
    pub advertised_peer: String,
    /// `host:port` where clients reach this one.
    pub advertised_grpc: String,
    /// Where other brokers are looked for.
    pub seeds: Seeds,
    /// The limits and times of connections.
    pub limits: PeerLimits,
    /// What the jitter of reconnects is drawn from; any number that differs between brokers.
    pub jitter_seed: u64,
}

/// Where other brokers are looked for. This broker's own address may be among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seeds {
    /// `host:port` of each initial broker's peer listener, in any order.
    List(Vec<String>),
    /// `host:port` of a name that stands for all of them.
    Name(String),
}

/// The limits and times of connections between brokers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerLimits {
    /// Bytes of requests to one peer that are queued or unanswered; callers wait beyond it. Default 64 MiB.
    pub queue_bytes_max: usize,
    /// The same for one group, so that one cannot take the place of all. Default 16 MiB.
    pub group_bytes_max: usize,
    /// The largest request or reply. Default 20 MiB: a batch of 16 MiB with what is around it.
    pub frame_bytes_max: usize,
    /// How long heartbeats are gathered. Default 5 ms.
    pub heartbeat_gather: Duration,
    /// How long changes of leaders are gathered. Default 20 ms.
    pub gossip_gather: Duration,
    /// Bytes per second that followers far behind are sent from sealed segments, all together. Default 128 MiB.
    pub catch_up_bytes_per_second: u64,
    /// For a connection, the handshake included. Default 3 s.
    pub connect_timeout: Duration,
    /// A peer that answers no ping for so long is gone. Default 3 s.
    pub keepalive_timeout: Duration,
    /// How often a peer is pinged. Default 2 s.
    pub keepalive_interval: Duration,
    /// The wait before the second attempt to connect; it doubles, with jitter. Default 50 ms.
    pub backoff_min: Duration,
    /// The longest wait. Default 2 s.
    pub backoff_max: Duration,
    /// The wait after a refusal. Default 10 s.
    pub refused_wait: Duration,
    /// After so long a broker that is gone, and that the cluster does not know, is forgotten. Default 30 s.
    pub forget_after: Duration,
}

impl Default for PeerLimits {
    fn default() -> Self {
        Self {
            queue_bytes_max: 64 << 20,
            group_bytes_max: 16 << 20,
            frame_bytes_max: 20 << 20,
            heartbeat_gather: Duration::from_millis(5),
            gossip_gather: Duration::from_millis(20),
            catch_up_bytes_per_second: 128 << 20,
            connect_timeout: Duration::from_secs(3),
            keepalive_timeout: Duration::from_secs(3),
            keepalive_interval: Duration::from_secs(2),
            backoff_min: Duration::from_millis(50),
            backoff_max: Duration::from_secs(2),
            refused_wait: Duration::from_secs(10),
            forget_after: Duration::from_secs(30),
        }
    }
}
