//! Moves replicas and leaderships about: reassign, rebalance, drain, decommission. What is decided is carried out by
//! the leaders of the groups, whatever crashes in between.

use std::collections::{BTreeMap, BTreeSet};

use metadata::command::{DrainBroker, ReassignPartitions, Reassignment};
use metadata::{Answer, Command, Refusal};
use model::{BrokerId, PartitionIndex, TopicName};

use super::{LeaderMove, Move};
use crate::{Broker, ChangeError};

/// How many partitions one command moves.
const MOVES_AT_A_TIME: usize = 1_000;

/// Where a user wants a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionWish {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// The brokers that are to hold a replica, all of them; the first is preferred to lead.
    pub brokers: Vec<BrokerId>,
}

/// What a rebalance moves, or would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebalanced {
    /// The replicas' moves.
    pub moves: Vec<Move>,
    /// The leaderships' moves.
    pub leader_moves: Vec<LeaderMove>,
}

impl Broker {
    /// Gives partitions other replicas; one answer for each, in the same order. The partitions of one topic are
    /// decided together, those of others apart.
    pub async fn reassign(
        &self,
        wishes: Vec<PartitionWish>,
        validate_only: bool,
    ) -> Vec<Result<Move, ChangeError>> {
        let mut by_topic: BTreeMap<&TopicName, Vec<usize>> = BTreeMap::new();
        for (at, wish) in wishes.iter().enumerate() {
            by_topic.entry(&wish.topic).or_default().push(at);
        }
        let mut answers: Vec<Option<Result<Move, ChangeError>>> = vec![None; wishes.len()];
        for places in by_topic.values() {
            let of_topic: Vec<&PartitionWish> =
                places.iter().filter_map(|at| wishes.get(*at)).collect();
            let decided = self.reassign_topic(&of_topic, validate_only).await;
            for (at, answer) in places.iter().zip(decided) {
                if let Some(place) = answers.get_mut(*at) {
                    *place = Some(answer);
                }
            }
        }
        // Each has its answer: every wish has a topic.
        answers.into_iter().flatten().collect()
    }

    async fn reassign_topic(
        &self,
        wishes: &[&PartitionWish],
        validate_only: bool,
    ) -> Vec<Result<Move, ChangeError>> {
        let planned: Vec<Result<(Reassignment, Move), Refusal>> = wishes
            .iter()
            .map(|wish| {
                let wanted = self.state(|state| {
                    state.plan_reassignment(&wish.topic, wish.partition, &wish.brokers)
                })?;
                let shown = self.show_reassignment(&wanted)?;
                Ok((wanted, shown))
            })
            .collect();
        let moves: Vec<_> = planned
            .iter()
            .flatten()
            .map(|(wanted, _)| wanted.clone())
            .collect();
        let proposed = if moves.is_empty() {
            Ok(())
        } else {
            self.propose_moves(moves, validate_only).await
        };
        let answer = |planned: Result<(Reassignment, Move), Refusal>| {
            let (_, shown) = planned?;
            proposed.clone().map(|()| shown)
        };
        planned.into_iter().map(answer).collect()
    }

    /// Spreads replicas and preferred leaderships evenly over the brokers.
    ///
    /// # Errors
    /// [`ChangeError`]; some of the moves may be under way.
    pub async fn rebalance(&self, dry_run: bool) -> Result<Rebalanced, ChangeError> {
        let avoid = self.unreachable();
        let plan = self.state(|state| state.plan_rebalance(&avoid))?;
        let mut shown = Rebalanced::default();
        for wanted in &plan {
            let a_move = self.show_reassignment(wanted)?;
            let leader = self.leader_of(&a_move.topic, a_move.partition);
            if let Some(to) = a_move.to.first()
                && leader != Some(*to)
            {
                shown.leader_moves.push(LeaderMove {
                    topic: a_move.topic.clone(),
                    partition: a_move.partition,
                    from: leader,
                    to: *to,
                    epoch: a_move.epoch,
                });
            }
            if a_move.to.iter().any(|to| !a_move.from.contains(to)) {
                shown.moves.push(a_move);
            }
        }
        if !dry_run {
            for some in plan.chunks(MOVES_AT_A_TIME) {
                self.propose_moves(some.to_vec(), false).await?;
            }
        }
        Ok(shown)
    }

