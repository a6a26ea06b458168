//! Wants partitions elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::TopicId;

use crate::command::{ReassignPartitions, Reassignment};
use crate::outcome::{Answer, Effect, Outcome};
use crate::refusal::Refusal;
use crate::replication_factor::ReplicationFactor;
use crate::state::ClusterState;
use crate::topic::{Partition, Topic};

impl ClusterState {
    pub(super) fn reassign_partitions(
        &mut self,
        command: &ReassignPartitions,
    ) -> Result<Outcome, Refusal> {
        self.formed()?;
        let mut by_topic: BTreeMap<TopicId, Vec<&Reassignment>> = BTreeMap::new();
        for wanted in &command.moves {
            by_topic.entry(wanted.topic).or_default().push(wanted);
        }
        let mut changed = Vec::new();
        let mut count = 0;
        for (id, moves) in by_topic {
            let topic = self.require_topic_id(id)?;
            let (moved, partitions) = self.reassigned(topic, &moves)?;
            if partitions > 0 {
                changed.push(moved);
                count += partitions;
            }
        }
        let effects = changed
            .iter()
            .map(|topic| Effect::PartitionsMoved { topic: topic.id() });
        let outcome = Outcome {
            answer: Answer::PartitionsReassigned { changed: count },
            effects: effects.collect(),
        };
        for topic in changed {
            self.replace_topic(topic);
        }
        if count > 0 {
            self.release_empty_brokers();
        }
        Ok(outcome)
    }

    /// The topic after its moves, and how many of them change anything.
    fn reassigned(&self, topic: &Topic, moves: &[&Reassignment]) -> Result<(Topic, u64), Refusal> {
        let factor = factor_after(topic, moves);
        self.check_replication_factor(factor)?;
        let mut changed = topic.with_replication_factor(factor)?;
        let mut seen = BTreeSet::new();
        let mut count = 0;
        for wanted in moves {
            let number = wanted.partition.get();
            if !seen.insert(wanted.partition) {
                return Err(Refusal::ReassignedTwice {
                    topic: topic.name().clone(),
                    partition: number,
                });
            }
            let current = topic.require_partition(wanted.partition)?;
            if was_applied(current, wanted) {
                continue;
            }
            if current.epoch != wanted.epoch {
                return Err(Refusal::MoveSuperseded {
                    topic: topic.name().clone(),
                    partition: number,
                    expected: wanted.epoch,
                    have: current.epoch,
                });
            }
            self.check_replicas(number, &wanted.replicas, factor, &current.replicas)?;
            if current.replicas != wanted.replicas
                && let Some(partition) = changed.partition_mut(wanted.partition)
            {
                partition.reassign(wanted.replicas.clone());
                count += 1;
            }
        }
        Ok((changed, count))
    }

    pub(crate) fn replace_topic(&mut self, topic: Topic) {
        self.topics.insert(topic.id(), Arc::new(topic));
    }
}

/// Whether the partition is where the command wants it, one epoch behind the one it was built upon.
fn was_applied(current: &Partition, wanted: &Reassignment) -> bool {
    current.replicas == wanted.replicas && wanted.epoch.checked_add(1) == Some(current.epoch)
}

/// The replication factor after the moves: another one only where they give all partitions the same.
fn factor_after(topic: &Topic, moves: &[&Reassignment]) -> ReplicationFactor {
    let counts: BTreeSet<usize> = moves.iter().map(|wanted| wanted.replicas.len()).collect();
    let only = match counts.first() {
        Some(count) if counts.len() == 1 && moves.len() == topic.partitions().len() => *count,
        _ => return topic.replication_factor(),
    };
    let factor = u16::try_from(only).ok().and_then(ReplicationFactor::new);
    factor.unwrap_or(topic.replication_factor())
}
