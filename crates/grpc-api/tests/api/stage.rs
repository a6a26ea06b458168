//! A broker with its API on a loopback port, and clients for it.

use std::sync::Arc;

use broker::{Broker, BrokerIdentity, BrokerSettings};
use bytes::Bytes;
use grpc_api::{Settings, Stop};
use model::batch::{Batch, Codec};
use model::{BrokerId, Clock, DiskId, ReplicaId, SystemClock, Timestamp};
use replication::peer::NoPeers;
use replication::{Cores, Replication, ReplicationSettings};
use rpc::v1;
use rpc::v1::cluster_client::ClusterClient;
use rpc::v1::consumer_client::ConsumerClient;
use rpc::v1::producer_client::ProducerClient;
use rpc::v1::topic_client::TopicClient;
use segment_log::disk::RealDisk;
use segment_log::{LogDirectory, LogDirectorySettings};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Status;
use tonic::transport::{Channel, Endpoint, Server};

/// A broker whose API is served until this is dropped.
pub(crate) struct Stage {
    pub(crate) broker: Arc<Broker>,
    pub(crate) channel: Channel,
    pub(crate) stop: Stop,
    _cores: Arc<Cores>,
    _directory: TempDir,
}

impl Stage {
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| {}, |_| {}).await
    }

    pub(crate) async fn open_with(
        set_broker: impl FnOnce(&mut BrokerSettings),
        set_api: impl FnOnce(&mut Settings),
    ) -> Self {
        let directory = TempDir::new().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let cores = Arc::new(Cores::start(1.try_into().unwrap()).unwrap());
        let disk = Arc::new(RealDisk::new(directory.path()));
        let logs = LogDirectory::open(disk, clock.clone(), LogDirectorySettings::default());
        let replication = Replication::open(
            logs.unwrap(),
            clock.clone(),
            cores.clone(),
            ReplicationSettings::new(ReplicaId::new(0)),
            Arc::new(NoPeers),
        );
        let mut broker_settings = BrokerSettings::new(BrokerIdentity {
            broker: BrokerId::new(0),
            disk: DiskId::from_bytes([7; 16]),
            start_counter: 1,
            epoch: model::DiskEpoch::default(),
            grpc_address: "127.0.0.1:7700".to_owned(),
            peer_address: "127.0.0.1:7701".to_owned(),
            rack: None,
        });
        set_broker(&mut broker_settings);
        let broker = Broker::start(replication.unwrap(), clock.clone(), broker_settings);
        let broker = broker.await.unwrap();
        let mut settings = Settings::new("0.0.0-test");
        set_api(&mut settings);
        let api = grpc_api::routes(broker.clone(), clock, settings)
            .await
            .unwrap();
        grpc_api::set_serving(&api.health, true).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = grpc_api::tuned(Server::builder(), 100).add_routes(api.routes);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        let channel = Endpoint::from_shared(format!("http://{address}"))
            .unwrap()
            .connect_lazy();
        Self {
            broker,
            channel,
            stop: api.stop,
            _cores: cores,
            _directory: directory,
        }
    }

    pub(crate) fn producer(&self) -> ProducerClient<Channel> {
        let client = ProducerClient::new(self.channel.clone());
        client.max_encoding_message_size(usize::MAX)
    }

    pub(crate) fn consumer(&self) -> ConsumerClient<Channel> {
        let client = ConsumerClient::new(self.channel.clone());
        client.max_decoding_message_size(32 << 20)
    }

    pub(crate) fn topics(&self) -> TopicClient<Channel> {
        TopicClient::new(self.channel.clone())
    }

    pub(crate) fn cluster(&self) -> ClusterClient<Channel> {
        ClusterClient::new(self.channel.clone())
    }

    pub(crate) async fn create(&self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        let configs = configs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let request = v1::CreateTopicRequest {
            name: name.to_owned(),
            partitions: Some(partitions),
            configs: configs.collect(),
            ..v1::CreateTopicRequest::default()
        };
        self.topics().create_topic(request).await.unwrap();
    }

    /// Produces batches in one call, waiting for the quorum.
    pub(crate) async fn produce(&self, batches: Vec<v1::ProduceBatch>) -> Vec<v1::ProduceResult> {
        let request = v1::ProduceRequest { batches, acks: 0 };
        let response = self.producer().produce(request).await.unwrap();
        response.into_inner().results
    }

    /// What one partition has from an offset on.
    pub(crate) async fn fetch(
        &self,
        topic: &str,
        offset: i64,
        format: v1::RecordFormat,
    ) -> v1::FetchResult {
        let request = v1::FetchRequest {
            partitions: vec![from(topic, 0, offset)],
            format: format.into(),
            ..v1::FetchRequest::default()
        };
        let response = self.consumer().fetch(request).await.unwrap();
        response.into_inner().results.remove(0)
    }
}

/// From where to read.
pub(crate) fn from(topic: &str, partition: i32, offset: i64) -> v1::FetchPartition {
    v1::FetchPartition {
        topic: topic.to_owned(),
        partition,
        offset,
        max_bytes: 0,
    }
}

/// A record with nothing but a value.
pub(crate) fn value(value: &str) -> v1::Record {
    v1::Record {
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
        ..v1::Record::default()
    }
}

/// Plain records for a partition.
pub(crate) fn plain(topic: &str, partition: i32, values: &[&str]) -> v1::ProduceBatch {
    let records = v1::PlainRecords {
        records: values.iter().copied().map(value).collect(),
        ..v1::PlainRecords::default()
    };
    v1::ProduceBatch {
        topic: topic.to_owned(),
        partition: Some(partition),
        payload: Some(v1::produce_batch::Payload::Records(records)),
        expected_base_offset: None,
    }
}

/// The bytes of a batch for partition 0.
pub(crate) fn encoded(topic: &str, bytes: impl Into<Bytes>) -> v1::ProduceBatch {
    v1::ProduceBatch {
        topic: topic.to_owned(),
        partition: Some(0),
        payload: Some(v1::produce_batch::Payload::Encoded(bytes.into())),
        expected_base_offset: None,
    }
}

/// A sound batch.
pub(crate) fn batch(values: &[&str], codec: Codec) -> Batch {
    let records: Vec<_> = values.iter().copied().map(value).collect();
    rpc::encode(&records, codec, None, SystemClock.now()).unwrap()
}

/// The values of records, as text.
pub(crate) fn values(records: &[v1::Record]) -> Vec<String> {
    let text = |record: &v1::Record| {
        let value = record.value.clone().unwrap_or_default();
        String::from_utf8_lossy(&value).into_owned()
    };
    records.iter().map(text).collect()
}

/// The reason of a failed call.
pub(crate) fn reason<T>(answer: Result<T, Status>) -> String {
    v1::Error::from_status(&answer.err().unwrap()).reason
}

/// The reason inside a result.
pub(crate) fn reason_in(error: Option<v1::Error>) -> String {
    error.unwrap_or_default().reason
}

/// Some time that a batch may have.
pub(crate) fn some_time() -> Timestamp {
    Timestamp::from_millis(1_000_000)
}
