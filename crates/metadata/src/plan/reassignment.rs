//! What a user wants of one partition, and what a broker that leaves makes necessary.

use std::collections::BTreeSet;

use model::{BrokerId, PartitionIndex, ReplicaId, TopicName};

use crate::command::Reassignment;
use crate::placement::Candidate;
use crate::refusal::Refusal;
use crate::state::ClusterState;
use crate::topic::Partition;

impl ClusterState {
    /// Brings one partition to these brokers; the first is the one preferred to lead.
    ///
    /// # Errors
    /// [`Refusal`], where the topic, the partition or a broker is not known. The rest is checked when it is applied.
    pub fn plan_reassignment(
        &self,
        name: &TopicName,
        index: PartitionIndex,
        brokers: &[BrokerId],
    ) -> Result<Reassignment, Refusal> {
        self.formed()?;
        let topic = self.require_topic(name)?;
        let partition = topic.require_partition(index)?;
        let replica = |broker: &BrokerId| Ok(self.require_broker(*broker)?.replica);
        let replicas: Result<Vec<ReplicaId>, Refusal> = brokers.iter().map(replica).collect();
        Ok(Reassignment {
            topic: topic.id(),
            partition: index,
            epoch: partition.epoch,
            replicas: replicas?,
        })
    }

    /// At most `at_most` moves that take replicas off a broker, each to the broker that spreads them best; never to
    /// those of `avoid`. Fewer than there are to be made where no broker can take them.
    pub fn plan_decommission(
        &self,
        broker: BrokerId,
        avoid: &BTreeSet<BrokerId>,
        at_most: usize,
    ) -> Vec<Reassignment> {
        let Some(leaving) = self.broker(broker).map(|known| known.replica) else {
            return Vec::new();
        };
        let is_there = |candidate: &Candidate| {
            let bearer = self.broker_of_replica(candidate.replica);
            bearer.is_some_and(|bearer| bearer.id != broker && !avoid.contains(&bearer.id))
        };
        let mut candidates = self.placement_candidates(&BTreeSet::new());
        candidates.retain(is_there);
        let mut moves = Vec::new();
        for (topic, index, partition) in self.partitions_on(leaving) {
            if moves.len() >= at_most {
                break;
            }
            if let Some(replicas) = self.without(partition, leaving, &mut candidates) {
                moves.push(Reassignment {
                    topic: topic.id(),
                    partition: index,
                    epoch: partition.epoch,
                    replicas,
                });
            }
        }
        moves
    }

    /// The partition's replicas with the best of the candidates in the place of one; `None` where that one is on its
    /// way out already, or nobody can take it.
    fn without(
        &self,
        partition: &Partition,
        leaving: ReplicaId,
        candidates: &mut [Candidate],
    ) -> Option<Vec<ReplicaId>> {
        let place = partition.replicas.iter().position(|r| *r == leaving)?;
        let stays = |replica: &&ReplicaId| **replica != leaving;
        let racks: Vec<&str> = partition
            .replicas
            .iter()
            .filter(stays)
            .filter_map(|replica| self.broker_of_replica(*replica)?.rack.as_deref())
            .collect();
        let best = candidates
            .iter_mut()
            .filter(|candidate| !partition.replicas.contains(&candidate.replica))
            .min_by_key(|candidate| {
                let rack = candidate.rack.as_deref();
                let taken = racks.iter().filter(|taken| rack == Some(**taken)).count();
                let leaders = if place == 0 { candidate.leaders } else { 0 };
                let avoided = candidate.is_avoided;
                (
                    avoided,
                    taken,
                    leaders,
                    candidate.replicas,
                    candidate.replica,
                )
            })?;
        best.replicas += 1;
        best.leaders += u64::from(place == 0);
        let replaced = |replica: &ReplicaId| match *replica == leaving {
            true => best.replica,
            false => *replica,
        };
        Some(partition.replicas.iter().map(replaced).collect())
    }
}
