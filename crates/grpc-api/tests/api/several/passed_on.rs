//! Batches that are passed on to a leader from which no answer comes, or none that says anything: without sequence
//! numbers they are sent once, and nobody is told that they were not written where they may have been.

use std::sync::Arc;

use rpc::v1;

use super::{PATIENCE, Several, eventually, network};
use crate::stage::{from, plain, values};

fn request(value: &str) -> v1::ProduceRequest {
    v1::ProduceRequest {
        batches: vec![plain("t", 0, &[value])],
        acks: 0,
    }
}

/// Three brokers, the leader of the one partition, and another one.
async fn stage(network: Arc<network::Network>) -> (Several, usize, usize) {
    let several = Several::open_on(network).await;
    several.create("t", 1).await;
    let leader = several.leader("t", 0).await;
    (several, leader, (leader + 1) % 3)
}

fn cut_off(network: &network::Network, leader: usize) {
    for other in (0..3).filter(|other| *other != leader) {
        network.cut(leader as u64, other as u64);
    }
}

/// Another leads, and the old one knows it; then this value alone is there.
async fn only_this_is_there(several: &Several, network: &network::Network, old: usize) {
    let others = (0..3).filter(|other| *other != old);
    let others: Vec<_> = others.map(|other| &several.0[other].broker).collect();
    let topic = model::TopicName::new("t").unwrap();
    let partition = model::PartitionIndex::new(0);
    eventually(|| {
        let leader = |broker: &&Arc<broker::Broker>| broker.leader_of(&topic, partition);
        others
            .iter()
            .all(|broker| leader(broker).is_some_and(|leader| leader.get() as usize != old))
    })
    .await;
    network.heal();
    let leader = several.leader("t", 0).await;
    let answer = several.producer(leader).produce(request("later")).await;
    let result = answer.unwrap().into_inner().results.remove(0);
    assert_eq!((result.error, result.base_offset), (None, 0));
    let fetch = v1::FetchRequest {
        partitions: vec![from("t", 0, 0)],
        ..v1::FetchRequest::default()
    };
    let fetched = several.consumer(leader).fetch(fetch).await.unwrap();
    assert_eq!(values(&fetched.into_inner().results[0].records), ["later"]);
}

#[tokio::test]
async fn a_batch_whose_leader_lost_its_quorum_has_an_unknown_outcome_and_is_not_sent_to_the_next_one()
 {
    let network = Arc::<network::Network>::default();
    let (several, leader, via) = stage(network.clone()).await;
    cut_off(&network, leader);
    let mut api = several.producer(via);
    let answer = tokio::time::timeout(PATIENCE, api.produce(request("v"))).await;
    let result = answer.unwrap().unwrap().into_inner().results.remove(0);
    let error = result.error.unwrap();
    assert_eq!(error.reason, "OUTCOME_UNKNOWN", "{}", error.message);
    only_this_is_there(&several, &network, leader).await;
}

#[tokio::test]
async fn a_batch_behind_which_the_connection_to_its_leader_broke_has_an_unknown_outcome_and_is_not_sent_again()
 {
    const BYTES: usize = 1 << 18;
    let network = Arc::<network::Network>::default();
    let (several, leader, via) = stage(network.clone()).await;
    cut_off(&network, leader);
    let relay = &several.0[leader].relay;
    let (mut api, before) = (several.producer(via), relay.bytes());
    let producing = tokio::spawn(async move { api.produce(request(&"v".repeat(BYTES))).await });
    eventually(|| relay.bytes() > before + BYTES as u64).await;
    relay.break_off().await;
    let answer = tokio::time::timeout(PATIENCE, producing).await.unwrap();
    let result = answer.unwrap().unwrap().into_inner().results.remove(0);
    let error = result.error.unwrap();
    assert_eq!(error.reason, "OUTCOME_UNKNOWN", "{}", error.message);
    only_this_is_there(&several, &network, leader).await;
}

#[tokio::test]
async fn a_batch_for_a_leader_that_is_not_reached_is_refused_and_was_not_sent() {
    let several = Several::open().await;
    several.create("t", 1).await;
    let leader = several.leader("t", 0).await;
    several.0[leader].relay.break_off().await;
    let via = (leader + 1) % 3;
    let request = v1::ProduceRequest {
        batches: vec![plain("t", 0, &["v"])],
        acks: 0,
    };
    let mut api = several.producer(via);
    let produced = api.produce(request);
    let answer = tokio::time::timeout(PATIENCE, produced).await.unwrap();
    let error = answer
        .unwrap()
        .into_inner()
        .results
        .remove(0)
        .error
        .unwrap();
    assert_eq!(error.reason, "NOT_LEADER", "{}", error.message);
}
