//! All groups of one data directory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use model::{Clock, PartitionIndex, TopicId};
use parking_lot::Mutex;
use segment_log::{LogDirectory, LogSettings, OpenLogError};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::cores::Cores;
use crate::doubt::{DoubtEnded, DoubtTask, Doubtful};
use crate::error::{OpenGroupError, OpenReplicationError, RemoveGroupError};
use crate::group::{Group, InDoubt, Opening, Stop, Surroundings, forget_newcomer, mark_newcomer};
use crate::log_group::LogGroup;
use crate::members::GroupStart;
use crate::peer::{GroupId, Peers};
use crate::process;
use crate::raft::config::config;
use crate::raft::machine::{Commands, Machine, Partition};
use crate::raft::pace::Pace;
use crate::raft::votes::Votes;
use crate::repair::{OtherReplicas, RepairTask, Repairing};
use crate::settings::{self, ReplicationSettings};
use crate::state_group::{self, StateGroup, StateMachine};

/// The groups of one data directory.
pub struct Replication {
    around: Surroundings,
    cores: Arc<Cores>,
    next_core: AtomicUsize,
    groups: Arc<Mutex<Groups>>,
    freed: watch::Sender<u64>,
}

#[derive(Default)]
struct Groups {
    /// `None` while a group is being opened or removed.
    open: BTreeMap<PathBuf, Option<Arc<dyn Stop>>>,
    /// Those that were in doubt and are no more.
    readmitted: BTreeSet<PathBuf>,
    closed: bool,
}

impl Replication {
    /// Opens the votes of the directory's groups, which reach their replicas elsewhere through `peers`. Blocks.
    ///
    /// # Errors
    /// [`OpenReplicationError`].
    pub fn open(
        directory: Arc<LogDirectory>,
        clock: Arc<dyn Clock>,
        cores: Arc<Cores>,
        settings: ReplicationSettings,
        peers: Arc<dyn Peers>,
    ) -> Result<Arc<Self>, OpenReplicationError> {
        let votes = Arc::new(Votes::open(directory.disk().clone())?);
        let config = config(&settings).map_err(OpenReplicationError::Settings)?;
        let around = Surroundings {
            pace: Arc::new(Pace::new(settings.catch_up_bytes_per_second)),
            directory,
            clock,
            votes,
            settings,
            config,
            peers,
        };
        Ok(Arc::new(Self {
            around,
            cores,
            next_core: AtomicUsize::new(0),
            groups: Arc::default(),
            freed: watch::Sender::default(),
        }))
    }

    /// The settings in force.
    pub fn settings(&self) -> &ReplicationSettings {
        &self.around.settings
    }

    pub(crate) fn directory(&self) -> &Arc<LogDirectory> {
        &self.around.directory
    }

    /// The cores that the groups live on.
    pub fn cores(&self) -> &Arc<Cores> {
        &self.cores
    }

    /// Opens, or creates as `start` says, the group at `partitions/<topic id>/<partition>`.
    /// It may not serve yet when this returns: see [`LogGroup::serving`].
    ///
    /// The more `neighbours` there are, groups on the same brokers, the slower the group's heart beats, and the longer an
    /// election takes. All its replicas must be told the same number, always: a voter less patient than the leader
    /// thinks would elect another behind its back.
    ///
    /// # Errors
    /// [`OpenGroupError`].
    pub async fn open_log_group(
        &self,
        topic: TopicId,
        partition: PartitionIndex,
        settings: LogSettings,
        start: GroupStart,
        neighbours: u64,
    ) -> Result<LogGroup, OpenGroupError> {
        let opening = Opening {
            id: GroupId::Log { topic, partition },
            path: log_path(topic, partition),
            key: log_key(topic, partition),
            settings,
            start,
        };
        let around = self.around_many(neighbours)?;
        Ok(LogGroup::new(self.open_partition(around, opening).await?))
    }

