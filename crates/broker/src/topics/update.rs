//! Changes a topic's configs.

use std::collections::{BTreeMap, BTreeSet};

use metadata::command::UpdateTopicConfigs;
use metadata::{ClusterState, Command};
use model::TopicName;

use super::TopicDescription;
use crate::{Broker, ChangeError};

impl Broker {
    /// Sets configs and returns others to their defaults, all or none; in force when this returns.
    ///
    /// # Errors
    /// [`ChangeError::Refused`] where there is no such topic, or a config breaks a rule.
    pub async fn update_topic(
        &self,
        name: &TopicName,
        set: BTreeMap<String, String>,
        remove: BTreeSet<String>,
        validate_only: bool,
    ) -> Result<TopicDescription, ChangeError> {
        let topic = self.state(|state| state.require_topic(name).cloned())?;
        let id = topic.id();
        let command = Command::UpdateTopicConfigs(UpdateTopicConfigs {
            topic: id,
            set,
            remove,
        });
        if validate_only {
            let mut trial: ClusterState = self.state(ClusterState::clone);
            trial.apply(&command)?;
            let changed = trial.require_topic(name)?;
            return Ok(TopicDescription {
                configs: changed.describe_configs(),
                ..self.topic(name)?
            });
        }
        self.change(command).await?;
        self.caught_up().await;
        self.topic(name)
    }
}
