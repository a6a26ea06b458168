//! One broker: a disk, a clock, and, while it runs, a process with the group's replica in it.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::{Clock, Durability, PartitionIndex, ReplicaId, Timestamp, TopicId};
use replication::process::{SimulatedProcess, blocking, spawn};
use replication::{
    Cores, GroupStart, LogGroup, LogSettings, OpenGroupError, OpenLogError, Replication,
    ReplicationSettings,
};
use segment_log::disk::SimulatedDisk;
use segment_log::{FlushWork, LogDirectory, LogDirectorySettings};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::network::Network;
use crate::trace::{Trace, note};

/// When the simulated world begins.
const BEGINNING: Timestamp = Timestamp::from_millis(1_700_000_000_000);

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
    starts: u64,
    seed: u64,
}

/// A process.
pub(crate) struct Running {
    pub(crate) process: SimulatedProcess,
    pub(crate) paused: bool,
    pub(crate) boot: Arc<Mutex<Boot>>,
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
    /// It could not be opened.
    Failed(Failed),
}

/// Why a group or its directory could not be opened.
#[derive(Clone, Debug)]
pub(crate) enum Failed {
    /// Damage below the durable end.
    Damaged(String),
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
            starts: 0,
            seed,
        }
    }

    /// A new process: opens the directory and, where one is wanted, the group.
    pub(crate) fn start(&mut self, group: Option<GroupStart>) {
        self.starts += 1;
        self.incarnation += 1;
        note!(self.world.trace, "start {} {group:?}", self.replica);
        let process = SimulatedProcess::new(self.seed ^ (self.starts << 32));
        process.set_device_delay(self.device_delay.clone());
        let boot = Arc::new(Mutex::new(Boot::Opening));
        let endpoint = self.world.network.join(self.replica, &process);
        let (disk, clock) = (self.disk.mount(), self.clock.clone());
        let (replica, log_settings) = (self.replica, self.world.log_settings.clone());
        let (state, trace, within) = (boot.clone(), self.world.trace.clone(), process.clone());
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
                    match group {
                        None => Boot::Empty(replication, directory),
                        Some(start) => open(replication, directory, log_settings, start).await,
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
        });
    }

    /// The process dies; with `power_cut` the machine does.
    pub(crate) fn kill(&mut self, power_cut: bool) {
        note!(
            self.world.trace,
            "kill {} power_cut={power_cut}",
            self.replica
        );
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

    pub(crate) fn is_paused(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.paused)
    }

    /// Opens the group in the running process, or removes it there.
    pub(crate) fn reconcile(&mut self, group: Option<GroupStart>) {
        self.incarnation += 1;
        let Some(running) = &self.running else { return };
        let state = running.boot.clone();
        let settings = self.world.log_settings.clone();
        let (trace, replica) = (self.world.trace.clone(), self.replica);
        let before = std::mem::replace(&mut *state.lock().unwrap(), Boot::Opening);
        running.process.spawn(async move {
            let after = match (before, group) {
                (Boot::Empty(replication, directory), Some(start)) => {
                    open(replication, directory, settings, start).await
                }
                (Boot::Up(replication, directory, _), None) => {
                    match replication.remove_log_group(topic(), PARTITION).await {
                        Ok(()) => Boot::Empty(replication, directory),
                        Err(error) => Boot::Failed(Failed::Passing(error.to_string())),
                    }
                }
                (other, _) => other,
            };
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
            Self::Failed(failed) => format!("{failed:?}"),
        }
    }
}

/// A device that refuses is tried again.
fn failed(error: &dyn std::fmt::Display) -> Failed {
    let text = error.to_string();
    match text.contains("os error") || text.contains("storage") {
        true => Failed::Passing(text),
        false => Failed::Final(text),
    }
}

async fn open(
    replication: Arc<Replication>,
    directory: Arc<LogDirectory>,
    settings: LogSettings,
    start: GroupStart,
) -> Boot {
    let opened = replication
        .open_log_group(topic(), PARTITION, settings, start, 0)
        .await;
    match opened {
        Ok(group) => Boot::Up(replication, directory, group),
        Err(error) => Boot::Failed(match &error {
            OpenGroupError::Log(OpenLogError::Damaged { .. }) => Failed::Damaged(error.to_string()),
            _ if error.passes() => Failed::Passing(error.to_string()),
            _ => failed(&error),
        }),
    }
}

/// Stands in for the sync threads.
fn flush(directory: &Arc<LogDirectory>, process: SimulatedProcess) {
    let (round, notes) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (call_round, call_notes) = (round.clone(), notes.clone());
    directory.on_flush_work(Box::new(move |work| match work {
        FlushWork::Round => call_round.notify_one(),
        FlushWork::Notes => call_notes.notify_one(),
    }));
    let weak = Arc::downgrade(directory);
    let device = process.clone();
    spawn(async move {
        loop {
            round.notified().await;
            device.device_delay().await;
            let Some(directory) = weak.upgrade() else {
                return;
            };
            directory.run_round();
        }
    });
    let weak = Arc::downgrade(directory);
    spawn(async move {
        loop {
            notes.notified().await;
            sleep(Duration::from_millis(100)).await;
            process.device_delay().await;
            let Some(directory) = weak.upgrade() else {
                return;
            };
            directory.note_ends();
        }
    });
}

/// The log's settings of every run: small segments, so that there are many.
pub(crate) fn log_settings(segment_bytes: u64) -> LogSettings {
    LogSettings {
        segment_bytes,
        durability: Durability::Fsync,
        tail_cache_bytes: 2048,
        ..LogSettings::default()
    }
}
