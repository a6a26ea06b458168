//! Adds partitions to a topic.

use std::ops::Range;

use model::PartitionIndex;

use crate::command::AddPartitions;
use crate::outcome::{Answer, Effect, Outcome};
use crate::refusal::Refusal;
use crate::state::ClusterState;
use crate::topic::{Partition, Placement, Topic};

impl ClusterState {
    pub(super) fn add_partitions(&mut self, command: &AddPartitions) -> Result<Outcome, Refusal> {
        let formed = self.formed()?;
        let topic = self.require_topic_id(command.topic)?;
        let have = topic.partition_count();
        let first = command.first.get();
        let added = command.partitions.len() as u64;
        if added == 0 {
            return Err(Refusal::PartitionsMayOnlyGrow { have, wanted: have });
        }
        if was_applied(topic, command) {
            return Ok(Outcome::unchanged(Answer::PartitionsAdded {
                topic: command.topic,
                total: have,
            }));
        }
        if first != have {
            return Err(Refusal::PartitionsChanged {
                expected: first,
                have,
            });
        }
        self.check_partition_count(formed, u64::from(have), added)?;
        self.check_replication_factor(topic.replication_factor())?;
        self.check_placement(first, &command.partitions, topic.replication_factor())?;
        let mut grown = topic.clone();
        let neighbours = self.neighbours(command.partitions.len(), topic.replication_factor());
        grown.add_partitions(&command.partitions, neighbours);
        let total = grown.partition_count();
        self.remove_topic(command.topic);
        self.insert_topic(grown);
        Ok(Outcome::changed(
            Answer::PartitionsAdded {
                topic: command.topic,
                total,
            },
            Effect::PartitionsAdded {
                topic: command.topic,
                first: command.first,
                end: PartitionIndex::new(total),
            },
        ))
    }
}

/// Whether the topic's last partitions are those of the command, where the command has them.
fn was_applied(topic: &Topic, command: &AddPartitions) -> bool {
    let Ok(first) = usize::try_from(command.first.get()) else {
        return false;
    };
    let tail = Range {
        start: first,
        end: topic.partitions().len(),
    };
    let is_there = |(have, wanted): (&Partition, &Placement)| have.replicas == wanted.replicas;
    topic.partitions().get(tail).is_some_and(|have| {
        have.len() == command.partitions.len() && have.iter().zip(&command.partitions).all(is_there)
    })
}
