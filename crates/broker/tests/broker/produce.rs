use std::sync::Arc;
use std::time::Duration;

use broker::{BrokerSettings, PartitionError, ProduceError};
use model::batch::{BatchBuilder, Codec, InvalidBatch, ProducerStamp};
use model::{Acks, Durability, Offset, PartitionIndex, Timestamp, TimestampType};
use segment_log::disk::SimulatedDisk;

use crate::harness::{Node, START, batch, batch_at, name, numbered, settings, start, start_with};

async fn node() -> Node {
    start(SimulatedDisk::new(1).mount()).await
}

#[tokio::test]
async fn batches_are_acknowledged_in_order_with_adjoining_offsets() {
    let node = node().await;
    node.create("t", 1, &[]).await;
    let batches = (0..200).map(|n| batch(&vec!["v"; n % 3 + 1])).collect();
    let mut expected = Offset::ZERO;
    for (n, outcome) in node.produce_all("t", batches).await.into_iter().enumerate() {
        let produced = outcome.unwrap();
        assert_eq!(produced.base_offset, expected);
        assert_eq!(produced.records as usize, n % 3 + 1);
        assert_eq!(produced.durability, Durability::Fsync);
        assert!(!produced.duplicate);
        expected = expected.plus(u64::from(produced.records));
    }
    node.stop().await;
}

#[tokio::test]
async fn the_first_produce_creates_a_topic_once_however_many_there_are() {
    let node = node().await;
    let producing = (0..20).map(|n| {
        let (mut session, mut results) = node.broker.produce_session();
        async move {
            let topic = name("new");
            let batch = batch(&[&n.to_string()]);
            session
                .submit(&topic, PartitionIndex::new(0), batch, Acks::Quorum, n)
                .await;
            drop(session);
            let mut taken = Vec::new();
            while results.next_ready(&mut taken).await {}
            taken.remove(0).outcome.unwrap().base_offset
        }
    });
    let mut offsets: Vec<_> = futures_util::future::join_all(producing).await;
    offsets.sort_unstable();
    assert_eq!(offsets, (0..20).map(Offset::new).collect::<Vec<_>>());
    assert_eq!(node.broker.topics(None, "", 10).topics.len(), 1);
    node.stop().await;
}

#[tokio::test]
async fn a_missing_topic_is_refused_where_it_is_not_created_by_itself() {
    let settings = BrokerSettings {
        auto_create_topics: false,
        ..settings()
    };
    let node = start_with(SimulatedDisk::new(1).mount(), settings)
        .await
        .unwrap();
    let refused = node.produce("missing", batch(&["v"])).await.unwrap_err();
    let topic = name("missing");
    assert_eq!(refused, PartitionError::UnknownTopic { topic }.into());
    node.stop().await;
}

#[tokio::test]
async fn a_partition_that_the_topic_does_not_have_is_refused_with_their_number() {
    let node = node().await;
    node.create("t", 2, &[]).await;
    let (mut session, mut results) = node.broker.produce_session();
    session
        .submit(
            &name("t"),
            PartitionIndex::new(2),
            batch(&["v"]),
            Acks::Quorum,
            7,
        )
        .await;
    drop(session);
    let mut taken = Vec::new();
    while results.next_ready(&mut taken).await {}
    let refused = taken.remove(0).outcome.unwrap_err();
    assert_eq!(
        refused,
        PartitionError::UnknownPartition {
            topic: name("t"),
            partition: PartitionIndex::new(2),
            partitions: 2,
        }
        .into()
    );
    node.stop().await;
}

#[tokio::test]
async fn a_refused_batch_does_not_end_the_session() {
    let node = node().await;
    node.create("t", 1, &[("max.message.bytes", "200")]).await;
    let large = "x".repeat(300);
    let outcomes = node
        .produce_all("t", vec![batch(&["a"]), batch(&[&large]), batch(&["b"])])
        .await;
    assert_eq!(outcomes[0].as_ref().unwrap().base_offset, Offset::ZERO);
    assert!(matches!(
        outcomes[1],
        Err(ProduceError::Invalid {
            reason: InvalidBatch::TooLarge { limit: 200, .. },
            ..
        })
    ));
    assert_eq!(outcomes[2].as_ref().unwrap().base_offset, Offset::new(1));
    node.stop().await;
}

#[tokio::test]
async fn a_timestamp_too_far_in_the_future_is_refused() {
    let node = node().await;
    node.create("t", 1, &[]).await;
    let late = START.plus(Duration::from_secs(3601));
    let refused = node.produce("t", batch_at(&["v"], late)).await.unwrap_err();
    assert!(matches!(
        refused,
        ProduceError::Invalid {
            reason: InvalidBatch::TimestampOutOfRange { .. },
            ..
        }
    ));
    node.stop().await;
}

#[tokio::test]
async fn append_time_is_stamped_where_the_topic_says_so() {
    let node = node().await;
    node.create("t", 1, &[("message.timestamp.type", "LogAppendTime")])
        .await;
    node.produce("t", batch_at(&["v"], Timestamp::from_millis(5)))
        .await
        .unwrap();
    let answer = node.fetch("t", 0).await;
    let run = answer.partitions[0].as_ref().unwrap().batches[0].clone();
    let stored = model::batch::Batch::parse(run).unwrap();
    stored.check_crc().unwrap();
    assert_eq!(
        stored.header().timestamp_type(),
        TimestampType::LogAppendTime
    );
    assert_eq!(stored.header().max_timestamp(), START);
    node.stop().await;
}

