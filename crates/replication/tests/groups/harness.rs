//! A broker's worth of groups that can be stopped, crashed and opened again.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use model::batch::{Batch, BatchBuilder, Codec, ProducerStamp};
use model::clock::SimulatedClock;
use model::{Offset, PartitionIndex, ProducerId, ReplicaId, Timestamp, TopicId};
use parking_lot::Mutex;
use replication::peer::{NoPeers, Peers};
use replication::{
    AnswerSink, Cores, GroupStart, GroupStatus, LogGroup, OpenGroupError, ProduceOutcome,
    ProposeError, Replication, ReplicationSettings,
};
use segment_log::disk::Disk;
use segment_log::{LogDirectory, LogDirectorySettings, LogSettings};
use tokio::sync::watch;

/// Long enough for any machine; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const TOPIC: TopicId = TopicId::from_bytes([7; 16]);

/// One process: a log directory, its cores, its groups.
pub(crate) struct Process {
    pub(crate) replication: Arc<Replication>,
    directory: Arc<LogDirectory>,
    cores: Arc<Cores>,
}

impl Process {
    pub(crate) fn start(disk: Arc<dyn Disk>) -> Self {
        Self::with(disk, |_| ())
    }

    /// A process among others.
    pub(crate) fn member(disk: Arc<dyn Disk>, replica: ReplicaId, peers: Arc<dyn Peers>) -> Self {
        Self::connected(disk, peers, |settings| settings.replica = replica)
    }

    /// A process among others that feeds a slow follower no longer than this while the log is to go.
    pub(crate) fn impatient(
        disk: Arc<dyn Disk>,
        replica: ReplicaId,
        peers: Arc<dyn Peers>,
        patience: Duration,
    ) -> Self {
        Self::connected(disk, peers, |settings| {
            settings.replica = replica;
            settings.follower_patience = patience;
        })
    }

    pub(crate) fn with(disk: Arc<dyn Disk>, change: impl FnOnce(&mut ReplicationSettings)) -> Self {
        Self::connected(disk, Arc::new(NoPeers), change)
    }

    fn connected(
        disk: Arc<dyn Disk>,
        peers: Arc<dyn Peers>,
        change: impl FnOnce(&mut ReplicationSettings),
    ) -> Self {
        let clock = Arc::new(SimulatedClock::new(Timestamp::from_millis(1_000_000)));
        let settings = LogDirectorySettings {
            sync_threads: 2,
            ..LogDirectorySettings::default()
        };
        let directory = LogDirectory::open(disk, clock.clone(), settings).expect("opens");
        let cores = Arc::new(Cores::start(NonZeroUsize::new(2).unwrap()).expect("starts"));
        let mut settings = ReplicationSettings::new(ReplicaId::new(0));
        change(&mut settings);
        let replication =
            Replication::open(directory.clone(), clock, cores.clone(), settings, peers);
        let replication = replication.expect("opens");
        Self {
            replication,
            directory,
            cores,
        }
    }

    pub(crate) async fn open(&self, settings: &LogSettings) -> Result<LogGroup, OpenGroupError> {
        self.open_as(settings, alone()).await
    }

    pub(crate) async fn open_as(
        &self,
        settings: &LogSettings,
        start: GroupStart,
    ) -> Result<LogGroup, OpenGroupError> {
        let partition = PartitionIndex::new(0);
        let opened = self
            .replication
            .open_log_group(TOPIC, partition, settings.clone(), start, 0);
        opened.await
    }

    /// Opens the partition and waits until it serves.
    pub(crate) async fn serve(&self, settings: &LogSettings) -> LogGroup {
        let group = self.open(settings).await.expect("the group opens");
        let status = serving(&group).await;
        assert!(status.serves, "{status:?}");
        group
    }

    /// As SIGTERM does it.
    pub(crate) async fn stop(self) {
        self.replication.shutdown().await;
        let directory = self.directory.clone();
        let closed = tokio::task::spawn_blocking(move || directory.close());
        closed.await.unwrap().expect("everything is synced");
        self.vanish().await;
    }

