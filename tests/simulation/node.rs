//! One broker: a disk, a clock, and, while it runs, a process with the group's replica in it.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::{Clock, Durability, LogId, PartitionIndex, ReplicaId, Timestamp, TopicId};
use replication::process::{SimulatedProcess, blocking, spawn};
use replication::{
    Cores, GroupStart, LogGroup, LogSettings, OtherReplicas, Replication, ReplicationSettings,
    StateGroup,
};
use segment_log::disk::SimulatedDisk;
use segment_log::{LogDirectory, LogDirectorySettings};
use tokio::time::{Instant, sleep};

use crate::ledger::{Holders, Ledger, Replica};
use crate::network::Network;
use crate::trace::{Trace, note};

mod open;

use open::{Opener, failed, flush};

/// When the simulated world begins.
const BEGINNING: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// An end that was durable so long ago is noted durably too, unless the disk refuses.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// As long a truncation is news: then the noted end has followed.
const CUT_LATELY: Duration = Duration::from_millis(150);

/// The group's topic.
pub(crate) fn topic() -> TopicId {
    TopicId::from_bytes([7; 16])
}

/// The group's partition.
pub(crate) const PARTITION: PartitionIndex = PartitionIndex::new(0);

/// Where the group's files lie.
pub(crate) fn group_path() -> PathBuf {
    PathBuf::from("partitions")
        .join(topic().to_string())
        .join("0")
}

/// A wall clock that can jump.
pub(crate) struct NodeClock {
    began: Instant,
    skew_millis: AtomicI64,
}

impl NodeClock {
    pub(crate) fn jump(&self, millis: i64) {
        self.skew_millis.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Clock for NodeClock {
    fn now(&self) -> Timestamp {
        let since = self.began.elapsed().as_millis() as i64;
        let skew = self.skew_millis.load(Ordering::Relaxed);
        Timestamp::from_millis(BEGINNING.as_millis() + since + skew)
    }
}

/// What all nodes have in common.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) trace: Trace,
    pub(crate) network: Network,
    pub(crate) log_settings: LogSettings,
    pub(crate) began: Instant,
    /// The state group beside the partition, if there is one.
    pub(crate) ledger: Option<Holders>,
}

impl World {
    /// Whether records are acknowledged before they are synced.
    pub(crate) fn is_page_cache(&self) -> bool {
        self.log_settings.durability == Durability::PageCache
    }
}

/// One broker.
pub(crate) struct Node {
    pub(crate) world: World,
    pub(crate) replica: ReplicaId,
    pub(crate) disk: SimulatedDisk,
    pub(crate) clock: Arc<NodeClock>,
    pub(crate) device_delay: Range<Duration>,
    pub(crate) running: Option<Running>,
    /// Why it cannot be started any more, or not for now.
    pub(crate) down_because: Option<String>,
    /// Grows each time the group is opened or removed.
    pub(crate) incarnation: u64,
    /// Behind the last record that was seen to be synced here.
    pub(crate) durable: u64,
    /// Behind what was seen to be both committed and synced here: nothing but a removal may take it away.
    held: Arc<AtomicU64>,
    /// When how many entries were durable, in this incarnation.
    settling: VecDeque<(Instant, u64)>,
    /// The last entry of the log at the last look, in this incarnation.
    last: Option<LogId>,
    /// When the log was seen to be cut.
    cut: Option<Instant>,
    starts: u64,
    seed: u64,
}

/// A process.
pub(crate) struct Running {
    pub(crate) process: SimulatedProcess,
    pub(crate) paused: bool,
    pub(crate) boot: Arc<Mutex<Boot>>,
    ledger: Arc<Mutex<Replica>>,
}

/// How far a process has come.
#[derive(Clone)]
pub(crate) enum Boot {
    /// The directory and the group are being opened.
    Opening,
    /// There is no group, and none wanted.
    Empty(Arc<Replication>, Arc<LogDirectory>),
    /// The group is open.
    Up(Arc<Replication>, Arc<LogDirectory>, LogGroup),
    /// The group cannot be opened: these files are damaged, or cannot be read.
    Damaged(Arc<Replication>, Arc<LogDirectory>, Damage),
    /// Its log is being repaired.
    Repairing,
    /// The group is not opened: since this run the replica may have forgotten what it acknowledged.
    InDoubt(Arc<Replication>, Arc<LogDirectory>, u64),
    /// It waits for what it may have forgotten.
    Readmitting,
    /// It could not be opened.
    Failed(Failed),
}

/// What was said of it.
#[derive(Clone, Debug)]
pub(crate) struct Damage {
    pub(crate) suspects: Vec<PathBuf>,
    /// The disk refuses to read.
    pub(crate) is_unreadable: bool,
    pub(crate) reason: String,
}

/// Why a group or its directory could not be opened.
#[derive(Clone, Debug)]
pub(crate) enum Failed {
    /// It lacks what it held.
    Forgetful(String),
    /// It may pass.
    Passing(#[allow(dead_code, reason = "printed")] String),
    /// Anything else.
    Final(String),
}

impl Node {
    pub(crate) fn new(
        world: World,
        replica: ReplicaId,
        seed: u64,
        device_delay: Range<Duration>,
    ) -> Self {
        let clock = NodeClock {
            began: world.began,
            skew_millis: AtomicI64::new(0),
        };
        Self {
            disk: SimulatedDisk::new(seed),
            clock: Arc::new(clock),
            replica,
            world,
            device_delay,
            running: None,
            down_because: None,
            incarnation: 0,
            durable: 0,
            held: Arc::default(),
            settling: VecDeque::new(),
            last: None,
            cut: None,
            starts: 0,
            seed,
        }
    }

