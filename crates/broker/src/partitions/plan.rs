//! What must be opened, closed and configured to get from one table to the next. Pure.

use std::sync::Arc;

use metadata::{Partition, Topic};
use model::{PartitionIndex, ReplicaId, TopicId};

use super::{OpenTopic, Slot, TopicMap};

/// The next table, and what to do.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) topics: TopicMap,
    /// Local partitions that are gone: of deleted topics, or moved away.
    pub(crate) close: Vec<(TopicId, PartitionIndex)>,
    /// Topics that are no more.
    pub(crate) gone: Vec<Arc<OpenTopic>>,
    /// Topics whose configs differ from those in force.
    pub(crate) configure: Vec<Arc<OpenTopic>>,
}

/// The table that shows `wanted`, where `current` is shown now. Slots of a topic that stays are kept, and a topic
/// created anew under an old name gets new ones.
pub(crate) fn plan(current: &TopicMap, wanted: Vec<Arc<Topic>>, here: ReplicaId) -> Plan {
    let mut plan = Plan::default();
    for topic in wanted {
        let known = current.get(topic.name());
        let known = known.filter(|known| known.topic.id() == topic.id());
        let open = match known {
            Some(known) if known.topic == topic => known.clone(),
            Some(known) => {
                let grown = Arc::new(OpenTopic {
                    slots: slots(&topic, &known.slots, here),
                    topic: topic.clone(),
                });
                plan.close.extend(moved_away(&grown, known));
                if grown.topic.config() != known.topic.config() {
                    plan.configure.push(grown.clone());
                }
                grown
            }
            None => Arc::new(OpenTopic {
                slots: slots(&topic, &[], here),
                topic: topic.clone(),
            }),
        };
        plan.topics.insert(topic.name().clone(), open);
    }
    for (name, known) in current {
        let id = known.topic.id();
        let stays = plan
            .topics
            .get(name)
            .is_some_and(|open| open.topic.id() == id);
        if !stays {
            plan.close.extend(local_partitions(&known.topic, here));
            plan.gone.push(known.clone());
        }
    }
    plan.close.sort_unstable();
    plan
}

/// The partitions of a topic that this replica belongs to.
pub(crate) fn local_partitions(
    topic: &Topic,
    here: ReplicaId,
) -> impl Iterator<Item = (TopicId, PartitionIndex)> {
    (0..)
        .map(PartitionIndex::new)
        .zip(topic.partitions())
        .filter(move |(_, partition)| partition.holds(here))
        .map(|(index, _)| (topic.id(), index))
}

/// A slot for each partition: the known one, unless the partition has come here or gone.
fn slots(topic: &Topic, known: &[Arc<Slot>], here: ReplicaId) -> Vec<Arc<Slot>> {
    let partitions = topic.partitions().iter().enumerate();
    let slot = |(at, partition): (usize, &Partition)| {
        let is_local = partition.holds(here);
        let kept = known.get(at).filter(|slot| slot.is_local() == is_local);
        kept.cloned()
            .unwrap_or_else(|| Arc::new(Slot::new(is_local)))
    };
    partitions.map(slot).collect()
}

/// The partitions that were here and are not any more.
fn moved_away(now: &OpenTopic, before: &OpenTopic) -> Vec<(TopicId, PartitionIndex)> {
    let both = now.slots.iter().zip(&before.slots);
    (0..)
        .zip(both)
        .filter(|(_, (now, before))| before.is_local() && !now.is_local())
        .map(|(index, _)| (now.topic.id(), PartitionIndex::new(index)))
        .collect()
}

#[cfg(test)]
mod tests;
