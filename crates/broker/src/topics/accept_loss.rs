//! Accepts the loss of what replicas may have forgotten, where too few that remember are left to lead.

use metadata::Command;
use model::{BrokerId, PartitionIndex, TopicName};

use crate::{Broker, ChangeError};

/// A partition of which a loss is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedLoss {
    /// The partition.
    pub partition: PartitionIndex,
    /// The brokers whose replicas may start with what is left.
    pub brokers: Vec<BrokerId>,
    /// Who leads the partition, as far as is known: then the replicas are given back what they lack by it, and nothing is
    /// lost.
    pub leader: Option<BrokerId>,
}

impl Broker {
    /// Lets the replicas in doubt of a partition (`None`: of all partitions of the topic) start with what is left where no
    /// leader gives them back what they may have forgotten. Only the doubts that there are now: never those of a later
    /// power cut. With `validate_only` says what would be accepted.
    ///
    /// # Errors
    /// [`ChangeError::Refused`] where nothing is in doubt.
    pub async fn accept_loss(
        &self,
        name: &TopicName,
        partition: Option<PartitionIndex>,
        validate_only: bool,
    ) -> Result<Vec<AcceptedLoss>, ChangeError> {
        let command = self.state(|state| state.plan_accept_loss(name, partition))?;
        let mut accepted: Vec<AcceptedLoss> = Vec::new();
        for doubt in &command.doubts {
            let broker = self.broker_of(doubt.replica);
            match accepted.last_mut() {
                Some(last) if last.partition == doubt.partition => last.brokers.extend(broker),
                _ => accepted.push(AcceptedLoss {
                    partition: doubt.partition,
                    brokers: broker.into_iter().collect(),
                    leader: self.leader_of(name, doubt.partition),
                }),
            }
        }
        if !validate_only {
            tracing::warn!(topic = %name, ?accepted, "the loss of what replicas in doubt may have forgotten is accepted");
            self.change(Command::AcceptLoss(command)).await?;
        }
        Ok(accepted)
    }
}