    /// Stops a group, open or not, and deletes its files and vote. Slices handed out live on.
    ///
    /// # Errors
    /// [`RemoveGroupError`]; it can be tried again.
    pub async fn remove_log_group(
        &self,
        topic: TopicId,
        partition: PartitionIndex,
    ) -> Result<(), RemoveGroupError> {
        let (path, key) = (log_path(topic, partition), log_key(topic, partition));
        let open = {
            let mut groups = self.groups.lock();
            match groups.open.insert(path.clone(), None) {
                Some(None) => return Err(RemoveGroupError::Busy { path }),
                Some(open) => open,
                None => None,
            }
        };
        if let Some(group) = open {
            group.stop().await;
        }
        let around = self.around.clone();
        let directory = path.clone();
        let remove = move || remove_files(&around, &directory, &key);
        let removed = process::blocking(remove).await;
        self.groups.lock().open.remove(&path);
        removed.unwrap_or_else(|error| Err(RemoveGroupError::Crashed(error.to_string())))
    }

    /// Stops a group, if it is open, and keeps its files. From then on it answers nobody, until it is opened again.
    pub async fn close_log_group(&self, topic: TopicId, partition: PartitionIndex) {
        self.close_group(&log_path(topic, partition)).await;
    }

    /// Takes the place of a group in hand, and gives what was in it. `None` where somebody else has it in hand, or all
    /// groups are closed.
    fn take_place(&self, path: &Path) -> Option<Option<Arc<dyn Stop>>> {
        let mut groups = self.groups.lock();
        if groups.closed {
            return None;
        }
        match groups.open.insert(path.to_owned(), None) {
            Some(None) => None,
            open => Some(open.flatten()),
        }
    }

    async fn close_group(&self, path: &Path) {
        let open = {
            let mut groups = self.groups.lock();
            match groups.open.get_mut(path) {
                Some(open) => open.take(),
                None => return,
            }
        };
        // Who else opens or removes it at this moment has it in hand.
        if let Some(group) = open {
            group.stop().await;
            self.groups.lock().open.remove(path);
        }
    }

    /// Repairs the damaged log of a partition with what `others` hold of it, in the background: the group stays
    /// stopped, and opening it says so, until nothing is missing. Only what is sound of it is read by others
    /// meanwhile. An open group is stopped first. `suspects` are files in which damage was met.
    pub async fn repair_log_group(
        &self,
        topic: TopicId,
        partition: PartitionIndex,
        settings: LogSettings,
        others: OtherReplicas,
        suspects: Vec<PathBuf>,
    ) {
        let what = Repairing {
            around: self.around.clone(),
            home: self.next_home(),
            group: GroupId::Log { topic, partition },
            path: log_path(topic, partition),
            key: log_key(topic, partition),
            settings,
            suspects,
            others,
        };
        self.repair_group(what).await;
    }

    /// The same for the state group number `id` at `state/<name>`.
    pub async fn repair_state_group(
        &self,
        id: u16,
        name: &str,
        others: OtherReplicas,
        suspects: Vec<PathBuf>,
    ) {
        let what = Repairing {
            around: self.around.clone(),
            home: self.next_home(),
            group: GroupId::State(id),
            path: state_path(name),
            key: state_key(name),
            settings: state_group::log_settings(),
            suspects,
            others,
        };
        self.repair_group(what).await;
    }

    async fn repair_group(&self, what: Repairing) {
        let path = what.path.clone();
        // Nobody opens it before the repair does: what it noted of its durable end may not be on the disk yet.
        let Some(open) = self.take_place(&path) else {
            return;
        };
        if let Some(group) = open {
            group.stop().await;
        }
        let directory = self.around.directory.clone();
        let released = path.clone();
        // Whoever still reads from it may: the files that it has open stay as they are.
        let release = move || directory.release_log(&released);
        let is_released = process::blocking(release).await.is_ok();
        let task = RepairTask::new();
        let free = self.frees(path.clone());
        let mut groups = self.groups.lock();
        if !is_released || groups.closed {
            groups.open.remove(&path);
            return;
        }
        groups.open.insert(path, Some(task.clone()));
        // Under the lock: whoever stops it finds it begun.
        task.begin(what, free);
    }

