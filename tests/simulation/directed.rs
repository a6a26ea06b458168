//! Schedules that are too rare for chance: the same parts, set up on purpose. Only when exactly things happen follows
//! from the seed.

use std::time::Duration;

use model::{Durability, ReplicaId};
use segment_log::disk::SimulatedDisk;
use strandline_tests::chance::Chance;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::cluster::{Cluster, Found};
use crate::network::Network;
use crate::node::{Node, World, log_settings};
use crate::producers::Client;
use crate::recorder::Recorder;
use crate::run::{Outcome, look_after};
use crate::trace::{Trace, note};

/// A schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// An election while followers have not synced what they were sent.
    VoteBeforeSync,
    /// A power cut after a sync has failed, with entries committed elsewhere.
    CommittedBeyondTheDisk,
    /// A crash right after durable entries were taken back.
    CrashAfterTruncation,
}

impl Schedule {
    pub(crate) const ALL: [Self; 3] = [
        Self::VoteBeforeSync,
        Self::CommittedBeyondTheDisk,
        Self::CrashAfterTruncation,
    ];
}

/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(20);
/// So slow is a disk that is to be slow.
const SLOW: std::ops::Range<Duration> = Duration::from_secs(4)..Duration::from_secs(5);

struct Stage {
    cluster: Cluster,
    network: Network,
    client: Client,
    chance: Chance,
    next: u64,
}

/// Plays a schedule on three brokers.
pub(crate) async fn play(schedule: Schedule, seed: u64, prints: bool) -> Outcome {
    let mut chance = Chance::new(seed);
    let trace = Trace::new(prints);
    let network = Network::new(chance.next_u64(), trace.clone());
    let world = World {
        trace: trace.clone(),
        network: network.clone(),
        log_settings: log_settings(1_000 + chance.below(3_000), Durability::Fsync),
        began: Instant::now(),
        ledger: None,
    };
    let nodes = (0..3).map(|id| {
        let delay = Duration::ZERO..Duration::from_millis(1 + chance.below(3));
        Node::new(world.clone(), ReplicaId::new(id), chance.next_u64(), delay)
    });
    let nodes = nodes.collect();
    let cluster = Cluster::new(world, 3, nodes);
    for at in 0..3 {
        cluster.lock().start(at);
    }
    let (_, looks) = look_after(&cluster);
    let (_stop, stop) = watch::channel(false);
    let client = Client {
        cluster: cluster.clone(),
        recorder: Recorder::new(trace.clone()),
        process: 1,
        chance: Chance::new(chance.next_u64()),
        stop,
    };
    let mut stage = Stage {
        cluster: cluster.clone(),
        network,
        client,
        chance,
        next: 0,
    };
    note!(trace, "schedule {schedule:?}");
    let played = match schedule {
        Schedule::VoteBeforeSync => stage.vote_before_sync().await,
        Schedule::CommittedBeyondTheDisk => stage.committed_beyond_the_disk().await,
        Schedule::CrashAfterTruncation => stage.crash_after_truncation().await,
    };
    if played.is_none() {
        cluster.violation(format!("{schedule:?} cannot be played"));
    }
    sleep(Duration::from_secs(8)).await;
    looks.abort();
    let state = cluster.lock();
    let (hash, events) = trace.digest();
    Outcome {
        seed,
        violations: state.violations.clone(),
        hash,
        events,
        ..Outcome::default()
    }
}

impl Stage {
    /// Waits for something to be there.
    async fn when<T>(&self, look: impl Fn(&Cluster) -> Option<T>) -> Option<T> {
        let give_up = Instant::now() + PATIENCE;
        while Instant::now() < give_up {
            if let Some(found) = look(&self.cluster) {
                return Some(found);
            }
            sleep(LOOK).await;
        }
        None
    }

    /// A replica that serves, but not this one.
    async fn leader(&self, not: Option<ReplicaId>) -> Option<Found> {
        self.when(|cluster| {
            let state = cluster.lock();
            let found = state
                .up()
                .find(|found| found.status.serves && Some(found.replica) != not);
            drop(state);
            found
        })
        .await
    }

    fn others(&self, than: ReplicaId) -> [Found; 2] {
        let state = self.cluster.lock();
        let others: Vec<_> = state.up().filter(|found| found.replica != than).collect();
        others.try_into().ok().expect("three replicas")
    }

    /// Sends a batch, and does not wait.
    fn send(&mut self, to: &Found) {
        self.next += 1;
        let (mut client, to, next) = (self.client.clone(), to.clone(), self.next);
        client.process = 100 + next as u32;
        let values = (0..3).map(|number| format!("{next}-{number}")).collect();
        tokio::spawn(async move { client.send_once(&to, values).await });
    }