    /// Wants a broker's leaderships elsewhere until it starts again; returns how many it still has.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn drain(&self, broker: BrokerId) -> Result<u64, ChangeError> {
        let start_counter = self.state(|state| {
            let known = state.broker(broker);
            let unknown = Refusal::UnknownBroker { broker };
            known.map(|known| known.start_counter).ok_or(unknown)
        })?;
        let drain = DrainBroker {
            broker,
            start_counter,
        };
        self.change(Command::DrainBroker(drain)).await?;
        let described = self.describe_cluster();
        let drained = described.brokers.iter().find(|known| known.id == broker);
        Ok(drained.map_or(0, |drained| drained.leaders))
    }

    /// Ends a drain.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn undrain(&self, broker: BrokerId) -> Result<(), ChangeError> {
        self.change(Command::UndrainBroker(broker)).await?;
        Ok(())
    }

    /// Wants a broker to go for good; returns the moves of its replicas, of which the leader of the metadata decides
    /// some at a time.
    ///
    /// # Errors
    /// [`ChangeError::Refused`] where too few brokers would remain.
    pub async fn decommission(&self, broker: BrokerId) -> Result<Vec<Move>, ChangeError> {
        self.change(Command::DecommissionBroker(broker)).await?;
        let avoid = self.unreachable();
        let plan = self.state(|state| {
            let mut after = state.clone();
            // This broker may not have applied it yet.
            let _ = after.apply(&Command::DecommissionBroker(broker));
            after.plan_decommission(broker, &avoid, usize::MAX)
        });
        let mut moves = self.moves(Some(broker));
        for wanted in &plan {
            moves.push(self.show_reassignment(wanted)?);
        }
        moves.sort_by(|left, right| {
            (&left.topic, left.partition).cmp(&(&right.topic, right.partition))
        });
        Ok(moves)
    }

    /// Proposes moves, or only tries them out.
    pub(crate) async fn propose_moves(
        &self,
        moves: Vec<Reassignment>,
        validate_only: bool,
    ) -> Result<(), ChangeError> {
        let command = Command::ReassignPartitions(ReassignPartitions { moves });
        if validate_only {
            let mut trial = self.state(Clone::clone);
            trial.apply(&command)?;
            return Ok(());
        }
        match self.change(command).await? {
            Answer::PartitionsReassigned { .. } => Ok(()),
            _ => Err(ChangeError::OutcomeUnknown),
        }
    }

    fn show_reassignment(&self, wanted: &Reassignment) -> Result<Move, Refusal> {
        let unknown = Refusal::UnknownTopicId { id: wanted.topic };
        let topic = self.state(|state| state.topic(wanted.topic).cloned());
        let topic = topic.ok_or(unknown.clone())?;
        let partition = topic.partition(wanted.partition).ok_or(unknown)?;
        let (from, to) = (&partition.replicas, &wanted.replicas);
        Ok(Move {
            // What changes nothing is no move of its own.
            epoch: wanted.epoch.saturating_add(u64::from(from != to)),
            ..self.planned_move(&topic, wanted.partition, from, to)
        })
    }

    /// The registered brokers that are not heard of.
    pub(crate) fn unreachable(&self) -> BTreeSet<BrokerId> {
        let here = self.settings.identity.broker;
        let known: Vec<BrokerId> = self.state(|state| state.brokers().map(|b| b.id).collect());
        let is_gone = |id: &BrokerId| *id != here && !self.neighbours.is_reachable(*id);
        known.into_iter().filter(is_gone).collect()
    }
}
