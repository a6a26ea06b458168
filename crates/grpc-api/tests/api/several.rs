//! Three brokers in one process, each with its API: any of them answers, and says who leads.

#[allow(dead_code, reason = "it serves the broker's own tests, too")]
#[path = "../../../broker/tests/broker/cluster/hearsay.rs"]
mod hearsay;
mod joining;
#[allow(dead_code, reason = "it serves other tests, too")]
#[path = "../../../replication/tests/groups/network.rs"]
mod network;
mod passed_on;
mod relay;

use std::sync::Arc;
use std::time::Duration;

use broker::{Broker, BrokerIdentity, BrokerSettings, Formation};
use futures_util::future::join_all;
use grpc_api::Settings;
use model::batch::Codec;
use model::{
    BrokerId, Clock, ClusterId, DiskId, PartitionIndex, ReplicaId, SystemClock, TopicName,
};
use replication::{Cores, Replication, ReplicationSettings};
use rpc::v1;
use rpc::v1::consumer_client::ConsumerClient;
use rpc::v1::producer_client::ProducerClient;
use rpc::v1::topic_client::TopicClient;
use segment_log::disk::SimulatedDisk;
use segment_log::{LogDirectory, LogDirectorySettings};
use tokio::net::TcpListener;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Request;
use tonic::transport::{Channel, Endpoint, Server};

use relay::Relay;

use crate::stage::{batch, encoded, from, plain, values};

const BROKERS: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(30);

struct Member {
    broker: Arc<Broker>,
    address: String,
    channel: Channel,
    /// The way of the others to its API.
    relay: Arc<Relay>,
    _cores: Arc<Cores>,
}

/// Three brokers that have formed a cluster.
struct Several(Vec<Member>);

impl Several {
    async fn open() -> Self {
        Self::open_on(Arc::default()).await
    }

    async fn open_on(network: Arc<network::Network>) -> Self {
        let hearsay = Arc::<hearsay::Hearsay>::default();
        let starting = (0..BROKERS).map(|id| member(id, network.clone(), hearsay.clone()));
        let several = Self(join_all(starting).await);
        for member in &several.0 {
            eventually(|| member.broker.readiness().is_ready()).await;
            // One may be ready before it knows of the others.
            eventually(|| member.broker.describe_cluster().brokers.len() == BROKERS as usize).await;
        }
        several
    }

    /// A topic whose every partition is led, as every broker knows.
    async fn create(&self, topic: &str, partitions: i32) {
        let request = v1::CreateTopicRequest {
            name: topic.to_owned(),
            partitions: Some(partitions),
            replication_factor: Some(3),
            ..v1::CreateTopicRequest::default()
        };
        let mut api = TopicClient::new(self.0[1].channel.clone());
        api.create_topic(request).await.unwrap();
        for partition in 0..partitions {
            self.leader(topic, partition).await;
        }
    }

    /// Which broker leads, as all of them say.
    async fn leader(&self, topic: &str, partition: i32) -> usize {
        let topic = TopicName::new(topic).unwrap();
        let partition = PartitionIndex::new(u32::try_from(partition).unwrap());
        let known = || {
            let said = self.0.iter().map(|m| m.broker.leader_of(&topic, partition));
            let mut said: Vec<_> = said.collect();
            said.dedup();
            let [Some(leader)] = said[..] else {
                return None;
            };
            Some(leader.get() as usize)
        };
        eventually(|| known().is_some()).await;
        known().unwrap()
    }

    fn producer(&self, via: usize) -> ProducerClient<Channel> {
        ProducerClient::new(self.0[via].channel.clone())
    }

    fn consumer(&self, via: usize) -> ConsumerClient<Channel> {
        ConsumerClient::new(self.0[via].channel.clone())
    }

    fn told(&self, leader: usize) -> Option<v1::Leader> {
        Some(v1::Leader {
            broker: i32::try_from(leader).unwrap(),
            grpc_address: self.0[leader].address.clone(),
        })
    }
}

