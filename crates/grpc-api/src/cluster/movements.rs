//! Moves leaderships and replicas about.

use std::collections::HashMap;
use std::sync::Arc;

use broker::{Broker, PartitionWish, TopicWarning};
use model::{BrokerId, TopicName};
use rpc::{InvalidField, v1};
use tonic::Response;

use crate::deadline::Deadline;
use crate::failure;
use crate::forward::{Forward, Hints, Target, groups};
use crate::topic::describe::{broker_id, count, partition_index};

/// What of the service Cluster changes where things are.
pub(super) struct Movements {
    broker: Arc<Broker>,
    hints: Hints,
}

impl Movements {
    pub(super) fn new(broker: Arc<Broker>) -> Self {
        Self {
            hints: Hints::new(Arc::clone(&broker)),
            broker,
        }
    }

    pub(super) async fn transfer(
        &self,
        request: v1::TransferLeadershipRequest,
        forward: Option<Forward>,
        deadline: Deadline,
    ) -> Result<v1::TransferLeadershipResponse, v1::Error> {
        let topic = TopicName::new(&request.topic)?;
        let partition = rpc::partition("partition", request.partition)?;
        let to = request.to.map(|to| broker("to", to)).transpose()?;
        if let Some(forward) = forward
            && let Some(target) = forward.elsewhere(&topic, partition)
        {
            let mut api = forward.cluster(&target)?;
            let request = forward.request(request, deadline.left());
            let answer = api.transfer_leadership(request).await;
            return answer
                .map(Response::into_inner)
                .map_err(|status| target.failure(&status));
        }
        let transferred = self.broker.transfer_leadership(&topic, partition, to).await;
        let leader = transferred.map_err(|error| self.hints.complete(failure::transfer(&error)))?;
        Ok(v1::TransferLeadershipResponse {
            leader: broker_id(leader),
        })
    }

    pub(super) async fn reassign(
        &self,
        request: v1::ReassignPartitionsRequest,
    ) -> Result<v1::ReassignPartitionsResponse, v1::Error> {
        if request.reassignments.is_empty() {
            return Err(InvalidField::missing("reassignments", "at least one partition").into());
        }
        let places = request.reassignments.iter().enumerate();
        let wishes: Result<Vec<_>, v1::Error> = places.map(wish).collect();
        let decided = self.broker.reassign(wishes?, request.validate_only).await;
        let result = |decided| match decided {
            Ok(decided) => v1::ReassignmentResult {
                warning: warning_of(&decided),
                r#move: Some(a_move(decided)),
                error: None,
            },
            Err(error) => v1::ReassignmentResult {
                error: Some(failure::change(&error)),
                ..v1::ReassignmentResult::default()
            },
        };
        Ok(v1::ReassignPartitionsResponse {
            results: decided.into_iter().map(result).collect(),
        })
    }

    pub(super) async fn rebalance(
        &self,
        request: v1::RebalanceRequest,
    ) -> Result<v1::RebalanceResponse, v1::Error> {
        let decided = self.broker.rebalance(request.dry_run).await;
        let decided = decided.map_err(|error| failure::change(&error))?;
        Ok(v1::RebalanceResponse {
            moves: decided.moves.into_iter().map(a_move).collect(),
            leader_moves: decided.leader_moves.into_iter().map(leader_move).collect(),
        })
    }

    pub(super) async fn drain(
        &self,
        request: v1::DrainRequest,
    ) -> Result<v1::DrainResponse, v1::Error> {
        let drained = self.broker.drain(broker("broker", request.broker)?).await;
        let leaders = drained.map_err(|error| failure::change(&error))?;
        Ok(v1::DrainResponse {
            leaders: count(leaders),
        })
    }

    pub(super) async fn undrain(
        &self,
        request: v1::UndrainRequest,
    ) -> Result<v1::UndrainResponse, v1::Error> {
        let undrained = self.broker.undrain(broker("broker", request.broker)?).await;
        undrained.map_err(|error| failure::change(&error))?;
        Ok(v1::UndrainResponse {})
    }

    pub(super) async fn decommission(
        &self,
        request: v1::DecommissionRequest,
    ) -> Result<v1::DecommissionResponse, v1::Error> {
        let leaves = broker("broker", request.broker)?;
        let decided = self.broker.decommission(leaves).await;
        let moves = decided.map_err(|error| failure::change(&error))?;
        Ok(v1::DecommissionResponse {
            moves: moves.into_iter().map(a_move).collect(),
        })
    }

