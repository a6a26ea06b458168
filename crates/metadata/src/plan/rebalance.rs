//! Spreads what there is evenly: first over racks, then replicas over brokers, then preferred leaderships over
//! replicas. Each step moves no more than it must.
//!
//! Only brokers that are meant to bear and that can be reached take part: what lies on a broker that drains stays
//! there. Partitions that move already are counted where they go, and left alone.

use std::collections::{BTreeSet, VecDeque};

use model::{BrokerId, PartitionIndex, ReplicaId, TopicId};

use crate::command::Reassignment;
use crate::placement::Candidate;
use crate::refusal::Refusal;
use crate::state::ClusterState;

impl ClusterState {
    /// The moves that make the cluster even; none where it is. Never to or from the brokers of `avoid`.
    ///
    /// # Errors
    /// [`Refusal::NotFormed`].
    pub fn plan_rebalance(&self, avoid: &BTreeSet<BrokerId>) -> Result<Vec<Reassignment>, Refusal> {
        self.formed()?;
        let mut balance = Balance::of(self, avoid);
        balance.spread_over_racks();
        balance.even_replicas();
        balance.even_leaders();
        let changed = balance.partitions.into_iter();
        let changed = changed.filter(|partition| partition.replicas != partition.before);
        Ok(changed
            .map(|partition| Reassignment {
                topic: partition.topic,
                partition: partition.index,
                epoch: partition.epoch,
                replicas: partition.replicas,
            })
            .collect())
    }
}

/// A partition that may be moved.
struct Movable {
    topic: TopicId,
    index: PartitionIndex,
    epoch: u64,
    before: Vec<ReplicaId>,
    replicas: Vec<ReplicaId>,
}

/// The replicas that take part, and all partitions that may be moved.
struct Balance {
    bearers: Vec<Candidate>,
    /// All brokers' racks, also of those that take no part.
    racks: Vec<(ReplicaId, String)>,
    partitions: Vec<Movable>,
}

impl Balance {
    fn of(state: &ClusterState, avoid: &BTreeSet<BrokerId>) -> Self {
        let mut bearers = state.placement_candidates(avoid);
        bearers.retain(|bearer| !bearer.is_avoided);
        let rack = |broker: &crate::Broker| Some((broker.replica, broker.rack.clone()?));
        let mut partitions = Vec::new();
        for topic in state.topics() {
            for (index, partition) in (0..).zip(topic.partitions()) {
                if !partition.is_moving() {
                    partitions.push(Movable {
                        topic: topic.id(),
                        index: PartitionIndex::new(index),
                        epoch: partition.epoch,
                        before: partition.replicas.clone(),
                        replicas: partition.replicas.clone(),
                    });
                }
            }
        }
        Self {
            bearers,
            racks: state.brokers().filter_map(rack).collect(),
            partitions,
        }
    }

    /// Brings replicas that share a rack to racks that have none.
    fn spread_over_racks(&mut self) {
        for at in 0..self.partitions.len() {
            while let Some((place, to)) = self.better_rack(at) {
                self.move_replica(at, place, to);
            }
        }
    }

    /// A replica that shares its rack, and the least loaded bearer of a rack that the partition is not on.
    fn better_rack(&self, at: usize) -> Option<(usize, usize)> {
        let replicas = &self.partitions.get(at)?.replicas;
        let shares = |replica: &ReplicaId| {
            let rack = self.rack_of(*replica);
            let same = |other: &&ReplicaId| rack.is_some() && self.rack_of(**other) == rack;
            replicas.iter().filter(same).count() > 1
        };
        // The last one: the preferred leader stays where it can.
        let takes_part = |replica: &ReplicaId| self.bearer(*replica).is_some();
        let place = replicas
            .iter()
            .rposition(|replica| shares(replica) && takes_part(replica))?;
        let is_new = |bearer: &Candidate| {
            let rack = bearer.rack.as_deref();
            let taken = |other: &ReplicaId| match rack {
                Some(_) => self.rack_of(*other) == rack,
                None => *other == bearer.replica,
            };
            !replicas.iter().any(taken)
        };
        let free = self.bearers.iter().enumerate().filter(|(_, b)| is_new(b));
        let (to, _) = free.min_by_key(|(_, bearer)| (bearer.replicas, bearer.replica))?;
        Some((place, to))
    }

    /// Brings replicas from the most to the least loaded bearers, as long as two differ by more than one.
    fn even_replicas(&mut self) {
        while let Some((at, place, to)) = self.next_replica_move() {
            self.move_replica(at, place, to);
        }
    }

    fn next_replica_move(&self) -> Option<(usize, usize, usize)> {
        let mut by_load: Vec<usize> = (0..self.bearers.len()).collect();
        by_load.sort_by_key(|at| self.bearers.get(*at).map(|b| (b.replicas, b.replica)));
        for from in by_load.iter().rev() {
            for to in &by_load {
                let (source, target) = (self.bearers.get(*from)?, self.bearers.get(*to)?);
                if source.replicas < target.replicas + 2 {
                    break;
                }
                if let Some((at, place)) = self.movable_between(source, target) {
                    return Some((at, place, *to));
                }
            }
        }
        None
    }

    /// A partition that may go from one bearer to another; rather one that does not prefer the first to lead it.
    fn movable_between(&self, from: &Candidate, to: &Candidate) -> Option<(usize, usize)> {
        let mut leading = None;
        for (at, partition) in self.partitions.iter().enumerate() {
            let replicas = &partition.replicas;
            let place = replicas.iter().position(|r| *r == from.replica);
            let Some(place) = place else { continue };
            if replicas.contains(&to.replica) || !self.racks_allow(replicas, place, to) {
                continue;
            }
            if place > 0 {
                return Some((at, place));
            }
            leading = leading.or(Some((at, place)));
        }
        leading
    }