async fn member(id: u32, network: Arc<network::Network>, hearsay: Arc<hearsay::Hearsay>) -> Member {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let direct = listener.local_addr().unwrap();
    let relay = Relay::before(direct).await;
    let address = relay.address.to_string();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let cores = Arc::new(Cores::start(1.try_into().unwrap()).unwrap());
    let disk = SimulatedDisk::new(id.into());
    let logs = LogDirectory::open(disk.mount(), clock.clone(), LogDirectorySettings::default());
    let replica = ReplicaId::new(id.into());
    let replication = Replication::open(
        logs.unwrap(),
        clock.clone(),
        cores.clone(),
        ReplicationSettings::new(replica),
        network.of(replica),
    );
    let settings = BrokerSettings {
        formation: Formation::Founded {
            cluster: ClusterId::from_bytes([3; 16]),
            initial_brokers: BROKERS,
        },
        ..BrokerSettings::new(BrokerIdentity {
            broker: BrokerId::new(id),
            disk: DiskId::from_bytes([id as u8; 16]),
            start_counter: 1,
            epoch: model::DiskEpoch::default(),
            grpc_address: address.clone(),
            peer_address: format!("broker-{id}:7701"),
            rack: None,
        })
    };
    let neighbours = hearsay.of(BrokerId::new(id));
    let broker = Broker::start_among(replication.unwrap(), neighbours, clock.clone(), settings);
    let broker = broker.await.unwrap();
    let api = grpc_api::routes(broker.clone(), clock, Settings::new("0.0.0-test"));
    let server = grpc_api::tuned(Server::builder(), 100).add_routes(api.await.unwrap().routes);
    let serving = server.serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(async move { serving.await.unwrap() });
    let channel = Endpoint::from_shared(format!("http://{direct}")).unwrap();
    Member {
        broker,
        channel: channel.connect_lazy(),
        address,
        relay,
        _cores: cores,
    }
}

async fn eventually(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}

fn forwarded<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let header = "1".parse().unwrap();
    request
        .metadata_mut()
        .insert("strandline-forwarded", header);
    request
}

#[tokio::test]
async fn any_broker_takes_batches_and_names_the_leader_of_those_it_passed_on() {
    let several = Several::open().await;
    several.create("t", 3).await;
    for via in 0..3 {
        let batches = (0..3).map(|partition| plain("t", partition, &["a", "b"]));
        let request = v1::ProduceRequest {
            batches: batches.collect(),
            acks: 0,
        };
        let answer = several.producer(via).produce(request).await.unwrap();
        for (partition, result) in (0..).zip(answer.into_inner().results) {
            assert_eq!((result.error, result.batch), (None, i64::from(partition)));
            assert_eq!(result.base_offset, via as i64 * 2);
            let leader = several.leader("t", partition).await;
            let expected = if leader == via {
                None
            } else {
                several.told(leader)
            };
            assert_eq!(result.leader, expected);
        }
    }
}

#[tokio::test]
async fn a_stream_through_another_broker_keeps_the_order_of_batches_and_results() {
    let several = Several::open().await;
    several.create("t", 3).await;
    let via = (several.leader("t", 0).await + 1) % 3;
    let requests = (0..300).map(|n| {
        let bytes = batch(&[&n.to_string()], Codec::None).to_bytes();
        let mut batch = encoded("t", bytes);
        batch.partition = Some(if n % 10 == 9 { 77 } else { n % 3 });
        v1::ProduceStreamRequest {
            batch: Some(batch),
            acks: 0,
        }
    });
    let requests: Vec<_> = requests.collect();
    let stream = several
        .producer(via)
        .produce_stream(tokio_stream::iter(requests))
        .await;
    let mut stream = stream.unwrap().into_inner();
    let mut results = Vec::new();
    while let Some(response) = stream.next().await {
        results.extend(response.unwrap().results);
    }
    assert_eq!(results.len(), 300);
    let mut next = [0; 3];
    for (number, result) in (0..).zip(&results) {
        assert_eq!(result.batch, number);
        if number % 10 == 9 {
            let reason = &result.error.as_ref().unwrap().reason;
            assert_eq!(reason, "UNKNOWN_PARTITION");
        } else {
            let end = &mut next[usize::try_from(number % 3).unwrap()];
            assert_eq!((&result.error, result.base_offset), (&None, *end));
            *end += 1;
        }
    }
}

#[tokio::test]
async fn what_was_passed_on_once_is_refused_with_the_leaders_address() {
    let several = Several::open().await;
    several.create("t", 1).await;
    let leader = several.leader("t", 0).await;
    let via = (leader + 1) % 3;
    let request = v1::ProduceRequest {
        batches: vec![plain("t", 0, &["v"])],
        acks: 0,
    };
    let answer = several.producer(via).produce(forwarded(request)).await;
    let error = answer.unwrap().into_inner().results.remove(0).error;
    let error = error.unwrap();
    assert_eq!(error.reason, "NOT_LEADER");
    assert_eq!(error.metadata["leader"], leader.to_string());
    assert_eq!(error.metadata["leader_address"], several.0[leader].address);
}

