//! Tells which partitions a replica has nothing to do with any more.

use crate::command::{ConfirmRemoved, PartitionPlace};
use crate::outcome::{Answer, Outcome};
use crate::refusal::Refusal;
use crate::state::ClusterState;

impl ClusterState {
    /// A question that goes through the log, so that its answer is as new as the question: whoever is about to delete
    /// files must not act upon what was true a while ago.
    pub(super) fn confirm_removed(&self, command: &ConfirmRemoved) -> Result<Outcome, Refusal> {
        self.formed()?;
        let is_gone = |place: &&PartitionPlace| {
            let partition = self
                .topic(place.topic)
                .and_then(|topic| topic.partition(place.partition));
            partition.is_none_or(|partition| !partition.holds(command.replica))
        };
        let gone = command.partitions.iter().filter(is_gone).copied();
        Ok(Outcome::unchanged(Answer::RemovalConfirmed {
            partitions: gone.collect(),
        }))
    }
}
