//! Shows topics and their partitions.

use std::sync::Arc;

use metadata::{Partition, Topic};
use model::{BrokerId, Offset, PartitionIndex, ReplicaId, Term, TopicName};
use replication::peer::GroupId;

use super::{PartitionDescription, ReplicaDoubt, TopicDescription, TopicListing, TopicsAndGaps};
use crate::partitions::{Local, LocalPartition, OpenTopic};
use crate::{Broker, ChangeError, PartitionError};

impl Broker {
    /// One topic with its configs.
    ///
    /// # Errors
    /// [`metadata::Refusal::UnknownTopic`].
    pub fn topic(&self, name: &TopicName) -> Result<TopicDescription, ChangeError> {
        let topic = self.state(|state| state.require_topic(name).cloned())?;
        Ok(TopicDescription {
            configs: topic.describe_configs(),
            ..self.describe(&topic)
        })
    }

    /// How many partitions a topic has; `None` where there is no such topic.
    pub fn partition_count(&self, topic: &TopicName) -> Option<u32> {
        self.state(|state| Some(state.topic_named(topic)?.partition_count()))
    }

    /// At most `limit` topics (at least one) whose names begin with `prefix`, from the first after `after`.
    pub fn topics(&self, after: Option<&TopicName>, prefix: &str, limit: usize) -> TopicListing {
        let limit = limit.max(1);
        let (page, more) = self.state(|state| {
            let mut following = state
                .topics()
                .filter(|topic| topic.name().as_str().starts_with(prefix))
                .filter(|topic| after.is_none_or(|after| topic.name() > after));
            let page: Vec<Arc<Topic>> = following.by_ref().take(limit).cloned().collect();
            (page, following.next().is_some())
        });
        let last = page.last().map(|topic| topic.name().clone());
        TopicListing {
            topics: page.iter().map(|topic| self.describe(topic)).collect(),
            next_after: last.filter(|_| more),
        }
    }

    /// The topics of these names; `None`: all of them.
    pub fn describe_topics(&self, names: Option<&[TopicName]>) -> TopicsAndGaps {
        let Some(names) = names else {
            let all: Vec<_> = self.state(|state| state.topics().cloned().collect());
            return TopicsAndGaps {
                topics: all.iter().map(|topic| self.describe(topic)).collect(),
                unknown: Vec::new(),
            };
        };
        let mut found = TopicsAndGaps::default();
        for name in names {
            match self.state(|state| state.topic_named(name).cloned()) {
                Some(topic) => found.topics.push(self.describe(&topic)),
                None => found.unknown.push(name.clone()),
            }
        }
        found
    }

    /// A topic without its configs.
    fn describe(&self, topic: &Topic) -> TopicDescription {
        let open = self.partitions.topics().get(topic.name()).cloned();
        let open = open.filter(|open| open.topic.id() == topic.id());
        let placed = (0..).zip(topic.partitions());
        TopicDescription {
            name: topic.name().clone(),
            id: Some(topic.id()),
            replication_factor: topic.replication_factor().get(),
            partitions: placed
                .map(|(index, partition)| {
                    let planned = self.describe_planned(index, partition);
                    let known = self.describe_led(topic, planned);
                    let mut shown = self.describe_open(topic.name(), known, open.as_deref());
                    if shown.leader.is_none() && shown.problem.is_none() {
                        shown.problem = self.lost(topic, shown.partition, partition);
                    }
                    shown
                })
                .collect(),
            configs: Vec::new(),
        }
    }

    /// A partition of which nothing but its place is known.
    pub(super) fn describe_planned(
        &self,
        index: u32,
        partition: &Partition,
    ) -> PartitionDescription {
        let replicas = self.brokers_of(&partition.replicas);
        let mut removing = self.brokers_of(&partition.removing);
        // Where only its disk was replaced, a broker's old replica goes and the broker stays.
        removing.retain(|broker| !replicas.contains(broker));
        let adding: Vec<ReplicaId> = partition.adding().collect();
        PartitionDescription {
            partition: PartitionIndex::new(index),
            leader: None,
            adding: self.brokers_of(&adding),
            removing,
            epoch: partition.epoch,
            replicas,
            in_sync: Vec::new(),
            log_start: Offset::ZERO,
            high_watermark: Offset::ZERO,
            term: Term::ZERO,
            bytes: 0,
            problem: None,
            doubts: self.doubts_of(partition),
        }
    }

    /// Adds what is known of the leader, wherever it is.
    fn describe_led(&self, topic: &Topic, planned: PartitionDescription) -> PartitionDescription {
        let group = GroupId::Log {
            topic: topic.id(),
            partition: planned.partition,
        };
        match self.leader_view(topic.name(), group) {
            Some(view) => PartitionDescription {
                leader: self.broker_of(view.leader),
                in_sync: self.brokers_of(&view.in_sync),
                term: view.term,
                ..planned
            },
            None => planned,
        }
    }

    /// Adds what this broker knows of its own replica.
    fn describe_open(
        &self,
        topic: &TopicName,
        planned: PartitionDescription,
        open: Option<&OpenTopic>,
    ) -> PartitionDescription {
        let at = usize::try_from(planned.partition.get()).ok();
        let slot = open.and_then(|open| open.slots.get(at?));
        let problem = match slot.map(|slot| slot.local()) {
            Some(Some(Local::Open(partition))) => return self.describe_local(planned, &partition),
            Some(Some(Local::Failed { error, .. })) => Some(error),
            Some(Some(Local::Opening)) | None => Some(PartitionError::Opening {
                topic: topic.clone(),
                partition: planned.partition,
            }),
            Some(None) => None,
        };
        PartitionDescription { problem, ..planned }
    }

    fn describe_local(
        &self,
        planned: PartitionDescription,
        partition: &LocalPartition,
    ) -> PartitionDescription {
        let status = partition.group.status();
        PartitionDescription {
            log_start: status.log_start,
            high_watermark: status.high_watermark,
            bytes: partition.bytes(),
            problem: status.stopped.map(|reason| partition.stopped(&reason)),
            ..planned
        }
    }

    fn doubts_of(&self, partition: &Partition) -> Vec<ReplicaDoubt> {
        let doubts = partition.doubts.iter().filter_map(|doubt| {
            Some(ReplicaDoubt {
                broker: self.broker_of(doubt.replica)?,
                since: doubt.since,
                state: doubt.state,
            })
        });
        doubts.collect()
    }

    fn brokers_of(&self, replicas: &[ReplicaId]) -> Vec<BrokerId> {
        let brokers = replicas
            .iter()
            .filter_map(|replica| self.broker_of(*replica));
        brokers.collect()
    }
}
