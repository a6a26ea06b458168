//! The cluster's state and what must stay true of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use model::{BrokerId, ClusterId, DiskId, ReplicaId, TopicId, TopicName};

use crate::broker::{Broker, BrokerState};
use crate::limits::Limits;
use crate::topic::Topic;

/// The identity and limits of a formed cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Formed {
    /// The cluster's id.
    pub cluster: ClusterId,
    /// N: brokers 0..N-1 formed the cluster; their first disks bear the replica ids 0..N-1.
    pub initial_brokers: u32,
    /// The limits in force.
    pub limits: Limits,
}

/// What every broker knows of the cluster. Changed by [`ClusterState::apply`] alone; cheap to clone per
/// topic (topics are shared).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterState {
    pub(crate) formed: Option<Formed>,
    pub(crate) brokers: BTreeMap<BrokerId, Broker>,
    /// Disks that another one has taken the place of, with the broker whose they were.
    pub(crate) replaced_disks: BTreeMap<DiskId, BrokerId>,
    /// The next replica id that is neither issued nor set aside for an initial broker's first disk.
    pub(crate) next_replica: u64,
    pub(crate) topics: BTreeMap<TopicId, Arc<Topic>>,
    /// Derived from `topics`.
    pub(crate) topics_by_name: BTreeMap<TopicName, TopicId>,
    /// Derived from `topics`: the partitions of all topics.
    pub(crate) partitions_total: u64,
    /// The topics deleted last, oldest first.
    pub(crate) deleted_topics: VecDeque<TopicId>,
    pub(crate) next_producer: u64,
}

impl ClusterState {
    /// The state before the first command.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn insert_topic(&mut self, topic: Topic) {
        self.partitions_total += topic.partitions().len() as u64;
        self.topics_by_name.insert(topic.name().clone(), topic.id());
        self.topics.insert(topic.id(), Arc::new(topic));
    }

    pub(crate) fn remove_topic(&mut self, id: TopicId) -> Option<Arc<Topic>> {
        let topic = self.topics.remove(&id)?;
        self.topics_by_name.remove(topic.name());
        self.partitions_total -= topic.partitions().len() as u64;
        Some(topic)
    }

    /// The first invariant that does not hold, named; `None` for a sound state. Checked after every
    /// command in debug builds, and on every snapshot that is read.
    pub fn broken_invariant(&self) -> Option<&'static str> {
        let Some(formed) = self.formed else {
            let untouched = *self == Self::default();
            return (!untouched).then_some("a cluster that is not formed knows nothing");
        };
        let checks = [
            (
                self.replicas_issued_once(formed),
                "each broker bears a replica id of its own that has been issued",
            ),
            (
                self.disks_belong_to_one_broker(),
                "each disk belongs to one broker and is not a replaced one",
            ),
            (
                self.names_match_topics(),
                "names and topics match one to one",
            ),
            (
                self.placements_are_issued(),
                "each partition has its replicas, all different, all issued",
            ),
            (
                self.moves_make_sense(),
                "a replica to be removed is not one that stays, and only a move removes any",
            ),
            (
                self.doubts_make_sense(),
                "only replicas of a partition are in doubt about it, each once",
            ),
            (
                self.leavers_are_empty(),
                "a decommissioned broker bears nothing",
            ),
            (
                !self
                    .deleted_topics
                    .iter()
                    .any(|id| self.topics.contains_key(id)),
                "a deleted topic does not exist",
            ),
        ];
        let broken = checks.into_iter().find(|(holds, _)| !holds);
        broken.map(|(_, invariant)| invariant)
    }

    fn replicas_issued_once(&self, formed: Formed) -> bool {
        let mut replicas: Vec<ReplicaId> = self.brokers.values().map(|b| b.replica).collect();
        replicas.sort_unstable();
        replicas.is_sorted_by(|left, right| left < right)
            && replicas
                .iter()
                .all(|replica| replica.get() < self.next_replica)
            && self.next_replica >= u64::from(formed.initial_brokers)
            && self.brokers.iter().all(|(id, broker)| *id == broker.id)
    }

    fn disks_belong_to_one_broker(&self) -> bool {
        let mut disks: Vec<DiskId> = self.brokers.values().map(|b| b.disk).collect();
        disks.sort_unstable();
        disks.is_sorted_by(|left, right| left < right)
            && !disks
                .iter()
                .any(|disk| self.replaced_disks.contains_key(disk))
    }

    fn names_match_topics(&self) -> bool {
        let partitions: u64 = self
            .topics
            .values()
            .map(|t| t.partitions().len() as u64)
            .sum();
        let named = |(id, topic): (&TopicId, &Arc<Topic>)| {
            *id == topic.id() && self.topics_by_name.get(topic.name()) == Some(id)
        };
        self.topics_by_name.len() == self.topics.len()
            && self.topics.iter().all(named)
            && self.partitions_total == partitions
    }

    fn placements_are_issued(&self) -> bool {
        self.topics.values().all(|topic| {
            let wanted = usize::from(topic.replication_factor().get());
            let partitions = topic.partitions();
            !partitions.is_empty()
                && partitions.iter().all(|partition| {
                    partition.replicas.len() == wanted
                        && self.all_differ_and_are_issued(&partition.replicas)
                })
        })
    }

    fn moves_make_sense(&self) -> bool {
        let mut partitions = self.topics.values().flat_map(|topic| topic.partitions());
        partitions.all(|partition| {
            let mut removing = partition.removing.iter();
            let settled = partition.settled_epoch;
            settled <= partition.epoch
                && (partition.is_moving() || partition.removing.is_empty())
                && removing.all(|replica| !partition.replicas.contains(replica))
                && self.all_differ_and_are_issued(&partition.removing)
                && partition.is_moving() != partition.moved_from.is_empty()
                && self.all_differ_and_are_issued(&partition.moved_from)
        })
    }

    fn doubts_make_sense(&self) -> bool {
        let mut partitions = self.topics.values().flat_map(|topic| topic.partitions());
        partitions.all(|partition| {
            let doubts = &partition.doubts;
            doubts.is_sorted_by(|left, right| left.replica < right.replica)
                && doubts.iter().all(|doubt| partition.holds(doubt.replica))
        })
    }

    fn leavers_are_empty(&self) -> bool {
        let gone = |broker: &&Broker| broker.state == BrokerState::Decommissioned;
        self.brokers()
            .filter(gone)
            .all(|broker| self.partitions_on(broker.replica).next().is_none())
    }

    fn all_differ_and_are_issued(&self, replicas: &[ReplicaId]) -> bool {
        let mut sorted = replicas.to_vec();
        sorted.sort_unstable();
        sorted.is_sorted_by(|left, right| left < right)
            && sorted
                .iter()
                .all(|replica| replica.get() < self.next_replica)
    }
}
