//! Who writes to the ledger, who moves its replicas, and what must hold of it: what was acknowledged stands where that
//! was said, once, on every replica, and in the order in which one thing happened after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use model::ReplicaId;
use replication::process::SimulatedProcess;
use replication::{GroupStatus, ProposeError, StateGroup};
use strandline_tests::chance::Chance;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::cluster::{Cluster, State};
use crate::ledger::{Ledger, Replica};
use crate::trace::{Trace, note};

const ANSWER_WITHIN: Duration = Duration::from_secs(2);
const STEP_WITHIN: Duration = Duration::from_secs(3);
/// So large that a few make a segment, and a snapshot.
const COMMAND_BYTES_MAX: u64 = 120_000;

/// What has been seen of the ledger.
#[derive(Default)]
pub(crate) struct LedgerTruth {
    /// The longest ledger that any replica had.
    entries: Vec<u64>,
    /// What was acknowledged, by its place.
    acknowledged: BTreeMap<u64, u64>,
    refused: BTreeSet<u64>,
    /// Proposals under way.
    open: u64,
    next: u64,
}

/// A replica of the ledger that is up.
struct Found {
    replica: ReplicaId,
    process: SimulatedProcess,
    is_paused: bool,
    group: StateGroup<Ledger>,
    status: GroupStatus,
}

impl State {
    fn ledgers(&self) -> impl Iterator<Item = Found> + '_ {
        self.nodes.iter().filter_map(|node| {
            let group = node.ledger()?;
            Some(Found {
                replica: node.replica,
                process: node.running.as_ref()?.process.clone(),
                is_paused: node.is_paused(),
                status: group.status(),
                group,
            })
        })
    }

    /// Whether somebody serves the ledger.
    pub(crate) fn is_ledger_served(&self) -> bool {
        self.ledgers().any(|found| found.status.serves)
    }

    /// Whether a node's disk may be lost: everybody else has what was acknowledged.
    pub(crate) fn ledger_may_lose(&self, replica: ReplicaId) -> bool {
        let Some(holders) = &self.world.ledger else {
            return true;
        };
        let wanted = holders.members();
        let mut leaders = self.ledgers().filter(|found| found.status.serves);
        leaders.any(|leader| {
            let followers = leader.group.followers();
            let mut others = followers.iter().filter(|one| one.replica != replica);
            leader.group.members() == wanted && others.all(|one| one.is_in_sync)
        })
    }
}

impl LedgerTruth {
    /// Proposals wait for their answer.
    pub(crate) fn is_pending(&self) -> bool {
        self.open > 0
    }

    /// Compares every replica with what was seen before.
    pub(crate) fn check(&mut self, cluster: &Cluster) {
        let found: Vec<_> = cluster.lock().ledgers().collect();
        for Found { replica, group, .. } in found {
            let wrong = group.read(|ledger| self.compare(&ledger.0));
            if let Some(what) = wrong {
                cluster.violation(format!("the ledger of replica {replica}: {what}"));
            }
        }
    }

    fn compare(&mut self, entries: &[u64]) -> Option<String> {
        let known = self.entries.len().min(entries.len());
        let differs = (0..known).find(|at| self.entries[*at] != entries[*at]);
        if let Some(at) = differs {
            let (was, is) = (self.entries[at], entries[at]);
            return Some(format!("entry {is} at place {at}, another has {was} there"));
        }
        self.entries.extend(&entries[known..]);
        None
    }

    fn begin(&mut self) -> (u64, Option<u64>) {
        self.next += 1;
        self.open += 1;
        (self.next, self.acknowledged.keys().next_back().copied())
    }

    /// `after`: the last place that was acknowledged before it was proposed.
    fn end(&mut self, number: u64, after: Option<u64>, place: Option<u64>) -> Option<String> {
        self.open -= 1;
        let place = place?;
        if after.is_some_and(|after| place <= after) {
            let what = format!("entry {number} was put at place {place}, after that at {after:?}");
            return Some(what);
        }
        let before = self.acknowledged.insert(place, number);
        before.map(|other| format!("entries {other} and {number} both stand at place {place}"))
    }

    /// What is wrong at the end, when every replica has been compared.
    fn judge(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (place, number) in &self.acknowledged {
            let there = self.entries.get(*place as usize);
            if there != Some(number) {
                wrong.push(format!(
                    "the ledger has {there:?} at place {place}, where entry {number} was acknowledged"
                ));
            }
        }
        let mut seen = BTreeSet::new();
        for number in &self.entries {
            if !seen.insert(number) {
                wrong.push(format!("the ledger has entry {number} twice"));
            }
            if self.refused.contains(number) {
                wrong.push(format!("the ledger has entry {number}, which was refused"));
            }
        }
        wrong
    }
}

