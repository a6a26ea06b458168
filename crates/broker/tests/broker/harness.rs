//! A broker on a disk, with everything below it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use broker::{
    Broker, BrokerIdentity, BrokerSettings, CreateTopic, FetchAnswer, FetchError, FetchPartition,
    FetchRequest, Neighbours, NoNeighbours, ProduceError, Produced, StartError,
};
use model::batch::{Batch, BatchBuilder, Codec, Records};
use model::clock::SimulatedClock;
use model::{Acks, BrokerId, DiskId, Offset, PartitionIndex, ReplicaId, Timestamp, TopicName};
use replication::peer::{NoPeers, Peers};
use replication::{Cores, Replication, ReplicationSettings};
use segment_log::disk::Disk;
use segment_log::{LogDirectory, LogDirectorySettings};

/// Long enough for a slow machine, short enough to find a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// When the simulated clock starts.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

pub(crate) struct Node {
    pub(crate) broker: Arc<Broker>,
    pub(crate) clock: SimulatedClock,
    directory: Arc<LogDirectory>,
    cores: Arc<Cores>,
}

pub(crate) fn settings() -> BrokerSettings {
    let identity = BrokerIdentity {
        broker: BrokerId::new(0),
        disk: DiskId::from_bytes([5; 16]),
        start_counter: 1,
        epoch: model::DiskEpoch::default(),
        grpc_address: "127.0.0.1:7700".to_owned(),
        peer_address: "127.0.0.1:7701".to_owned(),
        rack: None,
    };
    BrokerSettings {
        // Not in the way of what is tested.
        retention_interval: Duration::from_secs(3600),
        ..BrokerSettings::new(identity)
    }
}

pub(crate) async fn start(disk: Arc<dyn Disk>) -> Node {
    start_with(disk, settings())
        .await
        .expect("the broker starts")
}

pub(crate) async fn start_with(
    disk: Arc<dyn Disk>,
    settings: BrokerSettings,
) -> Result<Node, StartError> {
    let neighbours = Arc::new(NoNeighbours {
        broker: settings.identity.broker,
    });
    let groups = ReplicationSettings::new(ReplicaId::new(0));
    let around = Around {
        groups,
        peers: Arc::new(NoPeers),
        neighbours,
    };
    start_among(disk, settings, around).await
}

/// What a broker has beside its disk.
pub(crate) struct Around {
    pub(crate) groups: ReplicationSettings,
    pub(crate) peers: Arc<dyn Peers>,
    pub(crate) neighbours: Arc<dyn Neighbours>,
}

pub(crate) async fn start_among(
    disk: Arc<dyn Disk>,
    settings: BrokerSettings,
    around: Around,
) -> Result<Node, StartError> {
    let clock = SimulatedClock::new(START);
    let shared: Arc<dyn model::Clock> = Arc::new(clock.clone());
    let limits = LogDirectorySettings {
        sync_threads: 2,
        ..LogDirectorySettings::default()
    };
    let directory = LogDirectory::open(disk, shared.clone(), limits).expect("the directory opens");
    let cores = Arc::new(Cores::start(NonZeroUsize::MIN).expect("a core starts"));
    let replication = Replication::open(
        directory.clone(),
        shared.clone(),
        cores.clone(),
        around.groups,
        around.peers,
    );
    let replication = replication.expect("the votes open");
    let started = tokio::time::timeout(
        PATIENCE,
        Broker::start_among(replication, around.neighbours, shared, settings),
    );
    Ok(Node {
        broker: started.await.expect("the start ends")?,
        clock,
        directory,
        cores,
    })
}

impl Node {
    /// Stops in good order.
    pub(crate) async fn stop(self) {
        let stopped = tokio::time::timeout(PATIENCE, self.broker.shutdown());
        stopped.await.expect("the shutdown ends");
        let closing = move || {
            // A disk that failed makes this fail; there is nothing left to do about it.
            let _ = self.directory.close();
            self.cores.shutdown();
        };
        tokio::task::spawn_blocking(closing).await.expect("closes");
    }

    pub(crate) async fn create(&self, topic: &str, partitions: u32, configs: &[(&str, &str)]) {
        let configs = configs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let wanted = CreateTopic {
            name: name(topic),
            partitions: Some(partitions),
            replication_factor: None,
            configs: configs.collect(),
            validate_only: false,
        };
        self.broker
            .create_topic(wanted)
            .await
            .expect("the topic is created");
    }

    pub(crate) async fn set(&self, topic: &str, config: &str, value: &str) {
        let set = BTreeMap::from([(config.to_owned(), value.to_owned())]);
        let topic = name(topic);
        let updated = self
            .broker
            .update_topic(&topic, set, Default::default(), false);
        updated.await.expect("the config is set");
    }

