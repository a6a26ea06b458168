//! One run: a cluster, clients, harm, healing, judgement. All of it follows from the seed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use checker::history::{Action, Kind};
use checker::{Expectations, check};
use model::{Durability, ReplicaId};
use serde::{Deserialize, Serialize};
use strandline_tests::chance::Chance;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::Cluster;
use crate::coverage::{Activity, Counts, Fault, Step};
use crate::damage::Harm;
use crate::directed;
use crate::faults::Injector;
use crate::ledger::Holders;
use crate::ledger_truth::{LedgerTruth, move_ledger, settle_ledger, write};
use crate::network::{Network, Weather};
use crate::node::{Boot, Node, World, log_settings};
use crate::operator::move_replicas;
use crate::producers::Client;
use crate::readers::Polled;
use crate::recorder::Recorder;
use crate::trace::{Trace, note};
use crate::truth::{Truth, compare_at_rest};

/// How soon after the healing everything goes on.
const PROGRESS_WITHIN: Duration = Duration::from_secs(5);
/// So many terms there are at most, however the network is cut. A run has some 20 s, and an election timeout 600 ms.
const TERMS_MAX: u64 = 40;
/// How long clients go on after the healing.
const AFTER_HEALING: Duration = Duration::from_secs(6);
/// How long replicas may take to have the same, once nothing is written any more.
const CONVERGE_WITHIN: Duration = Duration::from_secs(20);

/// A scrub goes over what is damaged so often.
const LOOKS_PER_SCRUB: u64 = 25;

/// What is not done to topics that are not synced.
pub(crate) const NOT_WITHOUT_SYNCS: [Fault; 4] = [
    Fault::PowerCutOfAll,
    Fault::FailingSync,
    Fault::Damage,
    Fault::MisdirectedWrite,
];

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    pub(crate) violations: Vec<String>,
    /// Of the whole trace.
    pub(crate) hash: u64,
    pub(crate) events: u64,
    pub(crate) acknowledged: u64,
    pub(crate) compared: u64,
    /// The last term there was.
    pub(crate) term: u64,
    pub(crate) counts: Vec<(Fault, Step, u64)>,
    /// Requests that arrived, by kind.
    pub(crate) delivered: BTreeMap<String, u64>,
}

/// Does the run of `seed`. Panics inside of it are violations.
pub(crate) fn run(seed: u64, prints: bool) -> Outcome {
    let panics: Arc<Mutex<Vec<String>>> = Arc::default();
    let taken = panics.clone();
    std::panic::set_hook(Box::new(move |panic| {
        if prints {
            println!(
                "PANIC {panic}\n{}",
                std::backtrace::Backtrace::force_capture()
            );
        }
        taken.lock().unwrap().push(format!("panic: {panic}"));
    }));
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let mut outcome = runtime.block_on(async {
        match directed::wanted() {
            Some(schedule) => directed::play(schedule, seed, prints).await,
            None => simulate(seed, prints).await,
        }
    });
    drop(runtime);
    outcome.violations.extend(panics.lock().unwrap().drain(..));
    outcome
}

/// What a seed decides at the beginning.
struct Scale {
    founders: usize,
    spares: usize,
    segment_bytes: u64,
    durability: Durability,
    device: Duration,
    pause_max: Duration,
    lasts: Duration,
    faults: Vec<Fault>,
}

impl Scale {
    fn draw(chance: &mut Chance) -> Self {
        let durability = match chance.below(4) {
            0 => Durability::PageCache,
            _ => Durability::Fsync,
        };
        let founders = if chance.below(4) == 0 { 5 } else { 3 };
        let mut faults: Vec<_> = Fault::ALL
            .into_iter()
            .filter(|_| chance.below(3) == 0)
            .collect();
        if let Some(wanted) = wanted_faults() {
            faults = wanted;
        }
        if durability == Durability::PageCache {
            // One power cut at a time. And where nothing waits for a sync, nothing tells what had to withstand damage.
            faults.retain(|fault| !NOT_WITHOUT_SYNCS.contains(fault));
            faults.extend([Fault::PowerCut, Fault::PowerCut]);
        }
        // What makes snapshots and moves is in every run.
        faults.extend([
            Fault::Trim,
            Fault::Trim,
            Fault::Reassignment,
            Fault::Transfer,
        ]);
        Self {
            founders,
            spares: chance.below(3) as usize,
            durability,
            segment_bytes: 400 + chance.below(4000),
            device: Duration::from_micros(200 + chance.below(8_000)),
            pause_max: Duration::from_millis(50 + chance.below(1_200)),
            lasts: Duration::from_secs(3 + chance.below(10)),
            faults,
        }
    }
}

