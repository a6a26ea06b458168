//! What may be asked of the cluster's state.

use std::ops::Bound;
use std::sync::Arc;

use model::{BrokerId, ClusterId, PartitionIndex, ReplicaId, TopicId, TopicName};

use crate::broker::Broker;
use crate::limits::Limits;
use crate::refusal::Refusal;
use crate::state::ClusterState;
use crate::topic::{Partition, Topic};

/// Some topics, sorted by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPage {
    /// The topics of this page.
    pub topics: Vec<Arc<Topic>>,
    /// Ask for the page after this name to go on; `None` on the last page.
    pub next_after: Option<TopicName>,
}

impl ClusterState {
    /// The cluster's id; `None` before it is formed.
    pub fn cluster(&self) -> Option<ClusterId> {
        self.formed.map(|formed| formed.cluster)
    }

    /// The limits in force: the defaults before the cluster is formed.
    pub fn limits(&self) -> Limits {
        self.formed.map(|formed| formed.limits).unwrap_or_default()
    }

    /// The brokers, sorted by id.
    pub fn brokers(&self) -> impl ExactSizeIterator<Item = &Broker> {
        self.brokers.values()
    }

    /// One broker.
    pub fn broker(&self, id: BrokerId) -> Option<&Broker> {
        self.brokers.get(&id)
    }

    /// The broker that bears a replica id; `None` once its disk has been replaced.
    pub fn broker_of_replica(&self, replica: ReplicaId) -> Option<&Broker> {
        self.brokers().find(|broker| broker.replica == replica)
    }

    /// The topic of this id.
    pub fn topic(&self, id: TopicId) -> Option<&Arc<Topic>> {
        self.topics.get(&id)
    }

    /// The topic of this name.
    pub fn topic_named(&self, name: &TopicName) -> Option<&Arc<Topic>> {
        self.topics.get(self.topics_by_name.get(name)?)
    }

    /// The topic of this name, or the refusal that says there is none.
    ///
    /// # Errors
    /// [`Refusal::UnknownTopic`].
    pub fn require_topic(&self, name: &TopicName) -> Result<&Arc<Topic>, Refusal> {
        self.topic_named(name)
            .ok_or_else(|| Refusal::UnknownTopic { name: name.clone() })
    }

    /// All topics, sorted by name.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics_by_name
            .values()
            .filter_map(|id| self.topics.get(id))
    }

    /// How many topics there are.
    pub fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// How many partitions all topics have together.
    pub fn partition_count(&self) -> u64 {
        self.partitions_total
    }

    /// At most `limit` topics (at least one), sorted by name, from the first after `after`.
    pub fn topics_page(&self, after: Option<&TopicName>, limit: usize) -> TopicPage {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut following = self
            .topics_by_name
            .range::<TopicName, _>((from, Bound::Unbounded))
            .filter_map(|(_, id)| self.topics.get(id));
        let topics: Vec<_> = following.by_ref().take(limit.max(1)).cloned().collect();
        let more = following.next().is_some();
        let last = topics.last().map(|topic| topic.name().clone());
        TopicPage {
            topics,
            next_after: last.filter(|_| more),
        }
    }

    /// The partitions that `replica` belongs to, for good or until a move is completed, by topic name.
    pub fn partitions_on(
        &self,
        replica: ReplicaId,
    ) -> impl Iterator<Item = (&Arc<Topic>, PartitionIndex, &Partition)> {
        self.topics().flat_map(move |topic| {
            (0..)
                .zip(topic.partitions())
                .filter(move |(_, partition)| partition.holds(replica))
                .map(move |(index, partition)| (topic, PartitionIndex::new(index), partition))
        })
    }
}