    /// Produces one batch to partition 0 and waits for its result.
    pub(crate) async fn produce(
        &self,
        topic: &str,
        batch: Batch,
    ) -> Result<Produced, ProduceError> {
        self.produce_all(topic, vec![batch]).await.remove(0)
    }

    /// Produces batches to partition 0, all in flight at once.
    pub(crate) async fn produce_all(
        &self,
        topic: &str,
        batches: Vec<Batch>,
    ) -> Vec<Result<Produced, ProduceError>> {
        let count = batches.len();
        let (mut session, mut results) = self.broker.produce_session();
        let submit = async {
            for (tag, batch) in (0..).zip(batches) {
                session
                    .submit(
                        &name(topic),
                        PartitionIndex::new(0),
                        batch,
                        Acks::Quorum,
                        tag,
                    )
                    .await;
            }
            drop(session);
        };
        let mut taken = Vec::new();
        let take = async { while results.next_ready(&mut taken).await {} };
        let both = async { tokio::join!(submit, take) };
        tokio::time::timeout(PATIENCE, both)
            .await
            .expect("every batch has a result");
        let tags: Vec<_> = taken.iter().map(|result| result.tag).collect();
        assert_eq!(tags, (0..count as u64).collect::<Vec<_>>());
        taken.into_iter().map(|result| result.outcome).collect()
    }

    /// Produces batches of one value each; all must be acknowledged.
    pub(crate) async fn produce_values(
        &self,
        topic: &str,
        values: impl IntoIterator<Item = String>,
    ) {
        let batches = values.into_iter().map(|value| batch(&[&value])).collect();
        for outcome in self.produce_all(topic, batches).await {
            outcome.expect("the batch is acknowledged");
        }
    }

    pub(crate) async fn fetch(&self, topic: &str, offset: u64) -> FetchAnswer {
        self.broker
            .fetch(request(topic, offset, Duration::ZERO))
            .await
    }

    /// Waits for records much longer than any test has patience for.
    pub(crate) async fn fetch_waiting(&self, topic: &str, offset: u64) -> FetchAnswer {
        let fetch = self.broker.fetch(request(topic, offset, 10 * PATIENCE));
        let answered = tokio::time::timeout(PATIENCE, fetch).await;
        answered.expect("it is answered before it has waited in vain")
    }

    /// Every value of partition 0, from the log start to the end as it is now.
    pub(crate) async fn values(&self, topic: &str) -> Vec<String> {
        self.try_values(topic).await.expect("reads")
    }

    pub(crate) async fn try_values(&self, topic: &str) -> Result<Vec<String>, FetchError> {
        let described = self.broker.topic(&name(topic)).expect("the topic exists");
        let mut at = described.partitions[0].log_start;
        let mut values = Vec::new();
        loop {
            let answer = self.fetch(topic, at.get()).await;
            let read = answer.partitions[0].as_ref().map_err(Clone::clone)?;
            for run in &read.batches {
                values.extend(values_in(run.clone(), at));
            }
            if read.next_offset == at {
                return Ok(values);
            }
            at = read.next_offset;
        }
    }
}

/// Waits until something that happens in the background has happened.
pub(crate) async fn eventually(what: &str, mut has_happened: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !has_happened().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
        panic!("in vain: {what}");
    }
}

/// The values of the batches in `run`, from offset `from` on.
pub(crate) fn values_in(mut run: bytes::Bytes, from: Offset) -> Vec<String> {
    let mut values = Vec::new();
    while !run.is_empty() {
        let batch = Batch::split_off(&mut run).expect("a batch");
        batch.check_crc().expect("a sound batch");
        for record in Records::of(&batch, 1 << 20).expect("records") {
            let record = record.expect("a record");
            if record.offset >= from {
                values.push(
                    String::from_utf8(record.value.expect("a value").to_vec()).expect("text"),
                );
            }
        }
    }
    values
}

pub(crate) fn request(topic: &str, offset: u64, wait_max: Duration) -> FetchRequest {
    FetchRequest {
        partitions: vec![FetchPartition {
            topic: name(topic),
            partition: PartitionIndex::new(0),
            offset: Offset::new(offset),
            bytes_max: None,
        }],
        wait_max,
        bytes_min: 1,
        bytes_max: None,
    }
}

pub(crate) fn name(text: &str) -> TopicName {
    TopicName::new(text).expect("a legal name")
}

/// A batch of these values, created when the clock starts.
pub(crate) fn batch(values: &[&str]) -> Batch {
    batch_at(values, START)
}

pub(crate) fn batch_at(values: &[&str], time: Timestamp) -> Batch {
    let mut builder = BatchBuilder::new(Codec::None);
    for value in values {
        builder.push(time, None, Some(value.as_bytes()), &[]);
    }
    builder.build().expect("a batch")
}

/// `<prefix>0`, `<prefix>1` …
pub(crate) fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{prefix}{number}"))
        .collect()
}
