//! Creates a topic.

use std::time::Duration;

use metadata::command::CreateTopic as CreateCommand;
use metadata::plan::TopicWarning;
use metadata::{Command, NewTopic, Partition, TopicPlan};
use model::{PartitionIndex, TopicId, TopicName};
use tokio::time::Instant;

use super::{CreateTopic, CreatedTopic, TopicDescription};
use crate::{Broker, ChangeError};

/// How long the leaders of a new topic are waited for: who comes too early is told to try again.
const LEADERS_WAIT_MAX: Duration = Duration::from_secs(3);

/// How soon they are looked for again.
const LEADERS_RETRY: Duration = Duration::from_millis(5);

impl Broker {
    /// Creates a topic, and waits until its local partitions are open.
    ///
    /// # Errors
    /// [`ChangeError::Refused`] where it breaks a rule.
    pub async fn create_topic(&self, wanted: CreateTopic) -> Result<CreatedTopic, ChangeError> {
        let new = NewTopic {
            name: wanted.name,
            partitions: wanted
                .partitions
                .unwrap_or(self.settings.default_partitions),
            replication_factor: wanted.replication_factor,
            configs: wanted.configs,
        };
        if wanted.validate_only {
            return self.would_create(&new);
        }
        let warning = self.propose_topic(&new).await?;
        Ok(CreatedTopic {
            topic: self.topic(&new.name)?,
            warning,
        })
    }

    /// Places the topic, proposes it, and waits until it shows in the table.
    pub(crate) async fn propose_topic(
        &self,
        new: &NewTopic,
    ) -> Result<Option<TopicWarning>, ChangeError> {
        let plan = self.plan_topic(new)?;
        self.change(plan.command).await?;
        self.caught_up().await;
        self.see_led(&new.name).await;
        Ok(plan.warning)
    }

    /// Places a topic, on brokers that are not heard of only where there are not enough others.
    fn plan_topic(&self, new: &NewTopic) -> Result<TopicPlan, ChangeError> {
        let id = TopicId::from_bytes(rand::random());
        let avoid = self.unreachable();
        Ok(self.state(|state| state.plan_topic_avoiding(id, new, &avoid))?)
    }

    /// Waits (bounded) until somebody leads every partition of a topic, as far as this broker knows.
    pub(super) async fn see_led(&self, topic: &TopicName) {
        let deadline = Instant::now() + LEADERS_WAIT_MAX;
        let partitions = self.partition_count(topic).unwrap_or(0);
        for index in (0..partitions).map(PartitionIndex::new) {
            while self.leader_of(topic, index).is_none() && Instant::now() < deadline {
                tokio::time::sleep(LEADERS_RETRY).await;
            }
        }
    }

    /// What creating the topic would come to.
    fn would_create(&self, new: &NewTopic) -> Result<CreatedTopic, ChangeError> {
        let plan = self.plan_topic(new)?;
        let (partitions, factor) = match &plan.command {
            Command::CreateTopic(CreateCommand {
                partitions,
                replication_factor,
                ..
            }) => (partitions.as_slice(), *replication_factor),
            _ => (&[][..], metadata::ReplicationFactor::ONE),
        };
        let placed = (0..).zip(partitions);
        let topic = TopicDescription {
            name: new.name.clone(),
            id: None,
            replication_factor: factor.get(),
            partitions: placed
                .map(|(index, placed)| self.describe_planned(index, &Partition::new(placed, 0)))
                .collect(),
            configs: metadata::config::describe(&new.configs, factor),
        };
        Ok(CreatedTopic {
            topic,
            warning: plan.warning,
        })
    }
}
