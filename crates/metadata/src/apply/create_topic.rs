//! Creates a topic.

use model::{TopicId, TopicName};

use crate::command::CreateTopic;
use crate::outcome::{Answer, Effect, Outcome};
use crate::refusal::Refusal;
use crate::replication_factor::ReplicationFactor;
use crate::state::{ClusterState, Formed};
use crate::topic::{Partition, Topic};

impl ClusterState {
    pub(super) fn create_topic(&mut self, command: &CreateTopic) -> Result<Outcome, Refusal> {
        let formed = self.formed()?;
        if let Some(topic) = self.topics.get(&command.id) {
            if topic.name() == &command.name {
                return Ok(Outcome::unchanged(created(topic)));
            }
            return Err(Refusal::TopicIdTaken {
                id: command.id,
                name: topic.name().clone(),
            });
        }
        if self.deleted_topics.contains(&command.id) {
            return Err(Refusal::TopicDeletedSince { id: command.id });
        }
        self.check_new_topic(formed, &command.name, command.partitions.len() as u64)?;
        self.check_replication_factor(command.replication_factor)?;
        self.check_placement(0, &command.partitions, command.replication_factor)?;
        let neighbours = self.neighbours(command.partitions.len(), command.replication_factor);
        let partitions = command.partitions.iter();
        let topic = Topic::new(
            command.id,
            command.name.clone(),
            command.replication_factor,
            partitions
                .map(|placement| Partition::new(placement, neighbours))
                .collect(),
            command.configs.clone(),
        )?;
        let answer = created(&topic);
        self.insert_topic(topic);
        Ok(Outcome::changed(
            answer,
            Effect::TopicCreated { topic: command.id },
        ))
    }

    /// About how many replicas each broker will have with so many partitions more, as if all had this many replicas.
    pub(super) fn neighbours(&self, added: usize, replication_factor: ReplicationFactor) -> u64 {
        let partitions = self.partitions_total.saturating_add(added as u64);
        let replicas = partitions.saturating_mul(u64::from(replication_factor.get()));
        replicas.div_ceil(self.brokers.len().max(1) as u64)
    }

    /// Checks that a topic of this name and size fits.
    pub(crate) fn check_new_topic(
        &self,
        formed: Formed,
        name: &TopicName,
        partitions: u64,
    ) -> Result<(), Refusal> {
        if let Some(id) = self.topics_by_name.get(name) {
            return Err(Refusal::TopicExists {
                name: name.clone(),
                id: *id,
            });
        }
        let limit = formed.limits.topics;
        if self.topics.len() as u64 >= u64::from(limit) {
            return Err(Refusal::TooManyTopics { limit });
        }
        self.check_partition_count(formed, 0, partitions)
    }

    /// The topic of this id, or the refusal that says there is none.
    pub(super) fn require_topic_id(&self, id: TopicId) -> Result<&Topic, Refusal> {
        let topic = self.topics.get(&id);
        topic
            .map(|topic| topic.as_ref())
            .ok_or(Refusal::UnknownTopicId { id })
    }
}

fn created(topic: &Topic) -> Answer {
    Answer::TopicCreated {
        topic: topic.id(),
        partitions: topic.partition_count(),
    }
}
