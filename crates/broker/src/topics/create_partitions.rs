//! Adds partitions to a topic.

use model::TopicName;

use super::TopicDescription;
use crate::{Broker, ChangeError};

impl Broker {
    /// Adds partitions until there are `total`, and waits until the local ones are open.
    ///
    /// # Errors
    /// [`ChangeError::Refused`] where there are that many, or too many.
    pub async fn create_partitions(
        &self,
        name: &TopicName,
        total: u32,
    ) -> Result<TopicDescription, ChangeError> {
        let avoid = self.unreachable();
        let command = self.state(|state| state.plan_partitions_avoiding(name, total, &avoid))?;
        self.change(command).await?;
        self.caught_up().await;
        self.see_led(name).await;
        self.topic(name)
    }
}