/// The faults that `STRAND_SIM_FAULTS` names, in the place of the seed's.
fn wanted_faults() -> Option<Vec<Fault>> {
    let names = std::env::var("STRAND_SIM_FAULTS").ok()?;
    let is_named = |fault: &Fault| names.split(',').any(|name| name == format!("{fault:?}"));
    Some(Fault::ALL.into_iter().filter(is_named).collect())
}

async fn simulate(seed: u64, prints: bool) -> Outcome {
    let mut chance = Chance::new(seed);
    let scale = Scale::draw(&mut chance);
    let trace = Trace::new(prints);
    let network = Network::new(chance.next_u64(), trace.clone());
    let world = World {
        trace: trace.clone(),
        network: network.clone(),
        log_settings: log_settings(scale.segment_bytes, scale.durability),
        began: Instant::now(),
        ledger: Some(Holders::of(scale.founders, scale.founders + scale.spares)),
    };
    let nodes = (0..(scale.founders + scale.spares) as u64).map(|id| {
        let delay = Duration::ZERO..scale.device;
        Node::new(world.clone(), ReplicaId::new(id), chance.next_u64(), delay)
    });
    let nodes = nodes.collect();
    let cluster = Cluster::new(world, scale.founders, nodes);
    for at in 0..scale.founders + scale.spares {
        cluster.lock().start(at);
    }
    let (truth, looks) = look_after(&cluster);
    let ledger: Arc<Mutex<LedgerTruth>> = Arc::default();
    let ledger_mover = tokio::spawn(move_ledger(
        cluster.clone(),
        Chance::new(chance.next_u64()),
        trace.clone(),
    ));
    let mover = tokio::spawn(move_replicas(
        cluster.clone(),
        Chance::new(chance.next_u64()),
    ));
    let recorder = Recorder::new(trace.clone());
    let (stop_clients, stop) = watch::channel(false);
    let mut client = Client {
        cluster: cluster.clone(),
        recorder: recorder.clone(),
        process: 0,
        chance: Chance::new(0),
        stop,
    };
    let mut clients = start_clients(&mut client, &mut chance);
    clients.push(tokio::spawn(write(
        cluster.clone(),
        ledger.clone(),
        Chance::new(chance.next_u64()),
        client.stop.clone(),
    )));
    let compared = tokio::spawn(compare_ledgers(cluster.clone(), ledger.clone()));
    let counts = harm(&cluster, &network, &scale, &ledger, &mut chance).await;
    heal(&cluster, &network);
    recorder.invoke(u32::MAX, Action::Heal);
    sleep(AFTER_HEALING).await;
    stop_clients.send_replace(true);
    for client in clients {
        if timeout(PROGRESS_WITHIN, client).await.is_err() {
            cluster.violation("a client does not come to an end after the healing".to_owned());
        }
    }
    settle(&cluster).await;
    read_all(&cluster, &mut client).await;
    settle_ledger(&cluster, &ledger, &mut chance, CONVERGE_WITHIN).await;
    mover.abort();
    ledger_mover.abort();
    compared.abort();
    looks.abort();
    truth.lock().unwrap().check(&cluster);
    judge(seed, &cluster, &recorder, &truth, counts, &network)
}

/// Supervises nodes and checks what must hold, every now and then.
pub(crate) fn look_after(cluster: &Cluster) -> (Arc<Mutex<Truth>>, JoinHandle<()>) {
    let truth: Arc<Mutex<Truth>> = Arc::default();
    let (checked, cluster) = (truth.clone(), cluster.clone());
    let looks = tokio::spawn(async move {
        for look in 0_u64.. {
            sleep(Duration::from_millis(40)).await;
            checked.lock().unwrap().check(&cluster);
            let mut state = cluster.lock();
            state.look_after();
            if look % LOOKS_PER_SCRUB == 0 {
                state.scrub();
            }
        }
    });
    (truth, looks)
}

