//! Puts a new disk's replica in the place of the one that is lost, wherever that was.

use model::{ReplicaId, TopicId};

use crate::outcome::Effect;
use crate::state::ClusterState;
use crate::topic::Topic;

impl ClusterState {
    /// Each partition that shall have `old` shall have `new` in its place; `old` is removed like any other. Where `old`
    /// was to go anyway, it still is.
    pub(super) fn replace_replica(&mut self, old: ReplicaId, new: ReplicaId) -> Vec<Effect> {
        let holds = |topic: &Topic| {
            let mut partitions = topic.partitions().iter();
            partitions.any(|partition| partition.replicas.contains(&old))
        };
        let affected: Vec<TopicId> = self
            .topics
            .values()
            .filter(|topic| holds(topic))
            .map(|topic| topic.id())
            .collect();
        for id in &affected {
            let Some(topic) = self.topics.get(id) else {
                continue;
            };
            let mut changed = (**topic).clone();
            for partition in changed.partitions_mut() {
                if partition.replicas.contains(&old) {
                    let replaced = |replica: &ReplicaId| {
                        if *replica == old { new } else { *replica }
                    };
                    partition.reassign(partition.replicas.iter().map(replaced).collect());
                }
            }
            self.replace_topic(changed);
        }
        let moved = affected.into_iter();
        moved
            .map(|topic| Effect::PartitionsMoved { topic })
            .collect()
    }
}