#[tokio::test]
async fn a_retried_batch_of_an_idempotent_producer_is_written_once() {
    let node = node().await;
    node.create("t", 1, &[]).await;
    let id = node.broker.init_producer().await.unwrap();
    assert_ne!(node.broker.init_producer().await.unwrap(), id);
    let stamped = |base_sequence| {
        let stamp = ProducerStamp {
            id,
            epoch: 0,
            base_sequence,
        };
        let mut builder = BatchBuilder::new(Codec::None).with_producer(stamp);
        builder.push(START, None, Some(b"v"), &[]);
        builder.build().unwrap()
    };
    let batches = vec![stamped(0), stamped(1), stamped(0), stamped(5)];
    let outcomes = node.produce_all("t", batches).await;
    assert_eq!(outcomes[1].as_ref().unwrap().base_offset, Offset::new(1));
    let repeated = outcomes[2].as_ref().unwrap();
    assert!(repeated.duplicate);
    assert_eq!((repeated.base_offset, repeated.records), (Offset::ZERO, 1));
    assert!(matches!(
        outcomes[3],
        Err(ProduceError::OutOfOrderSequence {
            expected: 2,
            found: 5,
            ..
        })
    ));
    assert_eq!(node.values("t").await.len(), 2);
    node.stop().await;
}

#[tokio::test]
async fn batches_without_acknowledgement_are_written_and_not_answered() {
    let node = node().await;
    node.create("t", 1, &[]).await;
    let (mut session, mut results) = node.broker.produce_session();
    for value in numbered("v", 10) {
        session
            .submit(
                &name("t"),
                PartitionIndex::new(0),
                batch(&[&value]),
                Acks::None,
                0,
            )
            .await;
    }
    session
        .submit(
            &name("t"),
            PartitionIndex::new(0),
            batch(&["last"]),
            Acks::Quorum,
            42,
        )
        .await;
    drop(session);
    let mut taken = Vec::new();
    while results.next_ready(&mut taken).await {}
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].tag, 42);
    assert_eq!(node.values("t").await.len(), 11);
    node.stop().await;
}

#[tokio::test]
async fn the_durability_reported_is_the_topics() {
    let node = node().await;
    node.create("t", 1, &[("durability", "page-cache")]).await;
    let produced = node.produce("t", batch(&["v"])).await.unwrap();
    assert_eq!(produced.durability, Durability::PageCache);
    node.set("t", "durability", "fsync").await;
    let produced = node.produce("t", batch(&["v"])).await.unwrap();
    assert_eq!(produced.durability, Durability::Fsync);
    node.stop().await;
}

#[tokio::test]
async fn more_than_the_budget_in_flight_waits_and_is_written_all_the_same() {
    let settings = BrokerSettings {
        produce_bytes_in_flight_max: 1000,
        produce_session_batches_max: 4,
        ..settings()
    };
    let node = start_with(SimulatedDisk::new(1).mount(), settings)
        .await
        .unwrap();
    node.create("t", 1, &[]).await;
    // The third is larger than the whole budget.
    let values: Vec<_> = (0..50)
        .map(|n| "x".repeat(if n == 2 { 5000 } else { 100 }))
        .collect();
    node.produce_values("t", values.clone()).await;
    assert_eq!(node.values("t").await, values);
    node.stop().await;
}

#[tokio::test]
async fn a_session_given_up_half_way_gives_its_bytes_back() {
    let settings = BrokerSettings {
        produce_bytes_in_flight_max: 300,
        ..settings()
    };
    let node = start_with(SimulatedDisk::new(1).mount(), settings)
        .await
        .unwrap();
    node.create("t", 1, &[]).await;
    for _ in 0..20 {
        let (mut session, results) = node.broker.produce_session();
        drop(results);
        let value = "x".repeat(200);
        let topic = name("t");
        let submit = session.submit(
            &topic,
            PartitionIndex::new(0),
            batch(&[&value]),
            Acks::Quorum,
            0,
        );
        // Looked at once, then dropped, wherever it stands.
        let _ = futures_util::poll!(Box::pin(submit));
    }
    node.produce_values("t", numbered("after", 3)).await;
    node.stop().await;
}

#[tokio::test]
async fn a_broker_that_has_stopped_refuses() {
    let node = node().await;
    node.create("t", 1, &[]).await;
    let broker = Arc::clone(&node.broker);
    node.stop().await;
    let (mut session, mut results) = broker.produce_session();
    session
        .submit(
            &name("t"),
            PartitionIndex::new(0),
            batch(&["v"]),
            Acks::Quorum,
            0,
        )
        .await;
    drop(session);
    let mut taken = Vec::new();
    while results.next_ready(&mut taken).await {}
    assert_eq!(taken[0].outcome, Err(PartitionError::ShuttingDown.into()));
}