fn start_clients(client: &mut Client, chance: &mut Chance) -> Vec<JoinHandle<()>> {
    let mut clients = Vec::new();
    let mut next = |chance: &mut Chance| {
        client.process += 1;
        client.chance = Chance::new(chance.next_u64());
        let pause = Duration::from_millis(30 + chance.below(250));
        (client.clone(), pause)
    };
    for _ in 0..1 + chance.below(2) {
        let (client, pause) = next(chance);
        clients.push(tokio::spawn(client.produce_idempotently(pause)));
    }
    for _ in 0..1 + chance.below(2) {
        let (client, pause) = next(chance);
        clients.push(tokio::spawn(client.produce_plainly(pause)));
    }
    for _ in 0..1 + chance.below(2) {
        let (client, pause) = next(chance);
        clients.push(tokio::spawn(client.consume(pause, 100)));
    }
    clients
}

async fn compare_ledgers(cluster: Cluster, truth: Arc<Mutex<LedgerTruth>>) {
    loop {
        sleep(Duration::from_millis(40)).await;
        truth.lock().unwrap().check(&cluster);
    }
}

async fn harm(
    cluster: &Cluster,
    network: &Network,
    scale: &Scale,
    ledger: &Arc<Mutex<LedgerTruth>>,
    chance: &mut Chance,
) -> Counts {
    let (stop_harm, stop) = watch::channel(false);
    let calm = Arc::new(AtomicBool::new(false));
    let injector = Injector {
        cluster: cluster.clone(),
        network: network.clone(),
        trace: cluster.lock().world.trace.clone(),
        activity: Activity::of(ledger.clone()),
        chance: Chance::new(chance.next_u64()),
        faults: scale.faults.clone(),
        pause_max: scale.pause_max,
        counts: Arc::default(),
        focus: None,
        lies_in_wait: Arc::default(),
        calm: calm.clone(),
    };
    let counts = injector.counts.clone();
    let injector = tokio::spawn(injector.run(stop));
    sleep(scale.lasts).await;
    stop_harm.send_replace(true);
    injector.await.expect("the injector does not panic");
    calm.store(true, Ordering::Relaxed);
    counts.lock().unwrap().clone()
}

/// Nothing disturbs any more, and every node runs.
fn heal(cluster: &Cluster, network: &Network) {
    network.mend();
    network.set_weather(Weather::fair());
    let mut state = cluster.lock();
    note!(state.world.trace, "heal");
    for at in 0..state.nodes.len() {
        let node = &mut state.nodes[at];
        node.disk.heal();
        if let Some(running) = &mut node.running {
            running.paused = false;
            running.process.resume();
            running.process.set_device_delay(node.device_delay.clone());
        } else if node.down_because.is_none() {
            state.start(at);
        }
        // What nobody has noticed yet in the segment that is written to is found at a start, elsewhere by a scrub.
        let replica = state.nodes[at].replica;
        let is_unnoticed =
            state.damaged.contains_key(&replica) && state.nodes[at].group().is_some();
        // What a repair could not read it takes for damage, until it begins anew.
        let is_given_up = state.unreadable.contains(&replica)
            && matches!(state.nodes[at].boot(), Some(Boot::Repairing));
        if is_unnoticed || is_given_up {
            state.restart(at);
        }
    }
}

