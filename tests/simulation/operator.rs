//! What an operator and the metadata's leader do: move replicas, hand leadership over, trim.

use std::time::Duration;

use model::{Offset, ReplicaId, Timestamp};
use replication::{Members, Reconfigured};
use strandline_tests::chance::Chance;
use tokio::time::{sleep, timeout};

use crate::cluster::{Cluster, Found};
use crate::coverage::{Activity, Step};
use crate::trace::{Trace, note};

/// How long is waited for one step.
const STEP_WITHIN: Duration = Duration::from_secs(3);

/// Brings the members to what is wanted, as long as the run lasts.
pub(crate) async fn move_replicas(cluster: Cluster, mut chance: Chance) {
    loop {
        sleep(chance.duration(Duration::from_millis(50), Duration::from_millis(400))).await;
        let (wanted, epoch) = {
            let state = cluster.lock();
            if !state.plan.is_moving() {
                continue;
            }
            (state.plan.wanted.clone(), state.plan.epoch)
        };
        let Some(found) = cluster.find_leader(&mut chance) else {
            continue;
        };
        let group = found.group.clone();
        let stepping = found
            .process
            .spawn(async move { group.reconfigure(&wanted).await });
        if let Ok(Ok(Ok(Reconfigured::Done))) = timeout(STEP_WITHIN, stepping).await {
            cluster.lock().move_completed(epoch);
        }
    }
}

/// Other members, at random: as many voters as before, give or take, and sometimes a learner.
pub(crate) fn other_members(cluster: &Cluster, chance: &mut Chance) -> Option<Members> {
    let state = cluster.lock();
    if state.plan.is_moving() {
        return None;
    }
    let mut pool: Vec<ReplicaId> = state.nodes.iter().map(|node| node.replica).collect();
    let count = match chance.below(4) {
        // Two of them survive the loss of no disk.
        0 if state.damaged.is_empty() => 2 + chance.below(pool.len() as u64 - 1),
        0 => 3,
        _ => state.plan.founders.len() as u64,
    };
    let mut wanted = Members::default();
    for _ in 0..count.min(pool.len() as u64) {
        wanted
            .voters
            .insert(pool.swap_remove(chance.below(pool.len() as u64) as usize));
    }
    if let Some(learner) = pool.pop().filter(|_| chance.below(3) == 0) {
        wanted.learners.insert(learner);
    }
    (wanted != state.plan.wanted).then_some(wanted)
}

/// Asks a leader to hand over to another voter.
pub(crate) async fn transfer(
    cluster: &Cluster,
    activity: &Activity,
    trace: &Trace,
    chance: &mut Chance,
) {
    let Some(found) = cluster.find_leader(chance) else {
        return;
    };
    let voters = found.group.members().voters;
    let others: Vec<_> = voters.into_iter().filter(|v| *v != found.replica).collect();
    if others.is_empty() {
        return;
    }
    let to = others[chance.below(others.len() as u64) as usize];
    note!(trace, "transfer {} to {to}", found.replica);
    let (going_on, group, trace) = (activity.begin(Step::Transfer), found.group, trace.clone());
    let transferring = found
        .process
        .spawn(async move { group.transfer_leadership(to).await });
    tokio::spawn(async move {
        let outcome = timeout(STEP_WITHIN, transferring).await;
        note!(
            trace,
            "transferred: {:?}",
            outcome.ok().and_then(Result::ok)
        );
        drop(going_on);
    });
}

/// Moves the log start on, somewhere below the high watermark.
pub(crate) async fn trim(
    cluster: &Cluster,
    activity: &Activity,
    trace: &Trace,
    chance: &mut Chance,
) {
    let Some(Found {
        process,
        group,
        status,
        ..
    }) = cluster.find_leader(chance)
    else {
        return;
    };
    let span = status
        .high_watermark
        .get()
        .saturating_sub(status.log_start.get());
    let to = Offset::new(status.log_start.get() + chance.below(span + 1));
    note!(trace, "trim to {to}");
    let (going_on, trace) = (activity.begin(Step::Trim), trace.clone());
    let trimming = process.spawn(async move {
        let never = Timestamp::from_millis(0);
        group.set_log_start(to, never).await
    });
    tokio::spawn(async move {
        let outcome = timeout(STEP_WITHIN, trimming).await;
        note!(trace, "trimmed: {:?}", outcome.ok().and_then(Result::ok));
        drop(going_on);
    });
}