    fn disk(&self, of: ReplicaId) -> (usize, SimulatedDisk) {
        let state = self.cluster.lock();
        let at = state.nodes.iter().position(|node| node.replica == of);
        let at = at.expect("a node");
        (at, state.nodes[at].disk.clone())
    }

    fn slow(&self, replicas: &[&Found], is_slow: bool) {
        for found in replicas {
            let fast = Duration::ZERO..Duration::from_millis(1);
            found
                .process
                .set_device_delay(if is_slow { SLOW } else { fast });
        }
    }

    /// Both followers have an entry and sync it slowly. Then one stands for election, and the leader hears of it late.
    async fn vote_before_sync(&mut self) -> Option<()> {
        let leader = self.leader(None).await?;
        self.send(&leader);
        sleep(Duration::from_millis(400)).await;
        let [one, other] = self.others(leader.replica);
        self.slow(&[&one, &other], true);
        let before = leader.group.log().ends().end_index;
        self.send(&leader);
        let has = |found: &Found| found.group.log().ends().end_index > before;
        self.when(|_| (has(&one) && has(&other)).then_some(()))
            .await?;
        sleep(
            self.chance
                .duration(Duration::ZERO, Duration::from_millis(20)),
        )
        .await;
        // The disks wait with what they were given; what comes from now on is quick.
        self.slow(&[&one, &other], false);
        for to in [&one, &other] {
            self.network.cut(leader.replica, to.replica);
        }
        self.network.cut(one.replica, leader.replica);
        sleep(Duration::from_secs(6)).await;
        self.network.mend();
        Some(())
    }

    /// A follower knows that entries are committed which it has not synced, notes it, and loses them.
    async fn committed_beyond_the_disk(&mut self) -> Option<()> {
        let leader = self.leader(None).await?;
        let [one, _] = self.others(leader.replica);
        let (at, disk) = self.disk(one.replica);
        self.send(&leader);
        sleep(Duration::from_millis(300)).await;
        // The flusher begins a round that takes long; what comes from now on is quick.
        self.slow(&[&one], true);
        let before = one.group.log().ends().end_index;
        self.send(&leader);
        let has = |found: &Found| found.group.log().ends().end_index > before;
        self.when(|_| has(&one).then_some(())).await?;
        sleep(Duration::from_millis(2)).await;
        self.slow(&[&one], false);
        // Before a state is stored, the log is synced: that fails, and how far the group has committed is noted.
        disk.fail_next_sync(".log");
        let bases = || one.group.log().segment_bases().len();
        let rolled = bases();
        for _ in 0..200 {
            self.send(&leader);
            sleep(self.chance.duration(LOOK, Duration::from_millis(6))).await;
            if bases() > rolled + 1 || one.group.log().failed().is_some() {
                break;
            }
        }
        let failed = || one.group.log().failed().is_some();
        self.when(|_| failed().then_some(())).await?;
        let mut state = self.cluster.lock();
        state.nodes[at].kill(true);
        state.start(at);
        Some(())
    }

    /// A leader that was cut off comes back, takes back what nobody else has, and crashes.
    async fn crash_after_truncation(&mut self) -> Option<()> {
        let old = self.leader(None).await?;
        self.send(&old);
        sleep(Duration::from_millis(300)).await;
        for other in self.others(old.replica) {
            self.network.cut(old.replica, other.replica);
            self.network.cut(other.replica, old.replica);
        }
        for _ in 0..4 {
            self.send(&old);
            sleep(Duration::from_millis(20)).await;
        }
        let new = self.leader(Some(old.replica)).await?;
        self.send(&new);
        sleep(Duration::from_millis(300)).await;
        let taken = old.group.log().ends().end_index;
        self.network.mend();
        let was_cut = || old.group.log().ends().end_index < taken;
        self.when(|_| was_cut().then_some(())).await?;
        sleep(
            self.chance
                .duration(Duration::ZERO, Duration::from_millis(5)),
        )
        .await;
        let (at, _) = self.disk(old.replica);
        let power_cut = self.chance.below(2) == 0;
        let mut state = self.cluster.lock();
        state.nodes[at].kill(power_cut);
        state.start(at);
        Some(())
    }
}

/// The schedule that `STRAND_SIM_SCHEDULE` names.
pub(crate) fn wanted() -> Option<Schedule> {
    let name = std::env::var("STRAND_SIM_SCHEDULE").ok()?;
    let mut all = Schedule::ALL.into_iter();
    all.find(|schedule| format!("{schedule:?}") == name)
}
