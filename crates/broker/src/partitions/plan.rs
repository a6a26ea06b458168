//! What must be opened, closed and configured to get from one table to the next. Pure.

use std::sync::Arc;

use metadata::Topic;
use model::{PartitionIndex, ReplicaId, TopicId};

use super::{OpenTopic, Slot, TopicMap};

/// The next table, and what to do.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) topics: TopicMap,
    /// Local partitions that are gone: of deleted topics.
    pub(crate) close: Vec<(TopicId, PartitionIndex)>,
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
        }
    }
    plan.close.sort_unstable();
    plan
}

/// The partitions of a topic that have a replica here.
pub(crate) fn local_partitions(
    topic: &Topic,
    here: ReplicaId,
) -> impl Iterator<Item = (TopicId, PartitionIndex)> {
    (0..)
        .map(PartitionIndex::new)
        .zip(topic.partitions())
        .filter(move |(_, partition)| partition.replicas.contains(&here))
        .map(|(index, _)| (topic.id(), index))
}

fn slots(topic: &Topic, known: &[Arc<Slot>], here: ReplicaId) -> Vec<Arc<Slot>> {
    let added = topic.partitions().iter().skip(known.len());
    let added = added.map(|partition| Arc::new(Slot::new(partition.replicas.contains(&here))));
    known.iter().cloned().chain(added).collect()
}

#[cfg(test)]
mod tests;
