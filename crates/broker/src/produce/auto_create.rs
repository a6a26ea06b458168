//! Creates a missing topic for the first batch that is produced to it (`auto.create.topics.enable`).

use std::collections::BTreeMap;

use metadata::{NewTopic, Refusal};
use model::{PartitionIndex, TopicName};

use crate::partitions::Located;
use crate::{Broker, ChangeError, PartitionError, ProduceError};

impl Broker {
    /// How many partitions a topic has that is about to be produced to; it is created where it is missing and that is
    /// allowed.
    ///
    /// # Errors
    /// [`ProduceError`]: there is none, and none was created.
    pub async fn partitions_to_produce_to(&self, topic: &TopicName) -> Result<u32, ProduceError> {
        if let Some(partitions) = self.partition_count(topic) {
            return Ok(partitions);
        }
        self.joined().map_err(PartitionError::from)?;
        if self.settings.auto_create_topics {
            self.auto_create(topic).await?;
        }
        let topic = topic.clone();
        let created = self.partition_count(&topic);
        Ok(created.ok_or(PartitionError::UnknownTopic { topic })?)
    }

    /// The open partition; its topic is created where it is missing and that is allowed.
    pub(super) async fn locate_or_create(
        &self,
        topic: &TopicName,
        partition: PartitionIndex,
    ) -> Result<Located, ProduceError> {
        match self.locate(topic, partition).await {
            Err(PartitionError::UnknownTopic { .. }) if self.settings.auto_create_topics => {
                self.auto_create(topic).await?;
                Ok(self.locate(topic, partition).await?)
            }
            found => Ok(found?),
        }
    }

    /// Proposes the topic once, however many producers ask for it at the same time.
    async fn auto_create(&self, name: &TopicName) -> Result<(), ProduceError> {
        let _one_at_a_time = self.auto_creation.lock().await;
        if self.state(|state| state.topic_named(name).is_some()) {
            return Ok(());
        }
        let wanted = NewTopic {
            name: name.clone(),
            partitions: self.settings.default_partitions,
            replication_factor: None,
            configs: BTreeMap::new(),
        };
        match self.propose_topic(&wanted).await {
            // Somebody has created it by other means.
            Err(ChangeError::Refused(Refusal::TopicExists { .. })) => Ok(()),
            Err(reason) => Err(ProduceError::NotCreated {
                topic: name.clone(),
                reason,
            }),
            Ok(_) => {
                tracing::info!(topic = %name, "created a topic for its first produce");
                Ok(())
            }
        }
    }
}
