//! Does harm, by a seeded schedule, and takes note of what it hit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::ReplicaId;
use strandline_tests::chance::Chance;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::cluster::{Cluster, State};
use crate::coverage::{Activity, Counts, Fault, Step};
use crate::network::{Network, Weather};
use crate::node::Node;
use crate::operator::{other_members, transfer, trim};
use crate::trace::{Trace, note};

mod disk;

/// As long an ambush waits for its step.
const AMBUSH_WITHIN: Duration = Duration::from_secs(3);

/// The one who does harm.
#[derive(Clone)]
pub(crate) struct Injector {
    pub(crate) cluster: Cluster,
    pub(crate) network: Network,
    pub(crate) trace: Trace,
    pub(crate) activity: Activity,
    pub(crate) chance: Chance,
    /// What this run may do.
    pub(crate) faults: Vec<Fault>,
    /// The longest pause between two deeds.
    pub(crate) pause_max: Duration,
    pub(crate) counts: Arc<Mutex<Counts>>,
    /// The node at which a step was waited for.
    pub(crate) focus: Option<usize>,
    /// Whether an ambush waits.
    pub(crate) lies_in_wait: Arc<AtomicBool>,
    /// From now on what was begun does no more harm.
    pub(crate) calm: Arc<AtomicBool>,
}

