//! Unary produce.

use std::collections::BTreeMap;
use std::time::Duration;

use model::batch::Codec;
use rpc::v1;
use tonic::Request;

use crate::stage::{Stage, batch, encoded, from, plain, reason, reason_in, values};

#[tokio::test]
async fn the_first_produce_creates_the_topic_and_each_batch_has_its_result() {
    let stage = Stage::open().await;
    let results = stage
        .produce(vec![
            plain("t", 0, &["a", "b"]),
            plain("t", 0, &["c"]),
            plain("u", 0, &["d"]),
        ])
        .await;
    let seen: Vec<_> = results
        .iter()
        .map(|result| {
            (
                result.batch,
                result.topic.as_str(),
                result.base_offset,
                result.records,
            )
        })
        .collect();
    assert_eq!(seen, [(0, "t", 0, 2), (1, "t", 2, 1), (2, "u", 0, 1)]);
    assert!(
        results
            .iter()
            .all(|result| result.durability() == v1::Durability::Fsync)
    );
    let read = stage.fetch("t", 0, v1::RecordFormat::Plain).await;
    assert_eq!(values(&read.records), ["a", "b", "c"]);
    assert_eq!((read.next_offset, read.high_watermark), (3, 3));
}

#[tokio::test]
async fn an_encoded_batch_comes_back_byte_for_byte_with_each_codec() {
    let stage = Stage::open().await;
    for codec in Codec::ALL {
        let topic = format!("t-{codec}");
        let sent = batch(&["one", "two", "three"], codec);
        let result = stage
            .produce(vec![encoded(&topic, sent.to_bytes())])
            .await
            .remove(0);
        assert_eq!(result.error, None);
        let read = stage.fetch(&topic, 0, v1::RecordFormat::Encoded).await;
        // All but what the leader stamps: base offset and leader epoch.
        let stored = read.batches.concat();
        assert_eq!(stored[16..], sent.to_bytes()[16..]);
        let read = stage.fetch(&topic, 1, v1::RecordFormat::Plain).await;
        assert_eq!(values(&read.records), ["two", "three"]);
    }
}

#[tokio::test]
async fn records_without_a_partition_are_placed_by_their_keys() {
    let stage = Stage::open().await;
    stage.create("t", 10, &[]).await;
    let keyed = |key: &'static str| v1::Record {
        key: Some(key.into()),
        ..v1::Record::default()
    };
    let mut placed = plain("t", 0, &[]);
    placed.partition = None;
    placed.payload = Some(v1::produce_batch::Payload::Records(v1::PlainRecords {
        records: vec![keyed("foobar"), keyed("21"), keyed("foobar")],
        ..v1::PlainRecords::default()
    }));
    let results = stage.produce(vec![placed]).await;
    let records: BTreeMap<_, _> = results.iter().map(|r| (r.partition, r.records)).collect();
    // Where Kafka's murmur2 puts them.
    assert_eq!(records, BTreeMap::from([(0, 1), (6, 2)]));
}

#[tokio::test]
async fn a_batch_sent_twice_with_a_sequence_is_written_once() {
    let stage = Stage::open().await;
    let issued = stage
        .producer()
        .init_producer(v1::InitProducerRequest {})
        .await;
    let issued = issued.unwrap().into_inner();
    let mut sequenced = plain("t", 0, &["once"]);
    if let Some(v1::produce_batch::Payload::Records(records)) = &mut sequenced.payload {
        records.sequence = Some(v1::ProducerSequence {
            producer_id: issued.producer_id,
            epoch: issued.epoch,
            base_sequence: 0,
        });
    }
    let first = stage.produce(vec![sequenced.clone()]).await.remove(0);
    let second = stage.produce(vec![sequenced]).await.remove(0);
    assert_eq!((first.base_offset, first.duplicate), (0, false));
    assert_eq!((second.base_offset, second.duplicate), (0, true));
    let read = stage.fetch("t", 0, v1::RecordFormat::Plain).await;
    assert_eq!(values(&read.records), ["once"]);
}

#[tokio::test]
async fn a_refused_batch_leaves_the_others_of_the_call_alone() {
    let stage = Stage::open().await;
    let mut nothing = plain("t", 0, &["x"]);
    nothing.payload = None;
    let results = stage
        .produce(vec![
            plain("t", 0, &["a"]),
            plain("../etc", 0, &["x"]),
            plain("t", -1, &["x"]),
            plain("t", 7, &["x"]),
            plain("t", 0, &[]),
            nothing,
            plain("t", 0, &["b"]),
        ])
        .await;
    let reasons: Vec<_> = results
        .into_iter()
        .map(|r| (r.batch, reason_in(r.error)))
        .collect();
    let expected = [
        "",
        "INVALID_TOPIC_NAME",
        "INVALID_FIELD",
        "UNKNOWN_PARTITION",
        "INVALID_FIELD",
        "INVALID_FIELD",
        "",
    ];
    let expected: Vec<_> = (0..).zip(expected.map(str::to_owned)).collect();
    assert_eq!(reasons, expected);
}

#[tokio::test]
async fn without_acks_nothing_is_waited_for_and_only_refusals_are_told() {
    let stage = Stage::open().await;
    let request = v1::ProduceRequest {
        batches: vec![plain("t", 0, &["a"]), plain("", 0, &["x"])],
        acks: v1::Acks::None.into(),
    };
    let results = stage
        .producer()
        .produce(request)
        .await
        .unwrap()
        .into_inner()
        .results;
    let reasons: Vec<_> = results
        .into_iter()
        .map(|r| (r.batch, reason_in(r.error)))
        .collect();
    assert_eq!(reasons, [(1, "INVALID_TOPIC_NAME".to_owned())]);
    let request = v1::FetchRequest {
        partitions: vec![from("t", 0, 0)],
        max_wait_ms: 10_000,
        ..v1::FetchRequest::default()
    };
    let read = stage
        .consumer()
        .fetch(request)
        .await
        .unwrap()
        .into_inner()
        .results
        .remove(0);
    assert_eq!(values(&read.records), ["a"]);
}

#[tokio::test]
async fn a_call_that_makes_no_sense_is_refused_as_a_whole() {
    let stage = Stage::open().await;
    let produce = |batches, acks| {
        let mut producer = stage.producer();
        async move { producer.produce(v1::ProduceRequest { batches, acks }).await }
    };
    assert_eq!(reason(produce(Vec::new(), 0).await), "INVALID_FIELD");
    assert_eq!(
        reason(produce(vec![plain("t", 0, &["a"])], 9).await),
        "INVALID_FIELD"
    );
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_with_the_limit() {
    let stage = Stage::open_with(|_| {}, |api| api.message_bytes_max = 1 << 20).await;
    let large = "x".repeat(2 << 20);
    let request = v1::ProduceRequest {
        batches: vec![plain("t", 0, &[&large])],
        acks: 0,
    };
    let refused = stage.producer().produce(request).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    assert!(
        refused.message().contains("1048576"),
        "{}",
        refused.message()
    );
    assert_eq!(v1::Error::from_status(&refused).reason, "MESSAGE_TOO_LARGE");
}

#[tokio::test]
async fn a_deadline_that_is_long_enough_is_no_obstacle() {
    let stage = Stage::open().await;
    let mut request = Request::new(v1::ProduceRequest {
        batches: vec![plain("t", 0, &["a"])],
        acks: 0,
    });
    request.set_timeout(Duration::from_secs(60));
    let results = stage
        .producer()
        .produce(request)
        .await
        .unwrap()
        .into_inner()
        .results;
    assert_eq!(results[0].error, None);
}