    pub(super) async fn list(
        &self,
        request: v1::ListMovesRequest,
        forward: Option<Forward>,
        deadline: Deadline,
    ) -> Result<v1::ListMovesResponse, v1::Error> {
        let of = request.broker.map(|id| broker("broker", id)).transpose()?;
        let moves = self.broker.moves(of);
        let groups = groups(moves, |shown| {
            forward.as_ref()?.elsewhere(&shown.topic, shown.partition)
        });
        let mut moves = Vec::new();
        for group in groups {
            let mut told = HashMap::new();
            if let (Some(target), Some(forward)) = (&group.target, &forward) {
                told = told_by(target, forward, request, deadline).await;
            }
            moves.extend(group.parts.into_iter().map(|(place, shown)| {
                let shown = a_move(shown);
                let known = told.remove(&(shown.topic.clone(), shown.partition));
                (place, known.unwrap_or(shown))
            }));
        }
        moves.sort_by_key(|(place, _)| *place);
        Ok(v1::ListMovesResponse {
            moves: moves.into_iter().map(|(_, shown)| shown).collect(),
        })
    }
}

/// How far the leader of some moves says that they are. Where it does not answer, that is not known.
async fn told_by(
    target: &Target,
    forward: &Forward,
    request: v1::ListMovesRequest,
    deadline: Deadline,
) -> HashMap<(String, i32), v1::Move> {
    let Ok(mut api) = forward.cluster(target) else {
        return HashMap::new();
    };
    let request = forward.request(request, deadline.left());
    match api.list_moves(request).await {
        Ok(answer) => {
            let moves = answer.into_inner().moves.into_iter();
            moves
                .map(|told| ((told.topic.clone(), told.partition), told))
                .collect()
        }
        Err(_) => HashMap::new(),
    }
}

fn wish((place, wanted): (usize, &v1::Reassignment)) -> Result<PartitionWish, v1::Error> {
    let within = |error: InvalidField| error.within(format_args!("reassignments[{place}]"));
    let brokers = wanted.replicas.iter().map(|id| broker("replicas", *id));
    let brokers: Result<Vec<_>, _> = brokers.collect();
    Ok(PartitionWish {
        topic: TopicName::new(&wanted.topic)?,
        partition: rpc::partition("partition", wanted.partition).map_err(within)?,
        brokers: brokers.map_err(within)?,
    })
}

fn broker(field: &str, id: i32) -> Result<BrokerId, InvalidField> {
    u32::try_from(id)
        .map(BrokerId::new)
        .map_err(|_| InvalidField::new(field, id, "a broker's id, 0 or more"))
}

/// That so few replicas are no safer than one, where there were others.
fn warning_of(decided: &broker::Move) -> String {
    let warning = TopicWarning::of_replicas(decided.to.len());
    let is_news = decided.from.len() != decided.to.len();
    warning
        .filter(|_| is_news)
        .map(|warning| warning.to_string())
        .unwrap_or_default()
}

fn a_move(shown: broker::Move) -> v1::Move {
    let ids = |ids: Vec<BrokerId>| ids.into_iter().map(broker_id).collect();
    v1::Move {
        topic: shown.topic.to_string(),
        partition: partition_index(shown.partition),
        from: ids(shown.from),
        to: ids(shown.to),
        state: move_state(shown.state).into(),
        lag: shown.lag.map(count),
        bytes: shown.bytes.map(count),
        problem: shown.problem.unwrap_or_default(),
        epoch: count(shown.epoch),
    }
}

fn move_state(state: broker::MoveState) -> v1::MoveState {
    match state {
        broker::MoveState::Planned => v1::MoveState::Planned,
        broker::MoveState::Waiting => v1::MoveState::Waiting,
        broker::MoveState::CatchingUp => v1::MoveState::CatchingUp,
        broker::MoveState::Leaving => v1::MoveState::Leaving,
        broker::MoveState::Done => v1::MoveState::Done,
    }
}

fn leader_move(shown: broker::LeaderMove) -> v1::LeaderMove {
    v1::LeaderMove {
        topic: shown.topic.to_string(),
        partition: partition_index(shown.partition),
        from: shown.from.map(broker_id),
        to: broker_id(shown.to),
        epoch: count(shown.epoch),
    }
}