impl Injector {
    /// Until it is told to stop.
    pub(crate) async fn run(mut self, stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let pause = self
                .chance
                .duration(Duration::from_millis(5), self.pause_max);
            sleep(pause).await;
            let fault = self.faults[self.chance.below(self.faults.len() as u64) as usize];
            self.focus = None;
            if self.chance.below(8) == 0 {
                self.ambush(fault);
                continue;
            }
            if let Some(step) =
                Step::ALL.get(self.chance.below(2 * Step::ALL.len() as u64) as usize)
            {
                self.wait_for(*step, Duration::from_millis(200)).await;
            }
            self.do_harm(fault).await;
        }
    }

    async fn do_harm(&mut self, fault: Fault) {
        let steps = self.activity.steps(&self.cluster.lock());
        note!(self.trace, "fault {fault:?} during {steps:?}");
        if self.inject(fault).await {
            let mut counts = self.counts.lock().unwrap();
            for step in steps {
                *counts.entry((fault, step)).or_default() += 1;
            }
        }
    }

    /// Harm that waits for a rare step, while other harm is done; one at a time.
    fn ambush(&mut self, fault: Fault) {
        let rare = [
            Step::SnapshotInstall,
            Step::Recovery,
            Step::Repair,
            Step::Truncation,
            Step::Truncation,
            Step::Transfer,
            Step::Readmission,
        ];
        let step = rare[self.chance.below(rare.len() as u64) as usize];
        let mut ambush = self.clone();
        ambush.chance = Chance::new(self.chance.next_u64());
        let lies = self.lies_in_wait.clone();
        if lies.swap(true, Ordering::Relaxed) {
            return;
        }
        tokio::spawn(async move {
            if step == Step::Truncation {
                ambush.leave_entries_behind().await;
            }
            let met = ambush.wait_for(step, AMBUSH_WITHIN).await;
            if met && !ambush.calm.load(Ordering::Relaxed) {
                ambush.do_harm(fault).await;
            }
            lies.store(false, Ordering::Relaxed);
        });
    }

    /// Cuts a leader off for so long that another one leads: what it has written meanwhile it takes back.
    async fn leave_entries_behind(&self) {
        let (leader, replicas) = {
            let state = self.cluster.lock();
            let mut up = state.up().filter(|found| found.status.serves);
            let leader = up.next().map(|found| found.replica);
            let replicas: Vec<_> = state.nodes.iter().map(|node| node.replica).collect();
            (leader, replicas)
        };
        let Some(leader) = leader else { return };
        for other in replicas.into_iter().filter(|other| *other != leader) {
            self.network.cut(leader, other);
            self.network.cut(other, leader);
        }
        sleep(Duration::from_millis(1_500)).await;
        self.network.mend();
    }

    /// Waits for a step. Whether it has come.
    async fn wait_for(&mut self, step: Step, within: Duration) -> bool {
        let look = Duration::from_millis(2);
        for _ in 0..within.as_millis() / look.as_millis() {
            {
                let mut state = self.cluster.lock();
                if step == Step::Truncation {
                    state.nodes.iter_mut().for_each(Node::look);
                }
                if self.activity.is_met(step, &state) {
                    self.focus = Activity::node_of(step, &state);
                    return true;
                }
            }
            sleep(look).await;
        }
        false
    }

    /// Whether anything was done.
    async fn inject(&mut self, fault: Fault) -> bool {
        match fault {
            Fault::Kill | Fault::PowerCut => {
                let at = self.any_node();
                self.down(at, fault == Fault::PowerCut)
            }
            Fault::PowerCutOfAll => {
                let count = self.cluster.lock().nodes.len();
                let down = (0..count).filter(|at| self.down(*at, true));
                down.count() > 0
            }
            Fault::CrashWhileWriting => self.crash_while_writing(),
            Fault::Partition | Fault::OneWayPartition | Fault::Isolation => self.partition(fault),
            Fault::Reset => {
                let (one, other) = (self.any_replica(), self.any_replica());
                self.network.reset(one, other);
                one != other
            }
            Fault::BadWeather => self.weather(),
            Fault::Pause => self.pause(),
            Fault::ClockJump => {
                let millis = self.chance.below(7_200_000) as i64 - 3_600_000;
                let at = self.any_node();
                self.cluster.lock().nodes[at].clock.jump(millis);
                true
            }
            Fault::FailingSync | Fault::FailingReads | Fault::FullDisk | Fault::SlowDisk => {
                self.disk(fault)
            }
            Fault::Damage | Fault::MisdirectedWrite => self.damage(fault),
            Fault::ReplacedDisk => {
                let at = self.any_node();
                let mut state = self.cluster.lock();
                let may = state.may_lose_a_disk();
                if may {
                    state.replace_disk(at);
                }
                may
            }
            Fault::Reassignment => match other_members(&self.cluster, &mut self.chance) {
                Some(members) => {
                    let mut state = self.cluster.lock();
                    // Of two voters, neither can be given anything back without the other: an operator would have to
                    // accept the loss.
                    let may = members.voters.len() > 2 || state.all_remember();
                    if may {
                        state.reassign(members);
                    }
                    may
                }
                None => false,
            },
            Fault::Transfer => {
                transfer(&self.cluster, &self.activity, &self.trace, &mut self.chance).await;
                true
            }
            Fault::Trim => {
                trim(&self.cluster, &self.activity, &self.trace, &mut self.chance).await;
                true
            }
        }
    }

    /// Any node, and more often the one that leads, or the one that is about something.
    fn any_node(&mut self) -> usize {
        if let Some(focus) = self.focus.filter(|_| self.chance.below(4) > 0) {
            return focus;
        }
        let state = self.cluster.lock();
        let leader = state.up().find(|found| found.status.serves);
        if let Some(leader) = leader.filter(|_| self.chance.below(3) == 0) {
            let at = state.nodes.iter().position(|n| n.replica == leader.replica);
            return at.unwrap_or(0);
        }
        self.chance.below(state.nodes.len() as u64) as usize
    }

    fn any_replica(&mut self) -> ReplicaId {
        let at = self.any_node();
        self.cluster.lock().nodes[at].replica
    }

    /// The node goes down, and comes back after a while.
    fn down(&mut self, at: usize, power_cut: bool) -> bool {
        let mut state = self.cluster.lock();
        if state.nodes[at].running.is_none() || power_cut && !state.may_lose_power(at) {
            return false;
        }
        state.kill(at, power_cut);
        drop(state);
        self.start_later(at, Duration::from_secs(3));
        true
    }

    fn start_later(&mut self, at: usize, within: Duration) {
        let pause = self.chance.duration(Duration::ZERO, within);
        let cluster = self.cluster.clone();
        tokio::spawn(async move {
            sleep(pause).await;
            start_if_down(&cluster, at);
        });
    }

    /// The power goes during one of the next writes.
    fn crash_while_writing(&mut self) -> bool {
        let at = self.any_node();
        let writes = 1 + self.chance.below(30);
        let cluster = self.cluster.clone();
        let last = {
            let mut state = cluster.lock();
            if state.nodes[at].running.is_none() || !state.may_lose_power(at) {
                return false;
            }
            let node = &state.nodes[at];
            node.disk.write_fails_after(writes);
            node.disk.operations() + writes
        };
        let patience = self
            .chance
            .duration(Duration::from_millis(50), Duration::from_secs(2));
        let pause = self.chance.duration(Duration::ZERO, Duration::from_secs(2));
        let calm = self.calm.clone();
        tokio::spawn(async move {
            let mut waited = Duration::ZERO;
            let written = || cluster.lock().nodes[at].disk.operations() >= last;
            while waited < patience && !written() {
                sleep(Duration::from_millis(1)).await;
                waited += Duration::from_millis(1);
            }
            let down = |state: &mut State| {
                let runs = state.nodes[at].running.is_some() && !calm.load(Ordering::Relaxed);
                if runs {
                    let power_cut = state.may_lose_power(at);
                    state.kill(at, power_cut);
                }
                runs
            };
            if down(&mut cluster.lock()) {
                sleep(pause).await;
                start_if_down(&cluster, at);
            }
        });
        true
    }

    fn partition(&mut self, fault: Fault) -> bool {
        let replicas: Vec<_> = {
            let state = self.cluster.lock();
            state.nodes.iter().map(|node| node.replica).collect()
        };
        let one = self.any_replica();
        let split = self.chance.next_u64();
        let side = |replica: ReplicaId| match fault {
            Fault::Isolation => replica == one,
            _ => split >> (replica.get() % 64) & 1 == 0,
        };
        if fault == Fault::OneWayPartition && self.chance.below(2) == 0 {
            // Any ways at all: A may reach C only through B, and hear of it only from D.
            for from in &replicas {
                for to in &replicas {
                    if from != to && self.chance.below(4) == 0 {
                        self.network.cut(*from, *to);
                    }
                }
            }
            self.later(Duration::from_secs(6), |network| network.mend());
            return true;
        }
        // Of a one-way cut, one side still reaches the other.
        let both = fault != Fault::OneWayPartition && self.chance.below(4) > 0;
        for from in &replicas {
            for to in &replicas {
                let (here, there) = (side(*from), side(*to));
                if here && !there || both && !here && there {
                    self.network.cut(*from, *to);
                }
            }
        }
        self.later(Duration::from_secs(6), |network| network.mend());
        true
    }

    fn weather(&mut self) -> bool {
        let longest = 2 + self.chance.below(200);
        self.network.set_weather(Weather {
            delay: Duration::from_micros(100)..Duration::from_millis(longest),
            resets: self.chance.below(30_000),
            duplicates: self.chance.below(100_000),
            corruptions: self.chance.below(20_000),
        });
        self.later(Duration::from_secs(6), |network| {
            network.set_weather(Weather::fair())
        });
        true
    }

    fn later(&mut self, within: Duration, act: impl FnOnce(Network) + Send + 'static) {
        let pause = self.chance.duration(Duration::from_millis(20), within);
        let network = self.network.clone();
        tokio::spawn(async move {
            sleep(pause).await;
            act(network);
        });
    }

    fn pause(&mut self) -> bool {
        let at = self.any_node();
        let pause = self
            .chance
            .duration(Duration::from_millis(20), Duration::from_secs(4));
        let mut state = self.cluster.lock();
        let Some(running) = state.nodes[at].running.as_mut().filter(|r| !r.paused) else {
            return false;
        };
        running.paused = true;
        running.process.pause();
        let process = running.process.clone();
        drop(state);
        let cluster = self.cluster.clone();
        tokio::spawn(async move {
            sleep(pause).await;
            process.resume();
            // Whichever process runs by now, it does not stand still.
            if let Some(running) = cluster.lock().nodes[at].running.as_mut() {
                running.paused = false;
            }
        });
        true
    }
}

fn start_if_down(cluster: &Cluster, at: usize) {
    let mut state = cluster.lock();
    if state.nodes[at].running.is_none() && state.nodes[at].down_because.is_none() {
        state.start(at);
    }
}
