//! Replicas of one partition on a network of channels.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::ReplicaId;
use replication::{GroupStart, LogGroup, OpenGroupError, ProduceOutcome};
use segment_log::LogSettings;
use segment_log::disk::SimulatedDisk;

use crate::harness::{Answers, PATIENCE, Process, small_segments, until};
use crate::network::Network;

/// How long an answer is waited for before the outcome counts as unknown.
const ANSWER_PATIENCE: Duration = Duration::from_secs(1);

/// One replica: its disk, and its process while that runs.
pub(crate) struct Member {
    pub(crate) disk: SimulatedDisk,
    process: Option<Process>,
    group: Option<LogGroup>,
}

/// A batch that was proposed.
pub(crate) struct Proposed(Arc<Answers>);

impl Proposed {
    /// `None` where there is no answer yet.
    pub(crate) fn outcome(&self) -> Option<ProduceOutcome> {
        self.0.get(0)
    }

    pub(crate) fn is_acknowledged(&self) -> bool {
        matches!(self.0.get(0), Some(ProduceOutcome::Appended { .. }))
    }
}

impl std::fmt::Debug for Proposed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0.get(0))
    }
}

/// A partition's replicas, by number.
pub(crate) struct Cluster {
    pub(crate) network: Arc<Network>,
    pub(crate) members: BTreeMap<u64, Member>,
    pub(crate) settings: LogSettings,
    founders: Vec<ReplicaId>,
    /// How long a slow follower is fed while the log is to go; as by default, if `None`.
    patience: Option<Duration>,
}

impl Cluster {
    /// Replicas 0, 1 and 2 found a partition.
    pub(crate) async fn of_three() -> Self {
        Self::found(&[0, 1, 2], small_segments()).await
    }

    pub(crate) async fn found(founders: &[u64], settings: LogSettings) -> Self {
        Self::found_with(founders, settings, None).await
    }

    /// Replicas 0, 1 and 2, with so much patience.
    pub(crate) async fn of_impatient(patience: Duration) -> Self {
        Self::found_with(&[0, 1, 2], small_segments(), Some(patience)).await
    }

    async fn found_with(
        founders: &[u64],
        settings: LogSettings,
        patience: Option<Duration>,
    ) -> Self {
        let mut cluster = Self {
            network: Arc::default(),
            members: BTreeMap::new(),
            settings,
            founders: founders.iter().copied().map(ReplicaId::new).collect(),
            patience,
        };
        for replica in founders {
            cluster.start(*replica).await;
        }
        cluster
    }

    /// Starts a replica, a new one as one that joins.
    pub(crate) async fn start(&mut self, replica: u64) {
        let id = ReplicaId::new(replica);
        let member = self.members.entry(replica).or_insert_with(|| Member {
            disk: SimulatedDisk::new(replica + 1),
            process: None,
            group: None,
        });
        let peers = self.network.of(id);
        let disk = member.disk.mount();
        let process = match self.patience {
            Some(patience) => Process::impatient(disk, id, peers, patience),
            None => Process::member(disk, id, peers),
        };
        let start = match self.founders.contains(&id) {
            true => GroupStart::Found(self.founders.clone()),
            false => GroupStart::Join,
        };
        let group = process.open_as(&self.settings, start).await;
        member.group = Some(group.expect("the group opens"));
        member.process = Some(process);
    }

    /// Starts a replica whose group does not open; why not.
    pub(crate) async fn start_damaged(&mut self, replica: u64) -> OpenGroupError {
        let id = ReplicaId::new(replica);
        let peers = self.network.of(id);
        let member = self.members.get_mut(&replica).unwrap();
        let process = Process::member(member.disk.mount(), id, peers);
        let start = GroupStart::Found(self.founders.clone());
        let opened = process.open_as(&self.settings, start).await;
        member.process = Some(process);
        match opened {
            Err(error) => error,
            // Damage in a sealed segment shows later.
            Ok(group) => {
                drop(group);
                OpenGroupError::Repairing {
                    state: "it opened".to_owned(),
                }
            }
        }
    }

    /// Opens the group of a replica that runs.
    pub(crate) async fn reopen(&mut self, replica: u64) -> Result<(), OpenGroupError> {
        let start = GroupStart::Found(self.founders.clone());
        let member = self.members.get_mut(&replica).unwrap();
        let process = member.process.as_ref().expect("runs");
        member.group = Some(process.open_as(&self.settings, start).await?);
        Ok(())
    }

    pub(crate) fn process(&self, replica: u64) -> &Process {
        self.members[&replica].process.as_ref().expect("runs")
    }

    pub(crate) fn group(&self, replica: u64) -> &LogGroup {
        self.members[&replica].group.as_ref().expect("runs")
    }

    /// Stops a replica in good order.
    pub(crate) async fn stop(&mut self, replica: u64) {
        let member = self.members.get_mut(&replica).unwrap();
        member.group = None;
        member.process.take().expect("runs").stop().await;
    }

    /// The process dies, the machine goes on.
    pub(crate) async fn kill(&mut self, replica: u64) {
        let member = self.members.get_mut(&replica).unwrap();
        member.disk.kill();
        member.group = None;
        member.process.take().expect("runs").vanish().await;
    }

    /// A power cut: what is not synced may be gone.
    pub(crate) async fn crash(&mut self, replica: u64) {
        let member = self.members.get_mut(&replica).unwrap();
        member.disk.crash();
        member.group = None;
        member.process.take().expect("runs").vanish().await;
    }

    /// Starts a replica that crashed on an empty disk, under its old id: what must never happen, and may.
    pub(crate) async fn start_wiped(&mut self, replica: u64) {
        self.members.remove(&replica);
        self.founders.retain(|founder| founder.get() != replica);
        self.start(replica).await;
    }

