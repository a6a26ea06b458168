use std::time::{Duration, Instant};

use broker::{BrokerSettings, FetchError, FetchPartition, FetchRequest, PartitionError};
use model::{Offset, PartitionIndex};
use segment_log::disk::SimulatedDisk;

use crate::harness::{
    Node, PATIENCE, batch, name, numbered, request, settings, start, start_with, values_in,
};

async fn node() -> Node {
    start(SimulatedDisk::new(1).mount()).await
}

#[tokio::test]
async fn what_was_produced_is_fetched_and_the_end_is_empty() {
    let node = node().await;
    node.produce_values("t", numbered("v", 50)).await;
    assert_eq!(node.values("t").await, numbered("v", 50));
    let answer = node.fetch("t", 50).await;
    let read = answer.partitions[0].as_ref().unwrap();
    assert!(read.batches.is_empty());
    assert_eq!(read.high_watermark, Offset::new(50));
    assert_eq!(read.next_offset, Offset::new(50));
    node.stop().await;
}

#[tokio::test]
async fn offsets_outside_the_log_are_refused_with_its_ends() {
    let node = node().await;
    node.produce_values("t", numbered("v", 10)).await;
    node.broker
        .delete_records(&name("t"), PartitionIndex::new(0), Some(Offset::new(4)))
        .await
        .unwrap();
    let (topic, partition) = (name("t"), PartitionIndex::new(0));
    let below = node.fetch("t", 3).await.partitions.remove(0).unwrap_err();
    assert_eq!(
        below,
        FetchError::BelowLogStart {
            topic: topic.clone(),
            partition,
            wanted: Offset::new(3),
            log_start: Offset::new(4),
        }
    );
    let above = node.fetch("t", 11).await.partitions.remove(0).unwrap_err();
    assert_eq!(
        above,
        FetchError::AboveLogEnd {
            topic,
            partition,
            wanted: Offset::new(11),
            log_end: Offset::new(10),
        }
    );
    node.stop().await;
}

#[tokio::test]
async fn a_fetch_at_the_end_waits_until_something_is_produced() {
    let node = node().await;
    node.create("t", 1, &[]).await;
    let broker = node.broker.clone();
    let waiting = tokio::spawn(async move { broker.fetch(request("t", 0, PATIENCE)).await });
    // Whether it waits already or not, it must see what comes.
    tokio::task::yield_now().await;
    let started = Instant::now();
    node.produce("t", batch(&["v"])).await.unwrap();
    let answer = waiting.await.unwrap();
    assert!(started.elapsed() < PATIENCE / 2);
    let read = answer.partitions[0].as_ref().unwrap();
    assert_eq!(values_in(read.batches[0].clone(), Offset::ZERO), ["v"]);
    node.stop().await;
}

#[tokio::test]
async fn a_fetch_that_waits_in_vain_answers_empty_in_time() {
    let node = node().await;
    node.create("t", 1, &[]).await;
    let answer = node
        .broker
        .fetch(request("t", 0, Duration::from_millis(30)))
        .await;
    assert_eq!(answer.partitions[0].as_ref().unwrap().bytes, 0);
    node.stop().await;
}

#[tokio::test]
async fn a_fetch_waits_for_the_bytes_it_asks_for_across_partitions() {
    let node = node().await;
    node.create("a", 1, &[]).await;
    node.create("b", 1, &[]).await;
    let wanted = FetchRequest {
        partitions: [request("a", 0, PATIENCE), request("b", 0, PATIENCE)]
            .into_iter()
            .flat_map(|request| request.partitions)
            .collect(),
        wait_max: PATIENCE,
        bytes_min: 2 * batch(&["v"]).total_bytes() as u64,
        bytes_max: None,
    };
    let broker = node.broker.clone();
    let waiting = tokio::spawn(async move { broker.fetch(wanted).await });
    node.produce("b", batch(&["v"])).await.unwrap();
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    node.produce("a", batch(&["v"])).await.unwrap();
    let answer = waiting.await.unwrap();
    assert!(
        answer
            .partitions
            .iter()
            .all(|read| read.as_ref().unwrap().bytes > 0)
    );
    node.stop().await;
}

#[tokio::test]
async fn the_first_batch_comes_whole_and_the_limit_holds_for_the_rest() {
    let node = node().await;
    node.create("a", 1, &[]).await;
    node.create("b", 1, &[]).await;
    let large = "x".repeat(5000);
    for topic in ["a", "b"] {
        node.produce_values(topic, vec![large.clone(); 3]).await;
    }
    let partition = |topic| FetchPartition {
        topic: name(topic),
        partition: PartitionIndex::new(0),
        offset: Offset::ZERO,
        bytes_max: None,
    };
    let limited = |bytes_max| FetchRequest {
        partitions: vec![partition("a"), partition("b")],
        wait_max: Duration::ZERO,
        bytes_min: 1,
        bytes_max: Some(bytes_max),
    };
    let read = |answer: &broker::FetchAnswer| {
        let next = |read: &Result<broker::FetchedPartition, _>| {
            let read = read.as_ref().unwrap();
            assert_eq!(read.high_watermark, Offset::new(3));
            read.next_offset.get()
        };
        (next(&answer.partitions[0]), next(&answer.partitions[1]))
    };
    assert_eq!(read(&node.broker.fetch(limited(10)).await), (1, 0));
    assert_eq!(read(&node.broker.fetch(limited(11_000)).await), (2, 0));
    assert_eq!(read(&node.broker.fetch(limited(21_000)).await), (3, 1));
    node.stop().await;
}

#[tokio::test]
async fn answers_under_way_are_bounded() {
    let settings = BrokerSettings {
        fetch_bytes_in_flight_max: 300,
        ..settings()
    };
    let node = start_with(SimulatedDisk::new(1).mount(), settings)
        .await
        .unwrap();
    node.produce_values("t", [String::from_utf8(vec![b'x'; 500]).unwrap()])
        .await;
    let held = node.fetch("t", 0).await;
    let second = node.fetch("t", 0);
    let mut second = Box::pin(second);
    let waits = tokio::time::timeout(Duration::from_millis(50), second.as_mut()).await;
    assert!(waits.is_err(), "there is no room yet");
    drop(held);
    assert!(second.await.partitions[0].is_ok());
    node.stop().await;
}

#[tokio::test]
async fn a_waiting_fetch_learns_at_once_that_its_topic_was_deleted_or_the_broker_stops() {
    let node = node().await;
    node.create("t", 1, &[]).await;
    let broker = node.broker.clone();
    let waiting = tokio::spawn(async move { broker.fetch(request("t", 0, PATIENCE)).await });
    tokio::task::yield_now().await;
    node.broker.delete_topic(&name("t")).await.unwrap();
    let answer = tokio::time::timeout(PATIENCE / 2, waiting)
        .await
        .unwrap()
        .unwrap();
    let error = answer.partitions[0].as_ref().unwrap_err();
    assert_eq!(
        *error,
        PartitionError::UnknownTopic { topic: name("t") }.into()
    );

    node.create("u", 1, &[]).await;
    let broker = node.broker.clone();
    let waiting = tokio::spawn(async move { broker.fetch(request("u", 0, PATIENCE)).await });
    tokio::task::yield_now().await;
    node.stop().await;
    tokio::time::timeout(PATIENCE / 2, waiting)
        .await
        .unwrap()
        .unwrap();
}
