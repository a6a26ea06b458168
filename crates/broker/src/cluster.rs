//! What can be asked of the cluster.

use model::{BrokerId, ClusterId};

use crate::Broker;

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

impl Broker {
    /// The cluster as this broker knows it.
    pub fn describe_cluster(&self) -> ClusterDescription {
        self.state(|state| ClusterDescription {
            cluster: state.cluster(),
            broker: self.settings.identity.broker,
            brokers: state.brokers().cloned().collect(),
            topics: state.topic_count() as u64,
            partitions: state.partition_count(),
        })
    }
}