    /// A new process: opens the directory and, where one is wanted, the group.
    pub(crate) fn start(&mut self, group: Option<GroupStart>) {
        self.starts += 1;
        self.incarnation += 1;
        self.settling.clear();
        self.last = None;
        note!(self.world.trace, "start {} {group:?}", self.replica);
        let process = SimulatedProcess::new(self.seed ^ (self.starts << 32));
        process.set_device_delay(self.device_delay.clone());
        let boot = Arc::new(Mutex::new(Boot::Opening));
        let endpoint = self.world.network.join(self.replica, &process);
        let (disk, clock) = (self.disk.mount(), self.clock.clone());
        let (replica, opener) = (self.replica, self.opener());
        let (state, trace, within) = (boot.clone(), self.world.trace.clone(), process.clone());
        let ledger = Arc::new(Mutex::new(Replica::Opening));
        let (holders, beside) = (self.world.ledger.clone(), ledger.clone());
        process.spawn(async move {
            let opened = blocking(move || {
                let limits = LogDirectorySettings {
                    sync_threads: 0,
                    ..LogDirectorySettings::default()
                };
                let directory = LogDirectory::open(disk, clock.clone(), limits)
                    .map_err(|error| failed(&error))?;
                let settings = ReplicationSettings::new(replica);
                let cores = Arc::new(Cores::here());
                let replication =
                    Replication::open(directory.clone(), clock, cores, settings, endpoint)
                        .map_err(|error| failed(&error))?;
                Ok((directory, replication))
            });
            let booted = match opened.await.unwrap() {
                Err(failed) => Boot::Failed(failed),
                Ok((directory, replication)) => {
                    flush(&directory, within);
                    if let Some(holders) = holders {
                        spawn(holders.open(replica, replication.clone(), beside));
                    }
                    match group {
                        None => opener.remove(replication, directory).await,
                        Some(start) => opener.open(replication, directory, start).await,
                    }
                }
            };
            note!(trace, "booted {replica}: {}", booted.name());
            *state.lock().unwrap() = booted;
        });
        self.running = Some(Running {
            process,
            paused: false,
            boot,
            ledger,
        });
    }

    /// The process dies; with `power_cut` the machine does.
    pub(crate) fn kill(&mut self, power_cut: bool) {
        note!(
            self.world.trace,
            "kill {} power_cut={power_cut}",
            self.replica
        );
        self.look();
        self.world.network.leave(self.replica);
        if let Some(running) = self.running.take() {
            running.process.kill();
        }
        match power_cut {
            true => self.disk.crash(),
            false => self.disk.kill(),
        }
    }

    pub(crate) fn boot(&self) -> Option<Boot> {
        let running = self.running.as_ref()?;
        Some(running.boot.lock().unwrap().clone())
    }

    /// The group, if it is open here.
    pub(crate) fn group(&self) -> Option<LogGroup> {
        match self.boot()? {
            Boot::Up(_, _, group) => Some(group),
            _ => None,
        }
    }

    /// The ledger's replica here, where the process runs.
    pub(crate) fn ledger_state(&self) -> Option<Replica> {
        let running = self.running.as_ref()?;
        Some(running.ledger.lock().unwrap().clone())
    }

    /// The ledger's replica here, if it is open.
    pub(crate) fn ledger(&self) -> Option<StateGroup<Ledger>> {
        match self.ledger_state()? {
            Replica::Up(group) => Some(group),
            _ => None,
        }
    }

    pub(crate) fn is_in_doubt(&self) -> bool {
        matches!(self.boot(), Some(Boot::InDoubt(..) | Boot::Readmitting))
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.paused)
    }

    /// Takes note of how far the log goes.
    pub(crate) fn look(&mut self) {
        let Some(group) = self.group() else { return };
        let ends = group.log().ends();
        self.durable = ends.durable_offset.get();
        // What was taken back may be followed by other entries already.
        let last = self.last.filter(|last| last.index >= ends.first_index);
        if last.is_some_and(|last| group.log().term_at(last.index) != Some(last.term)) {
            self.cut = Some(Instant::now());
        }
        self.last = ends.last;
        let committed = group.status().high_watermark.get();
        let held = self.durable.min(committed);
        self.held.fetch_max(held, Ordering::Relaxed);
        if self.is_paused() {
            return self.settling.clear();
        }
        self.settling
            .push_back((Instant::now(), ends.durable_index.get()));
        let is_old = |at: Option<&(Instant, u64)>| {
            at.is_some_and(|(when, _)| when.elapsed() >= SETTLED_AFTER)
        };
        while is_old(self.settling.get(1)) {
            self.settling.pop_front();
        }
    }

