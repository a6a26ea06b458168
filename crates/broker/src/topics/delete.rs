//! Deletes a topic.

use metadata::{Answer, Command};
use model::{TopicId, TopicName};

use crate::{Broker, ChangeError};

impl Broker {
    /// Deletes a topic with all its records; returns the id of the incarnation that is gone. Its files are deleted
    /// when this returns, unless that takes long.
    ///
    /// # Errors
    /// [`ChangeError::Refused`] where there is no such topic.
    pub async fn delete_topic(&self, name: &TopicName) -> Result<TopicId, ChangeError> {
        let command: Command = self.state(|state| state.plan_deletion(name))?;
        match self.change(command).await? {
            Answer::TopicDeleted { topic, .. } => {
                self.caught_up().await;
                Ok(topic)
            }
            _ => Err(ChangeError::OutcomeUnknown),
        }
    }
}