/// Waits until the move is done and all replicas have the same.
async fn settle(cluster: &Cluster) {
    let settled = async {
        loop {
            sleep(Duration::from_millis(100)).await;
            let state = cluster.lock();
            if state.plan.is_moving() {
                continue;
            }
            let up: Vec<_> = state.up().collect();
            let wanted = state.plan.wanted.voters.len() + state.plan.wanted.learners.len();
            let ends = |at: usize| {
                let status = &up[at].status;
                let last = up[at].group.log().ends();
                // Who does not wait for syncs may lag behind with them.
                let durable = (!state.world.is_page_cache()).then_some(last.durable_index);
                (
                    last.end_index,
                    durable,
                    status.high_watermark,
                    status.log_start,
                )
            };
            let same = (1..up.len()).all(|at| ends(at) == ends(0));
            let served = up.iter().any(|found| found.status.serves);
            let committed = up
                .iter()
                .all(|f| f.status.high_watermark == f.status.log_end);
            let is_whole = |harms: &Vec<Harm>| harms.iter().all(|harm| harm.entries.is_none());
            let whole = state.damaged.values().all(is_whole);
            if up.len() == wanted && same && served && committed && whole {
                return;
            }
        }
    };
    if timeout(CONVERGE_WITHIN, settled).await.is_err() {
        let state = cluster.lock();
        let all: Vec<_> = state
            .nodes
            .iter()
            .map(|node| {
                let group = node.group();
                let status = group
                    .as_ref()
                    .map(|g| (g.status(), g.log().ends(), g.members()));
                let boot = node.boot().map(|boot| boot.name());
                format!("{} {boot:?} {status:?}", node.replica)
            })
            .collect();
        let plan = format!("{:?}, damaged {:?}", state.plan, state.damaged);
        drop(state);
        cluster.violation(format!(
            "the replicas do not converge: {plan}\n{}",
            all.join("\n")
        ));
    }
}

/// A fresh consumer reads everything.
async fn read_all(cluster: &Cluster, client: &mut Client) {
    client.process = 99;
    let mut from = 0;
    for _ in 0..10_000 {
        let serving = {
            let state = cluster.lock();
            state.up().find(|found| found.status.serves)
        };
        let Some(found) = serving else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        match client.poll(&found, from, 64 << 10, true, true).await {
            Polled::Read { seen, next } => {
                if next >= seen.high_watermark {
                    return;
                }
                from = next;
            }
            Polled::BelowLogStart(start) => {
                from = start;
                client.process += 1;
            }
            Polled::Nothing => sleep(Duration::from_millis(100)).await,
            Polled::Unreadable(reason) => {
                return cluster.violation(format!("the last reading fails: {reason}"));
            }
        }
    }
    cluster.violation("the last reading does not come to an end".to_owned());
}

fn judge(
    seed: u64,
    cluster: &Cluster,
    recorder: &Recorder,
    truth: &Arc<Mutex<Truth>>,
    counts: Counts,
    network: &Network,
) -> Outcome {
    let events = recorder.events();
    let expectations = Expectations {
        progress_within: PROGRESS_WITHIN,
    };
    let mut state = cluster.lock();
    let trace = state.world.trace.clone();
    match check(&events, expectations) {
        Ok(anomalies) => {
            for anomaly in anomalies {
                let what = format!("rule {}: {anomaly}", anomaly.rule());
                note!(trace, "VIOLATION {what}");
                state.violations.push(what);
            }
        }
        Err(error) => state.violations.push(format!("a bad history: {error}")),
    }
    let up: Vec<_> = state.up().collect();
    let terms = up.iter().map(|found| found.status.term.get());
    let term = terms.max().unwrap_or(0);
    if term > TERMS_MAX {
        let what = format!("{term} terms, more than {TERMS_MAX}");
        state.violations.push(what);
    }
    let differing = compare_at_rest(&up);
    state.violations.extend(differing);
    for node in &state.nodes {
        note!(
            trace,
            "disk of {}: {} operations",
            node.replica,
            node.disk.operations()
        );
    }
    let is_ack = |event: &&checker::history::Event| {
        event.kind == Kind::Ok && matches!(event.action, Action::Send { .. })
    };
    let delivered = network.delivered().into_iter();
    let (hash, events_count) = trace.digest();
    Outcome {
        seed,
        violations: state.violations.clone(),
        hash,
        events: events_count,
        acknowledged: events.iter().filter(is_ack).count() as u64,
        compared: truth.lock().unwrap().compared,
        term,
        counts: counts.into_iter().map(|((f, s), n)| (f, s, n)).collect(),
        delivered: delivered
            .map(|(kind, n)| (format!("{kind:?}"), n))
            .collect(),
    }
}