    /// Whether entries were taken back just now.
    pub(crate) fn was_cut_lately(&self) -> bool {
        self.cut.is_some_and(|when| when.elapsed() < CUT_LATELY)
    }

    /// How many entries have been durable for long.
    pub(crate) fn settled(&self) -> u64 {
        let first = self.settling.front();
        let first = first.filter(|(when, _)| when.elapsed() >= SETTLED_AFTER);
        first.map_or(0, |(_, entries)| *entries)
    }

    fn opener(&self) -> Opener {
        Opener {
            replica: self.replica,
            settings: self.world.log_settings.clone(),
            held: self.held.clone(),
        }
    }

    /// Opens the group in the running process, or removes it there.
    pub(crate) fn reconcile(&mut self, group: Option<GroupStart>) {
        self.change(|opener, before| async move {
            match (before, group) {
                (Boot::Empty(replication, directory), Some(start)) => {
                    opener.open(replication, directory, start).await
                }
                (Boot::Up(replication, directory, _), None) => {
                    opener.remove(replication, directory).await
                }
                (other, _) => other,
            }
        });
    }

    /// Has the log repaired from what others hold, and opens the group again when that is done.
    pub(crate) fn repair(
        &mut self,
        start: GroupStart,
        others: OtherReplicas,
        suspects: Vec<PathBuf>,
    ) {
        note!(self.world.trace, "repair {}: {suspects:?}", self.replica);
        let state = self.running.as_ref().map(|running| running.boot.clone());
        self.change(|opener, before| async move {
            // The group's handle goes before the repair begins.
            let (replication, directory) = match before {
                Boot::Up(replication, directory, _) => (replication, directory),
                Boot::Damaged(replication, directory, _) => (replication, directory),
                other => return other,
            };
            if let Some(state) = state {
                *state.lock().unwrap() = Boot::Repairing;
            }
            let settings = opener.settings.clone();
            replication
                .repair_log_group(topic(), PARTITION, settings, others, suspects)
                .await;
            loop {
                sleep(Duration::from_millis(100)).await;
                let opened = opener.open(replication.clone(), directory.clone(), start.clone());
                match opened.await {
                    Boot::Repairing => {}
                    other => return other,
                }
            }
        });
    }

    /// Has the replica given back what it may have forgotten since a run, and opens the group again when that is done.
    pub(crate) fn readmit(&mut self, start: GroupStart, others: OtherReplicas) {
        note!(self.world.trace, "readmit {}", self.replica);
        let state = self.running.as_ref().map(|running| running.boot.clone());
        self.change(|opener, before| async move {
            let Boot::InDoubt(replication, directory, since) = before else {
                return before;
            };
            if let Some(state) = state {
                *state.lock().unwrap() = Boot::Readmitting;
            }
            loop {
                // Where it waits already, that is no news.
                let (settings, others) = (opener.settings.clone(), others.clone());
                replication.readmit_log_group(topic(), PARTITION, settings, others, (since, 0));
                sleep(Duration::from_millis(100)).await;
                let opened = opener.open(replication.clone(), directory.clone(), start.clone());
                match opened.await {
                    Boot::InDoubt(..) => {}
                    other => return other,
                }
            }
        });
    }

    /// Does something with the group; meanwhile it is being opened.
    fn change<F>(&mut self, act: impl FnOnce(Opener, Boot) -> F)
    where
        F: Future<Output = Boot> + Send + 'static,
    {
        self.look();
        self.incarnation += 1;
        self.settling.clear();
        self.last = None;
        let opener = self.opener();
        let Some(running) = &self.running else { return };
        let state = running.boot.clone();
        let (trace, replica) = (self.world.trace.clone(), self.replica);
        let before = std::mem::replace(&mut *state.lock().unwrap(), Boot::Opening);
        let after = act(opener, before);
        running.process.spawn(async move {
            let after = after.await;
            note!(trace, "reconciled {replica}: {}", after.name());
            *state.lock().unwrap() = after;
        });
    }
}

impl Boot {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Opening => "opening".to_owned(),
            Self::Empty(..) => "empty".to_owned(),
            Self::Up(..) => "up".to_owned(),
            Self::Damaged(_, _, damage) => format!("{damage:?}"),
            Self::Repairing => "repairing".to_owned(),
            Self::InDoubt(_, _, since) => format!("in doubt since run {since}"),
            Self::Readmitting => "readmitting".to_owned(),
            Self::Failed(failed) => format!("{failed:?}"),
        }
    }
}

/// The log's settings of every run: small segments, so that there are many.
pub(crate) fn log_settings(segment_bytes: u64, durability: Durability) -> LogSettings {
    LogSettings {
        segment_bytes,
        durability,
        tail_cache_bytes: 2048,
        ..LogSettings::default()
    }
}