#[tokio::test]
async fn fetches_offsets_and_deletions_reach_the_leaders_of_all_partitions() {
    let several = Several::open().await;
    several.create("t", 3).await;
    let batches = (0..3).map(|partition| plain("t", partition, &["a", "b", "c"]));
    let request = v1::ProduceRequest {
        batches: batches.collect(),
        acks: 0,
    };
    several.producer(0).produce(request).await.unwrap();
    for via in 0..3 {
        let mut api = several.consumer(via);
        let request = v1::FetchRequest {
            partitions: (0..3).map(|partition| from("t", partition, 1)).collect(),
            max_wait_ms: 10_000,
            ..v1::FetchRequest::default()
        };
        let results = api.fetch(request).await.unwrap().into_inner().results;
        for (partition, result) in (0..).zip(results) {
            assert_eq!((result.partition, &result.error), (partition, &None));
            assert_eq!(values(&result.records), ["b", "c"]);
        }
        let query = |partition| v1::OffsetQuery {
            topic: "t".to_owned(),
            partition,
            position: Some(v1::offset_query::Position::Latest(v1::Latest {})),
        };
        let request = v1::ListOffsetsRequest {
            queries: (0..3).map(query).collect(),
            isolation: 0,
        };
        let results = api
            .list_offsets(request)
            .await
            .unwrap()
            .into_inner()
            .results;
        let offsets: Vec<_> = results.iter().map(|result| result.offset).collect();
        assert_eq!(offsets, [Some(3); 3]);
    }
    let delete = |partition| v1::DeleteRecordsPartition {
        topic: "t".to_owned(),
        partition,
        before_offset: Some(2),
    };
    let request = v1::DeleteRecordsRequest {
        partitions: (0..3).map(delete).collect(),
    };
    let mut api = TopicClient::new(several.0[2].channel.clone());
    let results = api
        .delete_records(request)
        .await
        .unwrap()
        .into_inner()
        .results;
    let starts: Vec<_> = results.iter().map(|r| (r.log_start, &r.error)).collect();
    assert_eq!(starts, [(2, &None); 3]);
}

#[tokio::test]
async fn a_fetch_that_waits_at_several_leaders_ends_with_the_first_record() {
    let several = Several::open().await;
    several.create("t", 3).await;
    let request = v1::FetchRequest {
        partitions: (0..3).map(|partition| from("t", partition, 0)).collect(),
        max_wait_ms: 20_000,
        ..v1::FetchRequest::default()
    };
    let mut api = several.consumer(0);
    let waiting = tokio::spawn(async move { api.fetch(request).await });
    // Whether it waits already or not, the answer is the same.
    let produced = v1::ProduceRequest {
        batches: vec![plain("t", 2, &["v"])],
        acks: 0,
    };
    several.producer(1).produce(produced).await.unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(15), waiting).await;
    let results = answer.unwrap().unwrap().unwrap().into_inner().results;
    assert_eq!(values(&results[2].records), ["v"]);
}

#[tokio::test]
async fn a_subscription_joins_what_several_leaders_have_within_the_credit() {
    let several = Several::open().await;
    several.create("t", 3).await;
    let (wishes, queue) = tokio::sync::mpsc::unbounded_channel();
    let wish = |request| v1::SubscribeRequest {
        request: Some(request),
    };
    let start = v1::SubscribeStart {
        partitions: (0..3).map(|partition| from("t", partition, 0)).collect(),
        credit_bytes: 4_000,
        ..v1::SubscribeStart::default()
    };
    wishes
        .send(wish(v1::subscribe_request::Request::Start(start)))
        .unwrap();
    let queue = tokio_stream::wrappers::UnboundedReceiverStream::new(queue);
    let mut stream = several
        .consumer(0)
        .subscribe(queue)
        .await
        .unwrap()
        .into_inner();
    let mut expected = Vec::new();
    for n in 0..60 {
        let value = format!("{n:0>100}");
        let request = v1::ProduceRequest {
            batches: vec![plain("t", n % 3, &[&value])],
            acks: 0,
        };
        several.producer(1).produce(request).await.unwrap();
        expected.push(value);
    }
    let mut seen = Vec::new();
    let mut ends = [0; 3];
    while seen.len() < expected.len() {
        let message = tokio::time::timeout(PATIENCE, stream.next()).await;
        let message = message.unwrap().unwrap().unwrap();
        for result in message.results {
            assert_eq!(result.error, None);
            for record in &result.records {
                let end = &mut ends[usize::try_from(result.partition).unwrap()];
                assert_eq!(record.offset, Some(*end));
                *end += 1;
            }
            seen.extend(values(&result.records));
        }
        if message.used_bytes > 0 {
            let credit = v1::subscribe_request::Request::CreditBytes(message.used_bytes);
            wishes.send(wish(credit)).unwrap();
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, expected);
}
