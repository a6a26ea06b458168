//! Carries out what the cluster's state wants of groups' members: each leader for its own groups, one committed step at
//! a time. Nothing is remembered here: whoever leads next compares what is wanted with what is, and goes on.

mod departures;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use metadata::command::{CompleteMoves, CompletedMove};
use metadata::{Command, Topic};
use model::{PartitionIndex, ReplicaId};
use replication::{Members, ReconfigureError, Reconfigured};

use crate::Broker;
use crate::partitions::LocalPartition;

/// How soon the next step is tried where something is under way.
const STEP_INTERVAL: Duration = Duration::from_millis(200);

/// How soon it is looked again where nothing is.
const IDLE_INTERVAL: Duration = Duration::from_secs(2);

/// How long one group's step may hold up the others. It goes on by itself.
const STEP_WAIT_MAX: Duration = Duration::from_secs(2);

/// The most steps of one group in one round.
const STEPS_MAX: usize = 8;

/// How many completed moves are noted at a time.
const COMPLETED_AT_A_TIME: usize = 1_000;

/// A partition led here whose members are not yet as wanted.
struct Moving {
    topic: Arc<Topic>,
    index: PartitionIndex,
    epoch: u64,
    replicas: Vec<ReplicaId>,
    local: Arc<LocalPartition>,
}

/// Goes on until the broker stops.
pub(crate) async fn run(broker: Arc<Broker>) {
    let mut applied = broker.metadata.applied();
    let mut stopping = broker.stopping();
    loop {
        applied.mark_unchanged();
        let is_busy = pass(&broker).await;
        let changed = async {
            match is_busy {
                true => std::future::pending().await,
                false => applied.changed().await.is_ok(),
            }
        };
        let pause = if is_busy {
            STEP_INTERVAL
        } else {
            IDLE_INTERVAL
        };
        tokio::select! {
            is_there = changed => if !is_there { return },
            () = tokio::time::sleep(pause) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

/// One step of everything. Whether anything is under way.
async fn pass(broker: &Broker) -> bool {
    if !broker.is_registered() {
        return false;
    }
    let metadata = reconfigure_metadata(broker).await;
    let departures = departures::plan(broker).await;
    let moves = step_all(broker).await;
    metadata || departures || moves
}

/// Gives the metadata group the members that it shall have, where this broker leads it.
async fn reconfigure_metadata(broker: &Broker) -> bool {
    if !broker.metadata.status().serves {
        return false;
    }
    let wanted = broker.state(|state| state.metadata_members());
    let wanted = Members {
        voters: wanted.voters,
        learners: wanted.learners,
    };
    if wanted.voters.is_empty() || broker.metadata.members() == wanted {
        return false;
    }
    let step = tokio::time::timeout(STEP_WAIT_MAX, broker.metadata.reconfigure(&wanted));
    match step.await {
        Ok(Ok(Reconfigured::Done)) => {
            tracing::info!(?wanted, "the metadata has its members");
            false
        }
        Ok(Ok(_)) | Err(_) => true,
        Ok(Err(error)) => {
            tracing::debug!(%error, "the metadata's members are not changed");
            true
        }
    }
}

/// One round of steps of all partitions that are led here and move, then what is done is noted. Whether any replica here
/// is of a partition that moves: this one may lead it soon.
async fn step_all(broker: &Broker) -> bool {
    let (moving, are_there_more) = moving(broker);
    if moving.is_empty() {
        return are_there_more;
    }
    let at_a_time = broker.settings().parallel_moves_max.max(1);
    let completed: Vec<CompletedMove> = stream::iter(moving)
        .map(step)
        .buffer_unordered(at_a_time)
        .filter_map(|completed| async move { completed })
        .collect()
        .await;
    for some in completed.chunks(COMPLETED_AT_A_TIME) {
        let command = Command::CompleteMoves(CompleteMoves {
            moves: some.to_vec(),
        });
        match broker.change(command).await {
            Ok(_) => tracing::info!(partitions = some.len(), "replicas have moved"),
            Err(error) => tracing::debug!(%error, "completed moves are not noted yet"),
        }
    }
    true
}

/// The partitions that move and are led here, and whether there are others.
fn moving(broker: &Broker) -> (Vec<Moving>, bool) {
    let mut moving = Vec::new();
    let mut are_there_more = false;
    for topic in broker.state(|state| state.topics().cloned().collect::<Vec<_>>()) {
        for (index, partition) in (0..).zip(topic.partitions()) {
            if !partition.is_moving() {
                continue;
            }
            let index = PartitionIndex::new(index);
            let Ok(found) = broker.partitions.find(topic.name(), index) else {
                continue;
            };
            let is_same = found.topic.topic.id() == topic.id();
            if is_same && found.partition.group.status().serves {
                moving.push(Moving {
                    topic: topic.clone(),
                    index,
                    epoch: partition.epoch,
                    replicas: partition.replicas.clone(),
                    local: found.partition,
                });
            } else {
                are_there_more = true;
            }
        }
    }
    (moving, are_there_more)
}

/// Brings one partition as far as it goes now; returns the move once it is done.
async fn step(moving: Moving) -> Option<CompletedMove> {
    let wanted = Members::of_voters(moving.replicas.iter().copied());
    let group = &moving.local.group;
    for _ in 0..STEPS_MAX {
        let step = tokio::time::timeout(STEP_WAIT_MAX, group.reconfigure(&wanted)).await;
        let problem = match step {
            Ok(Ok(Reconfigured::Done)) => {
                moving.local.set_moving_problem(None);
                return Some(CompletedMove {
                    topic: moving.topic.id(),
                    partition: moving.index,
                    epoch: moving.epoch,
                });
            }
            Ok(Ok(Reconfigured::Stepped)) => continue,
            // No problem, but a matter of time.
            Ok(Ok(Reconfigured::CatchingUp { .. }))
            | Ok(Err(ReconfigureError::Busy | ReconfigureError::NotLeader { .. })) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(
                "a change of the members is not committed yet; too few of them answer".to_owned(),
            ),
        };
        moving.local.set_moving_problem(problem);
        return None;
    }
    None
}
