//! Applies a command: one verb per file. Each checks everything before it changes anything, so that a
//! refused command leaves no trace.

mod add_partitions;
mod allocate_producer_ids;
mod broker_state;
mod check_placement;
mod complete_moves;
mod confirm_removed;
mod create_topic;
mod delete_topic;
mod doubts;
mod form_cluster;
mod reassign_partitions;
mod register_broker;
mod replace_replica;
mod update_topic_configs;

use crate::command::Command;
use crate::outcome::{Answer, Effect, Outcome};
use crate::refusal::Refusal;
use crate::state::{ClusterState, Formed};

impl ClusterState {
    /// Changes the state as the command says. Deterministic: depends on the state and the command only.
    ///
    /// # Errors
    /// A [`Refusal`]; the state is then unchanged.
    pub fn apply(&mut self, command: &Command) -> Result<Outcome, Refusal> {
        let result = match command {
            Command::FormCluster(command) => self.form_cluster(command),
            Command::SetLimits(limits) => self.set_limits(*limits),
            Command::RegisterBroker(command) => self.register_broker(command),
            Command::CreateTopic(command) => self.create_topic(command),
            Command::DeleteTopic(topic) => self.delete_topic(*topic),
            Command::UpdateTopicConfigs(command) => self.update_topic_configs(command),
            Command::AddPartitions(command) => self.add_partitions(command),
            Command::AllocateProducerIds(command) => self.allocate_producer_ids(*command),
            Command::ReassignPartitions(command) => self.reassign_partitions(command),
            Command::CompleteMoves(command) => self.complete_moves(command),
            Command::ConfirmRemoved(command) => self.confirm_removed(command),
            Command::DrainBroker(command) => self.drain_broker(*command),
            Command::UndrainBroker(broker) => self.undrain_broker(*broker),
            Command::DecommissionBroker(broker) => self.decommission_broker(*broker),
            Command::NoteDoubts(command) => self.note_doubts(command),
            Command::AcceptLoss(command) => self.accept_loss(command),
        };
        debug_assert_eq!(self.broken_invariant(), None, "after {command:?}");
        result
    }

    /// The cluster's identity and limits, which every command but the first needs.
    pub(crate) fn formed(&self) -> Result<Formed, Refusal> {
        self.formed.ok_or(Refusal::NotFormed)
    }
}

impl Outcome {
    /// The command had been applied before.
    fn unchanged(answer: Answer) -> Self {
        Self {
            answer,
            effects: Vec::new(),
        }
    }

    fn changed(answer: Answer, effect: Effect) -> Self {
        Self {
            answer,
            effects: vec![effect],
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
