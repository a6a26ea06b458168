//! What can be asked of the cluster, and producer ids.

use model::{BrokerId, ClusterId};

/// The cluster as this broker knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    /// The cluster's id; `None` before it has formed.
    pub cluster: Option<ClusterId>,
    /// The broker that answers.
    pub broker: BrokerId,
    /// Every broker, sorted by id.
    pub brokers: Vec<metadata::Broker>,
    /// How many topics there are.
    pub topics: u64,
    /// How many partitions there are.
    pub partitions: u64,
}