    /// Drops everything; what the disk makes of it is up to the caller.
    pub(crate) async fn vanish(self) {
        self.replication.shutdown().await;
        let gone = tokio::task::spawn_blocking(move || {
            self.cores.shutdown();
            drop(self.replication);
        });
        gone.await.unwrap();
    }
}

/// A group of this replica alone.
pub(crate) fn alone() -> GroupStart {
    GroupStart::alone(ReplicaId::new(0))
}

pub(crate) async fn serving(group: &LogGroup) -> GroupStatus {
    tokio::time::timeout(PATIENCE, group.serving())
        .await
        .expect("serves or stops in time")
}

/// Small segments, so that a test sees many.
pub(crate) fn small_segments() -> LogSettings {
    LogSettings {
        segment_bytes: 1_000,
        index_interval_bytes: 200,
        tail_cache_bytes: 500,
        ..LogSettings::default()
    }
}

/// Collects outcomes by tag.
#[derive(Default)]
pub(crate) struct Answers {
    found: Mutex<HashMap<u64, ProduceOutcome>>,
    count: watch::Sender<usize>,
}

impl AnswerSink for Answers {
    fn answer(&self, tag: u64, outcome: ProduceOutcome) {
        let twice = self.found.lock().insert(tag, outcome);
        assert!(twice.is_none(), "tag {tag} was answered twice");
        self.count.send_modify(|count| *count += 1);
    }
}

impl Answers {
    pub(crate) async fn wait_for(&self, tag: u64) -> ProduceOutcome {
        let mut count = self.count.subscribe();
        let found = count.wait_for(|_| self.found.lock().contains_key(&tag));
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.expect("is answered in time").expect("lives");
        self.get(tag).unwrap()
    }

    pub(crate) fn get(&self, tag: u64) -> Option<ProduceOutcome> {
        self.found.lock().get(&tag).cloned()
    }
}

/// Proposes one batch and waits for its outcome.
pub(crate) async fn produce(
    group: &LogGroup,
    batch: Batch,
) -> Result<ProduceOutcome, ProposeError> {
    let answers = Arc::new(Answers::default());
    let sink: Arc<dyn AnswerSink> = answers.clone();
    group.propose(batch, &sink, 0).await?;
    Ok(answers.wait_for(0).await)
}

pub(crate) async fn append(group: &LogGroup, batch: Batch) -> Offset {
    match produce(group, batch).await {
        Ok(ProduceOutcome::Appended { base_offset, .. }) => base_offset,
        other => panic!("{other:?}"),
    }
}

/// A batch of `records` records, each with the value `text`.
pub(crate) fn batch(text: &str, records: u32) -> Batch {
    build(BatchBuilder::new(Codec::None), text, records)
}

pub(crate) fn stamped(producer: u64, epoch: i16, sequence: i32, records: u32) -> Batch {
    let stamp = ProducerStamp {
        id: ProducerId::new(producer),
        epoch,
        base_sequence: sequence,
    };
    let builder = BatchBuilder::new(Codec::None).with_producer(stamp);
    build(builder, &format!("{producer}/{epoch}/{sequence}"), records)
}

fn build(mut builder: BatchBuilder, text: &str, records: u32) -> Batch {
    for _ in 0..records {
        builder.push(
            Timestamp::from_millis(1_000),
            None,
            Some(text.as_bytes()),
            &[],
        );
    }
    builder.build().expect("builds")
}

/// Every batch from `from` to the high watermark.
pub(crate) fn read_all(group: &LogGroup, from: Offset) -> Vec<Batch> {
    let mut found = Vec::new();
    let mut next = from;
    loop {
        let fetched = group.read(next, 1_000).expect("reads");
        if fetched.bytes == 0 {
            return found;
        }
        for mut run in fetched.batches {
            while !run.is_empty() {
                found.push(Batch::split_off(&mut run).expect("a whole batch"));
            }
        }
        next = fetched.next_offset;
    }
}

/// Waits until something is so that nobody tells of: it is looked at every few milliseconds.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    let looked = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let looked = tokio::time::timeout(PATIENCE, looked).await;
    looked.expect("it becomes so in time");
}
