//! Where the replicas of new partitions go: spread over racks, then over the least loaded brokers.
//!
//! A greedy choice: each partition's first replica, the preferred leader, goes to the broker with the
//! fewest preferred leaders; each further one to a rack that does not hold the partition yet, where
//! there is one, and there to the broker with the fewest replicas. Brokers to be avoided (they drain, or
//! whoever calls cannot reach them) come last of all. Pure: the same input gives the same placement.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use model::{BrokerId, ReplicaId};

use crate::replication_factor::ReplicationFactor;
use crate::state::ClusterState;
use crate::topic::Placement;

/// A broker that may receive replicas, with what it already bears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its replica id.
    pub replica: ReplicaId,
    /// Whether it is taken only where there are not enough others.
    pub is_avoided: bool,
    /// Its rack; brokers without one are each a rack of their own.
    pub rack: Option<String>,
    /// How many partitions prefer it as their leader.
    pub leaders: u64,
    /// How many replicas it bears.
    pub replicas: u64,
}

impl ClusterState {
    /// Every broker that stays, with what it bears. Those that drain, or are in `avoid`, are to be avoided.
    pub fn placement_candidates(&self, avoid: &BTreeSet<BrokerId>) -> Vec<Candidate> {
        let mut candidates: Vec<Candidate> = self
            .brokers()
            .filter(|broker| !broker.state.is_leaving())
            .map(|broker| Candidate {
                replica: broker.replica,
                is_avoided: !broker.state.may_lead() || avoid.contains(&broker.id),
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
) -> Option<Vec<Placement>> {
    let wanted = usize::from(replication_factor.get());
    if candidates.len() < wanted {
        return None;
    }
    let one = |_| place_one(&mut candidates, wanted);
    Some((0..partitions).map(one).collect())
}

fn place_one(candidates: &mut [Candidate], wanted: usize) -> Placement {
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
                    candidate.is_avoided,
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
    Placement { replicas }
}

#[cfg(test)]
mod tests;