    /// Waits, in the background, until a replica that is in doubt since the run `since` may start: the group stays stopped,
    /// and opening it says so, until one of `others` has led and given back what it may have forgotten, or the loss of
    /// doubts that arose up to the run `accepted` is accepted and nobody can. For a group that was not opened because of [`OpenGroupError::InDoubt`].
    pub fn readmit_log_group(
        &self,
        topic: TopicId,
        partition: PartitionIndex,
        settings: LogSettings,
        others: OtherReplicas,
        (since, accepted): (u64, u64),
    ) {
        let path = log_path(topic, partition);
        let task = DoubtTask::new(since, accepted);
        let what = Doubtful {
            around: self.around.clone(),
            home: self.next_home(),
            group: GroupId::Log { topic, partition },
            path: path.clone(),
            key: log_key(topic, partition),
            settings,
            others,
        };
        let free = self.frees(path.clone());
        let (readmitted, place) = (self.groups.clone(), path.clone());
        let mut groups = self.groups.lock();
        if groups.closed || groups.open.contains_key(&path) {
            return;
        }
        groups.open.insert(path, Some(task.clone()));
        // Under the lock: whoever stops it finds it begun.
        task.begin(what, move |ended| {
            if ended == DoubtEnded::Readmitted {
                readmitted.lock().readmitted.insert(place);
            }
            free();
        });
    }

