//! Shows the moves that are under way.

use std::collections::BTreeSet;

use metadata::{Partition, Topic};
use model::{BrokerId, PartitionIndex, ReplicaId, TopicName};

use crate::Broker;
use crate::partitions::LocalPartition;

/// A partition's move from some brokers to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The brokers that held a replica before, as far as they are known still.
    pub from: Vec<BrokerId>,
    /// The brokers that are to hold one; the first is preferred to lead.
    pub to: Vec<BrokerId>,
    /// How far it is.
    pub state: MoveState,
    /// By how many entries the slowest replica that comes is behind; known to the leader only.
    pub lag: Option<u64>,
    /// About how many bytes a replica that comes has to copy; known to the leader only.
    pub bytes: Option<u64>,
    /// What holds it up, for people.
    pub problem: Option<String>,
    /// The partition's epoch once it is decided: who describes the partition with a lower one has not heard of the move.
    pub epoch: u64,
}

/// How far a move is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveState {
    /// It would be made: nothing was decided.
    Planned,
    /// It is decided and has not begun, as far as this broker knows.
    Waiting,
    /// Replicas that come are catching up.
    CatchingUp,
    /// They have caught up; replicas that go are being let go.
    Leaving,
    /// It is done.
    Done,
}

/// A leadership that goes elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderMove {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The broker that leads; `None` where nobody does.
    pub from: Option<BrokerId>,
    /// The broker that is to lead.
    pub to: BrokerId,
    /// The partition's epoch once that is decided.
    pub epoch: u64,
}

impl Broker {
    /// The moves that are under way, by topic and partition; only those from or to `broker`, where it is given.
    pub fn moves(&self, broker: Option<BrokerId>) -> Vec<Move> {
        let topics: Vec<_> = self.state(|state| state.topics().cloned().collect());
        let moving = topics.iter().flat_map(|topic| {
            (0..)
                .zip(topic.partitions())
                .filter(|(_, partition)| partition.is_moving())
                .map(move |(index, partition)| (topic, PartitionIndex::new(index), partition))
        });
        let wanted = |a_move: &Move| {
            broker.is_none_or(|id| a_move.from.contains(&id) || a_move.to.contains(&id))
        };
        moving
            .map(|(topic, index, partition)| self.describe_move(topic, index, partition))
            .filter(wanted)
            .collect()
    }

    /// The move of a partition as it is under way.
    pub(crate) fn describe_move(
        &self,
        topic: &Topic,
        index: PartitionIndex,
        partition: &Partition,
    ) -> Move {
        let mut shown = self.planned_move(topic, index, &partition.moved_from, &partition.replicas);
        shown.state = MoveState::Waiting;
        shown.epoch = partition.epoch;
        let found = self.partitions.find(topic.name(), index).ok();
        match found.map(|found| found.partition) {
            Some(local) if local.group.serves() => {
                self.show_progress(&mut shown, &local, partition);
            }
            _ if self.leader_of(topic.name(), index).is_none() => {
                shown.problem = Some("no leader is known of the partition".to_owned());
            }
            _ => {}
        }
        shown
    }

    /// A move from some replicas to others.
    pub(crate) fn planned_move(
        &self,
        topic: &Topic,
        index: PartitionIndex,
        from: &[ReplicaId],
        to: &[ReplicaId],
    ) -> Move {
        let brokers = |replicas: &[ReplicaId]| {
            let brokers = replicas
                .iter()
                .filter_map(|replica| self.broker_of(*replica));
            brokers.collect()
        };
        Move {
            topic: topic.name().clone(),
            partition: index,
            from: brokers(from),
            to: brokers(to),
            state: MoveState::Planned,
            lag: None,
            bytes: None,
            problem: None,
            epoch: 0,
        }
    }

    /// What the leader knows.
    fn show_progress(&self, shown: &mut Move, local: &LocalPartition, partition: &Partition) {
        let members = local.group.members();
        let comes = |replica: &ReplicaId| !members.voters.contains(replica);
        let coming: BTreeSet<ReplicaId> =
            partition.replicas.iter().copied().filter(comes).collect();
        let followers = local.group.followers();
        let lags = followers
            .iter()
            .filter(|follower| coming.contains(&follower.replica))
            .map(|follower| follower.lag);
        shown.lag = lags.max();
        shown.bytes = (!coming.is_empty()).then(|| local.bytes());
        shown.state = if !coming.is_empty() {
            MoveState::CatchingUp
        } else {
            MoveState::Leaving
        };
        shown.problem = local
            .moving_problem()
            .or_else(|| self.who_does_not_come(&coming));
    }

    /// That the brokers of replicas that are to come are not there.
    fn who_does_not_come(&self, coming: &BTreeSet<ReplicaId>) -> Option<String> {
        let gone = coming.iter().filter(|replica| !self.hears(**replica));
        let gone: Vec<String> = gone
            .filter_map(|replica| self.broker_of(*replica))
            .map(|broker| format!("broker {broker} is not there to take its replica"))
            .collect();
        (!gone.is_empty()).then(|| gone.join("; "))
    }
}
