//! Notes that groups have the members that their partitions shall have.

use std::collections::BTreeMap;

use model::TopicId;

use crate::command::{CompleteMoves, CompletedMove};
use crate::outcome::{Answer, Effect, Outcome};
use crate::refusal::Refusal;
use crate::state::ClusterState;

impl ClusterState {
    /// A move that was superseded, or whose topic is gone, is no error: its leader goes on with what is wanted now.
    pub(super) fn complete_moves(&mut self, command: &CompleteMoves) -> Result<Outcome, Refusal> {
        self.formed()?;
        let mut by_topic: BTreeMap<TopicId, Vec<&CompletedMove>> = BTreeMap::new();
        for completed in &command.moves {
            by_topic.entry(completed.topic).or_default().push(completed);
        }
        let mut outcome = Outcome::unchanged(Answer::MovesCompleted { completed: 0 });
        let mut count = 0;
        for (id, moves) in by_topic {
            let Some(topic) = self.topics.get(&id) else {
                continue;
            };
            let mut changed = (**topic).clone();
            let before = count;
            for completed in moves {
                let partition = changed.partition_mut(completed.partition);
                if let Some(partition) = partition
                    && partition.epoch == completed.epoch
                    && partition.is_moving()
                {
                    partition.settle();
                    count += 1;
                }
            }
            if count > before {
                self.replace_topic(changed);
                outcome.effects.push(Effect::PartitionsMoved { topic: id });
            }
        }
        if count > 0 {
            self.release_empty_brokers();
        }
        outcome.answer = Answer::MovesCompleted { completed: count };
        Ok(outcome)
    }
}