    pub(crate) fn running(&self) -> Vec<u64> {
        let running = self.members.iter().filter(|(_, one)| one.group.is_some());
        running.map(|(replica, _)| *replica).collect()
    }

    /// The replica that serves.
    pub(crate) fn serving(&self) -> Option<u64> {
        let running = self.running().into_iter();
        running
            .filter(|replica| self.group(*replica).status().serves)
            .max_by_key(|replica| self.group(*replica).status().term)
    }

    /// Waits until a replica serves.
    pub(crate) async fn leader(&self) -> u64 {
        until(|| self.serving().is_some()).await;
        self.serving().expect("serves")
    }

    /// Appends a batch wherever it can be, trying again until it is acknowledged; returns its first offset.
    pub(crate) async fn produce(&self, batch: model::batch::Batch) -> u64 {
        let tried = async {
            loop {
                let leader = self.leader().await;
                match self.try_produce(leader, batch.clone()).await {
                    Some(
                        ProduceOutcome::Appended { base_offset, .. }
                        | ProduceOutcome::Duplicate { base_offset },
                    ) => return base_offset.get(),
                    None
                    | Some(
                        ProduceOutcome::NotLeader { .. }
                        | ProduceOutcome::NoQuorum
                        | ProduceOutcome::Unknown,
                    ) => {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    Some(refused) => panic!("{refused:?}"),
                }
            }
        };
        let tried = tokio::time::timeout(PATIENCE, tried).await;
        tried.expect("is acknowledged in time")
    }

    /// `None` where the proposal was not taken.
    pub(crate) async fn try_produce(
        &self,
        replica: u64,
        batch: model::batch::Batch,
    ) -> Option<ProduceOutcome> {
        let answers = Arc::new(Answers::default());
        let sink: Arc<dyn replication::AnswerSink> = answers.clone();
        self.group(replica).propose(batch, &sink, 0).await.ok()?;
        // A leader that has lost its followers answers once it learns of another, or has them back.
        let answer = tokio::time::timeout(ANSWER_PATIENCE, answers.wait_for(0)).await;
        Some(answer.unwrap_or(ProduceOutcome::Unknown))
    }

    /// Proposes without waiting for the outcome.
    pub(crate) async fn propose(&self, replica: u64, batch: model::batch::Batch) -> Proposed {
        let answers = Arc::new(Answers::default());
        let sink: Arc<dyn replication::AnswerSink> = answers.clone();
        // Refused at once or not: it must not be acknowledged.
        let _ = self.group(replica).propose(batch, &sink, 0).await;
        Proposed(answers)
    }

    /// Proposes all of them without waiting for their outcomes.
    pub(crate) async fn propose_all(
        &self,
        replica: u64,
        batches: impl Iterator<Item = model::batch::Batch>,
    ) -> Vec<Proposed> {
        let mut proposed = Vec::new();
        for batch in batches {
            proposed.push(self.propose(replica, batch).await);
        }
        proposed
    }

    /// Cuts a replica off from all others.
    pub(crate) fn cut_off(&self, replica: u64) {
        let others = self.members.keys().filter(|other| **other != replica);
        others.for_each(|other| self.network.cut(replica, *other));
    }

    /// Waits until another replica than this one serves: which.
    pub(crate) async fn successor_of(&self, old: u64) -> u64 {
        let running = self.running();
        let next = || {
            let mut others = running.iter().filter(|other| **other != old);
            others.find(|other| self.group(**other).status().serves)
        };
        until(|| next().is_some()).await;
        *next().expect("serves")
    }

    /// Hands leadership to a replica once it keeps up, and waits until it serves.
    pub(crate) async fn hand_over(&self, to: u64) {
        let (leader, replica) = (self.leader().await, ReplicaId::new(to));
        until(|| {
            let followers = self.group(leader).followers();
            followers
                .iter()
                .any(|f| f.replica == replica && f.is_in_sync)
        })
        .await;
        let handed = self.group(leader).transfer_leadership(replica).await;
        handed.expect("the leadership is handed over");
        until(|| self.serving() == Some(to)).await;
    }

    /// Waits until every running replica knows everything up to this offset as committed.
    pub(crate) async fn caught_up(&self, high_watermark: u64) {
        until(|| {
            self.running()
                .into_iter()
                .all(|replica| self.group(replica).status().high_watermark.get() >= high_watermark)
        })
        .await;
    }

    /// Whether all running replicas have the same entries, Raft's own included, byte for byte; looked at until they do.
    pub(crate) async fn same_logs(&self) {
        let log = |replica: u64| {
            let log = self.group(replica).log();
            let ends = log.ends();
            let mut entries = Vec::new();
            let mut next = ends.first_index;
            while let Some((last, _)) = {
                let more = log
                    .read_entries(next..ends.end_index, 1 << 20)
                    .expect("reads");
                entries.extend(more);
                entries.last().filter(|(last, _)| *last >= next)
            } {
                next = last.next();
            }
            entries
        };
        until(|| {
            let running = self.running();
            let logs: Vec<_> = running.into_iter().map(log).collect();
            let first = logs
                .iter()
                .filter_map(|log| log.first())
                .map(|(index, _)| *index)
                .max();
            let above = |entries: &[(model::LogIndex, model::batch::Batch)]| {
                let above = entries.iter().filter(|(index, _)| Some(*index) >= first);
                above.cloned().collect::<Vec<_>>()
            };
            logs.windows(2)
                .all(|pair| above(&pair[0]) == above(&pair[1]))
        })
        .await;
    }

    pub(crate) async fn stop_all(mut self) {
        for replica in self.running() {
            self.stop(replica).await;
        }
    }
}
