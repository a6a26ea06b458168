//! Accepts the loss of what replicas in doubt may have forgotten.

use model::{PartitionIndex, TopicName};

use crate::command::{AcceptLoss, AcceptedDoubt};
use crate::doubt::DoubtState;
use crate::refusal::Refusal;
use crate::state::ClusterState;

impl ClusterState {
    /// Accepts the doubts that are open now of one partition of a topic, or of all of them.
    ///
    /// # Errors
    /// [`Refusal::NothingInDoubt`], or there is no such topic or partition.
    pub fn plan_accept_loss(
        &self,
        name: &TopicName,
        partition: Option<PartitionIndex>,
    ) -> Result<AcceptLoss, Refusal> {
        let topic = self.require_topic(name)?;
        if let Some(wanted) = partition {
            topic.require_partition(wanted)?;
        }
        let all = (0..).map(PartitionIndex::new).zip(topic.partitions());
        let doubts: Vec<_> = all
            .filter(|(index, _)| partition.is_none_or(|wanted| wanted == *index))
            .flat_map(|(index, known)| known.doubts.iter().map(move |doubt| (index, doubt)))
            .filter(|(_, doubt)| doubt.state == DoubtState::Open)
            .map(|(partition, doubt)| AcceptedDoubt {
                partition,
                replica: doubt.replica,
                since: doubt.since,
            })
            .collect();
        if doubts.is_empty() {
            return Err(Refusal::NothingInDoubt {
                topic: name.clone(),
                partition: partition.map(PartitionIndex::get),
            });
        }
        Ok(AcceptLoss {
            topic: topic.id(),
            doubts,
        })
    }
}