    /// Whether the partition is on as many racks after the move as before.
    fn racks_allow(&self, replicas: &[ReplicaId], place: usize, to: &Candidate) -> bool {
        let others = || {
            let others = replicas.iter().enumerate().filter(|(at, _)| *at != place);
            others.filter_map(|(_, replica)| self.rack_of(*replica))
        };
        let is_taken = |rack: Option<&str>| rack.is_some_and(|rack| others().any(|o| o == rack));
        let left = replicas.get(place).and_then(|from| self.rack_of(*from));
        is_taken(left) || !is_taken(to.rack.as_deref())
    }

    /// Lets other replicas be preferred, along chains where need be, as long as two differ by more than one.
    fn even_leaders(&mut self) {
        let mut by_lead: Vec<usize> = (0..self.bearers.len()).collect();
        loop {
            let leaders = |at: &usize| self.bearers.get(*at).map_or(0, |b| b.leaders);
            by_lead.sort_by_key(leaders);
            let edges = self.edges();
            let mut from = by_lead.iter().rev();
            let chains = from.find_map(|from| self.chain_from(*from, &edges));
            let Some(chain) = chains else { return };
            for (partition, to) in chain {
                self.prefer(partition, to);
            }
        }
    }

    /// The shortest chain of partitions by which one bearer may lose a preferred leadership to one that has at least
    /// two fewer.
    fn chain_from(
        &self,
        from: usize,
        edges: &[Vec<(usize, usize)>],
    ) -> Option<Vec<(usize, usize)>> {
        let most = self.bearers.get(from)?.leaders;
        let mut came_by: Vec<Option<(usize, usize)>> = vec![None; self.bearers.len()];
        let mut waiting = VecDeque::from([from]);
        while let Some(at) = waiting.pop_front() {
            for (partition, to) in edges.get(at)? {
                if *to == from || came_by.get(*to)?.is_some() {
                    continue;
                }
                *came_by.get_mut(*to)? = Some((at, *partition));
                if self.bearers.get(*to)?.leaders + 2 <= most {
                    return trace(&came_by, from, *to);
                }
                waiting.push_back(*to);
            }
        }
        None
    }

    /// For each bearer, whom it could give the preference of which partition: one partition for each other bearer.
    fn edges(&self) -> Vec<Vec<(usize, usize)>> {
        let mut seen = BTreeSet::new();
        let mut edges = vec![Vec::new(); self.bearers.len()];
        for (partition, movable) in self.partitions.iter().enumerate() {
            let Some((first, others)) = movable.replicas.split_first() else {
                continue;
            };
            let Some(from) = self.bearer(*first) else {
                continue;
            };
            for to in others.iter().filter_map(|other| self.bearer(*other)) {
                if seen.insert((from, to))
                    && let Some(edges) = edges.get_mut(from)
                {
                    edges.push((partition, to));
                }
            }
        }
        edges
    }

    fn prefer(&mut self, partition: usize, to: usize) {
        let Some(replica) = self.bearers.get(to).map(|bearer| bearer.replica) else {
            return;
        };
        let Some(movable) = self.partitions.get_mut(partition) else {
            return;
        };
        let first = movable.replicas.first().copied();
        if let Some(place) = movable.replicas.iter().position(|r| *r == replica) {
            movable.replicas.swap(0, place);
        }
        let from = first.and_then(|first| self.bearer(first));
        if let Some(from) = from.and_then(|from| self.bearers.get_mut(from)) {
            from.leaders -= 1;
        }
        if let Some(to) = self.bearers.get_mut(to) {
            to.leaders += 1;
        }
    }

    fn move_replica(&mut self, partition: usize, place: usize, to: usize) {
        let Some(arrives) = self.bearers.get(to).map(|bearer| bearer.replica) else {
            return;
        };
        let replicas = self.partitions.get_mut(partition);
        let Some(slot) = replicas.and_then(|movable| movable.replicas.get_mut(place)) else {
            return;
        };
        let leaves = std::mem::replace(slot, arrives);
        let leads = u64::from(place == 0);
        if let Some(from) = self.bearer(leaves).and_then(|at| self.bearers.get_mut(at)) {
            from.replicas -= 1;
            from.leaders -= leads;
        }
        if let Some(to) = self.bearers.get_mut(to) {
            to.replicas += 1;
            to.leaders += leads;
        }
    }

    /// Which of the bearers a replica is; they are sorted by replica.
    fn bearer(&self, replica: ReplicaId) -> Option<usize> {
        let by_replica = |bearer: &Candidate| bearer.replica;
        self.bearers.binary_search_by_key(&replica, by_replica).ok()
    }

    fn rack_of(&self, replica: ReplicaId) -> Option<&str> {
        let found = self.racks.iter().find(|(known, _)| *known == replica);
        found.map(|(_, rack)| rack.as_str())
    }
}

/// The steps of a chain, from its beginning: which partition goes to whom.
fn trace(
    came_by: &[Option<(usize, usize)>],
    from: usize,
    to: usize,
) -> Option<Vec<(usize, usize)>> {
    let mut chain = Vec::new();
    let mut at = to;
    while at != from {
        let (before, partition) = (*came_by.get(at)?)?;
        chain.push((partition, at));
        at = before;
    }
    chain.reverse();
    Some(chain)
}

#[cfg(test)]
mod tests;
