//! Creates a topic.

use metadata::command::CreateTopic as CreateCommand;
use metadata::plan::TopicWarning;
use metadata::{Command, NewTopic, Partition};
use model::TopicId;

use super::{CreateTopic, CreatedTopic, TopicDescription};
use crate::{Broker, ChangeError};

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
        let id = TopicId::from_bytes(rand::random());
        let plan = self.state(|state| state.plan_topic(id, new))?;
        self.change(plan.command).await?;
        self.caught_up().await;
        Ok(plan.warning)
    }

    /// What creating the topic would come to.
    fn would_create(&self, new: &NewTopic) -> Result<CreatedTopic, ChangeError> {
        let id = TopicId::from_bytes(rand::random());
        let plan = self.state(|state| state.plan_topic(id, new))?;
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
                .map(|(index, placed)| self.describe_planned(index, &Partition::new(placed)))
                .collect(),
            configs: metadata::config::describe(&new.configs, factor),
        };
        Ok(CreatedTopic {
            topic,
            warning: plan.warning,
        })
    }
}
