//! Where the replicas of new partitions go: spread over racks, then over the least loaded brokers.
//!
//! A greedy choice: each partition's first replica, the preferred leader, goes to the broker with the
//! fewest preferred leaders; each further one to a rack that does not hold the partition yet, where
//! there is one, and there to the broker with the fewest replicas. Pure: the same input gives the same
//! placement. It does not know which brokers are alive; whoever calls it leaves out those that are not.

use std::cmp::Reverse;

use model::ReplicaId;

use crate::replication_factor::ReplicationFactor;
use crate::state::ClusterState;
use crate::topic::Partition;

/// A broker that may receive replicas, with what it already bears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its replica id.
    pub replica: ReplicaId,
    /// Its rack; brokers without one are each a rack of their own.
    pub rack: Option<String>,
    /// How many partitions prefer it as their leader.
    pub leaders: u64,
    /// How many replicas it bears.
    pub replicas: u64,
}

impl ClusterState {
    /// Every registered broker, with what it bears.
    pub fn placement_candidates(&self) -> Vec<Candidate> {
        let mut candidates: Vec<Candidate> = self
            .brokers()
            .map(|broker| Candidate {
                replica: broker.replica,
                rack: broker.rack.clone(),
                leaders: 0,
                replicas: 0,
            })
            .collect();
        candidates.sort_unstable_by_key(|candidate| candidate.replica);
        for partition in self.topics().flat_map(|topic| topic.partitions()) {
            for (place, replica) in partition.replicas.iter().enumerate() {
                let found = candidates.binary_search_by_key(replica, |c| c.replica);
                if let Some(bearer) = found.ok().and_then(|at| candidates.get_mut(at)) {
                    bearer.replicas += 1;
                    bearer.leaders += u64::from(place == 0);
                }
            }
        }
        candidates
    }
}

/// Places `partitions` partitions of `replication_factor` replicas each. `None` if there are fewer
/// candidates than replicas.
pub fn place(
    mut candidates: Vec<Candidate>,
    partitions: u32,
    replication_factor: ReplicationFactor,
) -> Option<Vec<Partition>> {
    let wanted = usize::from(replication_factor.get());
    if candidates.len() < wanted {
        return None;
    }
    let one = |_| place_one(&mut candidates, wanted);
    Some((0..partitions).map(one).collect())
}

fn place_one(candidates: &mut [Candidate], wanted: usize) -> Partition {
    let mut chosen: Vec<usize> = Vec::with_capacity(wanted);
    while chosen.len() < wanted {
        let leads = chosen.is_empty();
        let best = candidates
            .iter()
            .enumerate()
            .filter(|(at, _)| !chosen.contains(at))
            .min_by_key(|(_, candidate)| {
                let rack_taken = chosen
                    .iter()
                    .filter_map(|at| candidates.get(*at))
                    .filter(|other| other.rack.is_some() && other.rack == candidate.rack)
                    .count();
                let leaders = if leads { candidate.leaders } else { 0 };
                // Among equals a follower goes where most leaders are: the next leader goes elsewhere.
                let follows = Reverse(if leads { 0 } else { candidate.leaders });
                (
                    leaders,
                    rack_taken,
                    candidate.replicas,
                    follows,
                    candidate.replica,
                )
            })
            .map(|(at, _)| at);
        let Some(best) = best else { break };
        if let Some(candidate) = candidates.get_mut(best) {
            candidate.replicas += 1;
            candidate.leaders += u64::from(leads);
        }
        chosen.push(best);
    }
    let replicas = chosen
        .iter()
        .filter_map(|at| candidates.get(*at))
        .map(|candidate| candidate.replica)
        .collect();
    Partition { replicas }
}

#[cfg(test)]
mod tests;
