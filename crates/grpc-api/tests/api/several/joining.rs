//! A broker that has not joined yet: it knows nothing, or what was so in its last life, and sends everybody on.

use std::sync::Arc;

use futures_util::future::join_all;
use rpc::v1;
use rpc::v1::cluster_client::ClusterClient;
use rpc::v1::consumer_client::ConsumerClient;
use rpc::v1::producer_client::ProducerClient;
use rpc::v1::topic_client::TopicClient;
use tonic::{Code, Status};

use super::{BROKERS, Member, eventually, hearsay, member, network};
use crate::stage::{from, plain};

const TOPIC: &str = "t";

#[tokio::test]
async fn a_broker_that_has_not_joined_says_not_ready_instead_of_what_it_knew() {
    let network = Arc::<network::Network>::default();
    let hearsay = Arc::<hearsay::Hearsay>::default();
    for other in 0..2 {
        network.cut(2, other);
    }
    let starting = (0..BROKERS).map(|id| member(id, network.clone(), hearsay.clone()));
    let members = join_all(starting).await;
    eventually(|| members[0].broker.joined().is_ok()).await;
    let create = v1::CreateTopicRequest {
        name: TOPIC.to_owned(),
        partitions: Some(1),
        ..v1::CreateTopicRequest::default()
    };
    let mut topics = TopicClient::new(members[0].channel.clone());
    topics.create_topic(create.clone()).await.unwrap();

    for (call, refused) in reads(&members[2]).await {
        not_ready(call, &refused.expect_err(call));
    }
    let mut topics = TopicClient::new(members[2].channel.clone());
    let refused = topics.create_topic(create).await;
    not_ready("CreateTopic", &refused.unwrap_err());
    for error in records(&members[2]).await {
        assert_eq!(error.unwrap().reason, "NOT_READY");
    }

    network.heal();
    eventually(|| members[2].broker.joined().is_ok()).await;
    for (call, answer) in reads(&members[2]).await {
        answer.expect(call);
    }
}

/// Every call that only looks.
async fn reads(member: &Member) -> Vec<(&'static str, Result<(), Status>)> {
    let mut topics = TopicClient::new(member.channel.clone());
    let mut cluster = ClusterClient::new(member.channel.clone());
    let get = v1::GetTopicRequest {
        name: TOPIC.to_owned(),
    };
    let partitions = v1::DescribePartitionsRequest {
        topics: vec![TOPIC.to_owned()],
        create_missing: true,
    };
    macro_rules! asked {
        ($($name:literal: $call:expr),* $(,)?) => { vec![$(($name, $call.await.map(|_| ()))),*] };
    }
    asked![
        "GetTopic": topics.get_topic(get),
        "ListTopics": topics.list_topics(v1::ListTopicsRequest::default()),
        "DescribeCluster": cluster.describe_cluster(v1::DescribeClusterRequest {}),
        "ListBrokers": cluster.list_brokers(v1::ListBrokersRequest {}),
        "DescribePartitions": cluster.describe_partitions(partitions),
        "ListMoves": cluster.list_moves(v1::ListMovesRequest { broker: None }),
    ]
}

/// What is said of the topic's records.
async fn records(member: &Member) -> [Option<v1::Error>; 2] {
    let mut producer = ProducerClient::new(member.channel.clone());
    let produce = v1::ProduceRequest {
        batches: vec![plain(TOPIC, 0, &["v"])],
        acks: 0,
    };
    let produced = producer.produce(produce).await.unwrap().into_inner();
    let mut consumer = ConsumerClient::new(member.channel.clone());
    let fetch = v1::FetchRequest {
        partitions: vec![from(TOPIC, 0, 0)],
        ..v1::FetchRequest::default()
    };
    let fetched = consumer.fetch(fetch).await.unwrap().into_inner();
    [
        produced.results[0].error.clone(),
        fetched.results[0].error.clone(),
    ]
}

fn not_ready(call: &str, status: &Status) {
    assert_eq!(status.code(), Code::Unavailable, "{call}: {status}");
    let error = v1::Error::from_status(status);
    assert_eq!(error.reason, "NOT_READY", "{call}: {status}");
    assert!(error.message.contains("has not joined"), "{call}: {status}");
}