    /// What is to be done at the end of a task that stands in a group's place: gives the place back, and tells.
    fn frees(&self, path: PathBuf) -> impl FnOnce() + Send + 'static {
        let (groups, freed) = (self.groups.clone(), self.freed.clone());
        move || {
            let mut groups = groups.lock();
            // Whoever has taken it out of the table stops it and has the place in hand.
            if let Some(Some(_)) = groups.open.get(&path) {
                groups.open.remove(&path);
            }
            drop(groups);
            freed.send_modify(|count| *count += 1);
        }
    }

    /// The core whose turn it is to have a group.
    fn next_home(&self) -> Handle {
        let core = self.next_core.fetch_add(1, Ordering::Relaxed);
        self.cores.handle(core).clone()
    }

    /// Whether a replica that was in doubt has been given back what it may have forgotten, as far as this process knows;
    /// else it has started with what was left.
    pub fn was_readmitted(&self, topic: TopicId, partition: PartitionIndex) -> bool {
        let path = log_path(topic, partition);
        self.groups.lock().readmitted.contains(&path)
    }

    /// Changes when a group that was repaired or in doubt may be opened.
    pub fn freed(&self) -> watch::Receiver<u64> {
        self.freed.subscribe()
    }

    /// Says that the loss is accepted of doubts of this replica that arose up to a run; where it is in none, nothing
    /// happens.
    pub fn accept_loss(&self, topic: TopicId, partition: PartitionIndex, upto: u64) {
        let groups = self.groups.lock();
        if let Some(Some(group)) = groups.open.get(&log_path(topic, partition)) {
            group.accept_loss(upto);
        }
    }

    /// Opens, or creates as `start` says, the state group number `id` at `state/<name>`.
    ///
    /// # Errors
    /// [`OpenGroupError`].
    pub async fn open_state_group<M: StateMachine>(
        &self,
        id: u16,
        name: &'static str,
        machine: M,
        start: GroupStart,
    ) -> Result<StateGroup<M>, OpenGroupError> {
        let opening = Opening {
            id: GroupId::State(id),
            path: state_path(name),
            key: state_key(name),
            settings: state_group::log_settings(),
            start,
        };
        let group = self.open_group(self.around.clone(), opening, Commands(machine));
        Ok(StateGroup::new(group.await?))
    }

    /// Stops every group. The log directory and the cores are closed by who opened them, in that order.
    pub async fn shutdown(&self) {
        let open: Vec<_> = {
            let mut groups = self.groups.lock();
            groups.closed = true;
            let open = groups.open.values_mut().filter_map(Option::take);
            open.collect()
        };
        join_all(open.iter().map(|group| group.stop())).await;
    }

    /// What surrounds a group among so many.
    fn around_many(&self, neighbours: u64) -> Result<Surroundings, OpenGroupError> {
        let mut around = self.around.clone();
        let slower = settings::slower(neighbours);
        if slower > 1 {
            around.settings.heartbeat_interval *= slower;
            around.settings.election_timeout *= slower;
            let slow = config(&around.settings);
            around.config = slow.map_err(|reason| OpenGroupError::Raft { reason })?;
        }
        Ok(around)
    }

    /// Boxed and not `async`: so the code of openraft is compiled with this crate, and not anew with every crate that
    /// awaits an opening.
    fn open_partition(
        &self,
        around: Surroundings,
        opening: Opening,
    ) -> BoxFuture<'_, Result<Arc<Group<Partition>>, OpenGroupError>> {
        self.open_group(around, opening, Partition::default())
            .boxed()
    }

    async fn open_group<M: Machine>(
        &self,
        around: Surroundings,
        opening: Opening,
        machine: M,
    ) -> Result<Arc<Group<M>>, OpenGroupError> {
        let path = opening.path.clone();
        {
            let mut groups = self.groups.lock();
            if groups.closed {
                let reason = "the broker is shutting down".into();
                return Err(OpenGroupError::Stopped { reason });
            }
            match groups.open.get(&path) {
                None => groups.open.insert(path.clone(), None),
                Some(open) => {
                    let open = open.as_ref();
                    if let Some(state) = open.and_then(|open| open.repairing()) {
                        return Err(OpenGroupError::Repairing { state });
                    }
                    if let Some(InDoubt { since, state }) = open.and_then(|open| open.in_doubt()) {
                        return Err(OpenGroupError::InDoubt { since, state });
                    }
                    return Err(OpenGroupError::AlreadyOpen { path });
                }
            };
        }
        let opened = Group::open(around, self.next_home(), opening, machine).await;
        let mut groups = self.groups.lock();
        match &opened {
            Ok(group) => drop(groups.open.insert(path, Some(group.clone()))),
            Err(_) => drop(groups.open.remove(&path)),
        }
        opened
    }
}

pub(crate) fn state_path(name: &str) -> PathBuf {
    Path::new("state").join(name)
}

fn log_path(topic: TopicId, partition: PartitionIndex) -> PathBuf {
    Path::new("partitions")
        .join(topic.to_string())
        .join(partition.to_string())
}

fn log_key(topic: TopicId, partition: PartitionIndex) -> Vec<u8> {
    let partition = partition.get().to_be_bytes();
    [&b"p"[..], topic.as_bytes(), &partition].concat()
}

fn state_key(name: &str) -> Vec<u8> {
    [b"s", name.as_bytes()].concat()
}

/// Blocks. The vote goes last: a log without its vote would be a replica that has forgotten whom it voted for.
fn remove_files(around: &Surroundings, path: &Path, key: &[u8]) -> Result<(), RemoveGroupError> {
    let io = |source| OpenLogError::Io {
        path: path.to_owned(),
        source,
    };
    let disk = around.directory.disk();
    // What a crash leaves of it must not pass for all that this replica held, should it be a member again.
    mark_newcomer(&**disk, path).map_err(io)?;
    around.directory.remove_log(path)?;
    around.votes.forget(key)?;
    forget_newcomer(&**disk, path).map_err(io)?;
    if let Some(topic) = path.parent()
        && disk.exists(topic).map_err(io)?
        && disk.list(topic).map_err(io)?.is_empty()
    {
        disk.remove_directory(topic).map_err(io)?;
    }
    Ok(())
}