/// Adds an entry now and then, through any node, each once.
pub(crate) async fn write(
    cluster: Cluster,
    truth: Arc<Mutex<LedgerTruth>>,
    mut chance: Chance,
    stop: watch::Receiver<bool>,
) {
    let pause = Duration::from_millis(40 + chance.below(300));
    while !*stop.borrow() {
        sleep(chance.duration(pause / 4, pause)).await;
        write_once(&cluster, &truth, &mut chance).await;
    }
}

/// Whether it was acknowledged.
async fn write_once(
    cluster: &Cluster,
    truth: &Arc<Mutex<LedgerTruth>>,
    chance: &mut Chance,
) -> bool {
    let found: Vec<_> = cluster.lock().ledgers().collect();
    if found.is_empty() {
        return false;
    }
    let through = &found[chance.below(found.len() as u64) as usize];
    let (number, after) = truth.lock().unwrap().begin();
    let mut command = BytesMut::new();
    command.put_u64(number);
    command.put_bytes(7, chance.below(COMMAND_BYTES_MAX) as usize);
    let (group, command) = (through.group.clone(), command.freeze());
    let proposing = through
        .process
        .spawn(async move { group.propose(command).await });
    let answer = timeout(ANSWER_WITHIN, proposing).await;
    let trace = cluster.lock().world.trace.clone();
    note!(
        trace,
        "ledger {number} through {}: {answer:?}",
        through.replica
    );
    let place = match answer {
        Ok(Ok(Ok(place))) => place.first_chunk().map(|place| u64::from_be_bytes(*place)),
        Ok(Ok(Err(error))) => {
            if error != ProposeError::Unknown {
                truth.lock().unwrap().refused.insert(number);
            }
            None
        }
        _ => None,
    };
    let wrong = truth.lock().unwrap().end(number, after, place);
    if let Some(what) = wrong {
        cluster.violation(format!("the ledger: {what}"));
    }
    place.is_some()
}

/// Brings the ledger's members to what is wanted, as long as the run lasts.
pub(crate) async fn move_ledger(cluster: Cluster, mut chance: Chance, trace: Trace) {
    loop {
        sleep(chance.duration(Duration::from_millis(50), Duration::from_millis(400))).await;
        let (wanted, leader) = {
            let state = cluster.lock();
            let wanted = state.world.ledger.as_ref().map(|holders| holders.members());
            let leader = state.ledgers().find(|found| found.status.serves);
            (wanted, leader)
        };
        let (Some(wanted), Some(leader)) = (wanted, leader) else {
            continue;
        };
        let group = leader.group.clone();
        if leader.is_paused || group.members() == wanted {
            continue;
        }
        let stepping = leader
            .process
            .spawn(async move { group.reconfigure(&wanted).await });
        let stepped = timeout(STEP_WITHIN, stepping).await;
        note!(trace, "ledger members: {stepped:?}");
    }
}

/// Waits, when nothing disturbs any more, until all replicas are the same and the ledger takes entries; then judges.
pub(crate) async fn settle_ledger(
    cluster: &Cluster,
    truth: &Arc<Mutex<LedgerTruth>>,
    chance: &mut Chance,
    within: Duration,
) {
    let settled = async {
        while !write_once(cluster, truth, chance).await {
            sleep(Duration::from_millis(100)).await;
        }
        loop {
            sleep(Duration::from_millis(100)).await;
            truth.lock().unwrap().check(cluster);
            let state = cluster.lock();
            let found: Vec<_> = state.ledgers().collect();
            let length = truth.lock().unwrap().entries.len();
            let is_whole = |found: &Found| found.group.read(|ledger| ledger.0.len() == length);
            let wanted = state.world.ledger.as_ref().map(|holders| holders.members());
            let mut leaders = found.iter().filter(|found| found.status.serves);
            let is_moved = leaders.any(|found| Some(found.group.members()) == wanted);
            if found.len() == state.nodes.len() && is_moved && found.iter().all(is_whole) {
                return;
            }
        }
    };
    if timeout(within, settled).await.is_err() {
        let shown: Vec<_> = {
            let state = cluster.lock();
            let nodes = state.nodes.iter();
            nodes
                .map(|node| format!("{} {}", node.replica, shown(node.ledger_state())))
                .collect()
        };
        cluster.violation(format!("the ledgers do not converge: {}", shown.join("; ")));
    }
    for what in truth.lock().unwrap().judge() {
        cluster.violation(what);
    }
}

fn shown(replica: Option<Replica>) -> String {
    match replica {
        None => "does not run".to_owned(),
        Some(Replica::Opening) => "is being opened".to_owned(),
        Some(Replica::Repairing) => "is being repaired".to_owned(),
        Some(Replica::Refused(reason)) => reason,
        Some(Replica::Up(group)) => {
            let length = group.read(|ledger| ledger.0.len());
            format!(
                "{length} entries, {:?}, {:?}",
                group.status(),
                group.members()
            )
        }
    }
}
