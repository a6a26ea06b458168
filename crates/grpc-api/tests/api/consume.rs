//! Fetch and ListOffsets.

use std::time::Duration;

use rpc::v1;
use rpc::v1::offset_query::Position;
use tokio::time::Instant;
use tonic::Request;

use crate::stage::{Stage, from, plain, reason, reason_in, value, values};

#[tokio::test]
async fn a_long_poll_is_answered_as_soon_as_there_is_something() {
    let stage = Stage::open().await;
    stage.create("t", 1, &[]).await;
    let request = v1::FetchRequest {
        partitions: vec![from("t", 0, 0)],
        max_wait_ms: 60_000,
        ..v1::FetchRequest::default()
    };
    let mut consumer = stage.consumer();
    let poll = tokio::spawn(async move { consumer.fetch(request).await });
    stage.produce(vec![plain("t", 0, &["news"])]).await;
    let mut response = poll.await.unwrap().unwrap().into_inner();
    assert_eq!(values(&response.results.remove(0).records), ["news"]);
}

#[tokio::test]
async fn a_poll_in_vain_ends_before_the_deadline_of_the_call() {
    let stage = Stage::open().await;
    stage.create("t", 1, &[]).await;
    let mut request = Request::new(v1::FetchRequest {
        partitions: vec![from("t", 0, 0)],
        max_wait_ms: 60_000,
        ..v1::FetchRequest::default()
    });
    request.set_timeout(Duration::from_secs(1));
    let started = Instant::now();
    let response = stage.consumer().fetch(request).await.unwrap().into_inner();
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(
        (
            response.results[0].records.len(),
            response.results[0].next_offset
        ),
        (0, 0)
    );
}

#[tokio::test]
async fn what_is_out_of_range_or_unknown_is_told_for_its_partition_only() {
    let stage = Stage::open().await;
    stage.produce(vec![plain("t", 0, &["a", "b", "c"])]).await;
    let deletion = v1::DeleteRecordsRequest {
        partitions: vec![v1::DeleteRecordsPartition {
            topic: "t".to_owned(),
            partition: 0,
            before_offset: Some(2),
        }],
    };
    let deleted = stage
        .topics()
        .delete_records(deletion)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(deleted.results[0].log_start, 2);
    let request = v1::FetchRequest {
        partitions: vec![
            from("t", 0, 2),
            from("t", 0, 1),
            from("t", 0, 4),
            from("t", 1, 0),
            from("unknown", 0, 0),
        ],
        ..v1::FetchRequest::default()
    };
    let results = stage
        .consumer()
        .fetch(request)
        .await
        .unwrap()
        .into_inner()
        .results;
    assert_eq!(values(&results[0].records), ["c"]);
    let below = results[1].error.clone().unwrap();
    assert_eq!(below.metadata["log_start"], "2");
    assert!(
        below.message.contains('1') && below.message.contains('2'),
        "{}",
        below.message
    );
    let above = results[2].error.clone().unwrap();
    assert_eq!(above.metadata["log_end"], "3");
    let reasons: Vec<_> = results
        .into_iter()
        .map(|result| reason_in(result.error))
        .collect();
    let expected = [
        "",
        "OFFSET_BELOW_LOG_START",
        "OFFSET_ABOVE_LOG_END",
        "UNKNOWN_PARTITION",
        "UNKNOWN_TOPIC",
    ];
    assert_eq!(reasons, expected);
}

#[tokio::test]
async fn a_small_answer_goes_on_where_it_was_cut() {
    let stage = Stage::open().await;
    let many: Vec<_> = (0..100).map(|number| format!("value {number}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    stage.produce(vec![plain("t", 0, &many)]).await;
    let (mut read, mut next) = (Vec::new(), 0);
    while next < 100 {
        let request = v1::FetchRequest {
            partitions: vec![from("t", 0, next)],
            max_bytes: 500,
            ..v1::FetchRequest::default()
        };
        let result = stage
            .consumer()
            .fetch(request)
            .await
            .unwrap()
            .into_inner()
            .results
            .remove(0);
        assert!(
            result.records.len() < 20,
            "{} records",
            result.records.len()
        );
        next = result.next_offset;
        read.extend(values(&result.records));
    }
    assert_eq!(read, many);
}

fn query(position: Option<Position>) -> v1::OffsetQuery {
    v1::OffsetQuery {
        topic: "t".to_owned(),
        partition: 0,
        position,
    }
}

#[tokio::test]
async fn offsets_are_found_by_name_and_by_time_to_the_record() {
    let stage = Stage::open().await;
    let mut timed = plain("t", 0, &[]);
    let records = [1_000, 2_000, 3_000].map(|millis| v1::Record {
        timestamp_ms: Some(millis),
        ..value("x")
    });
    timed.payload = Some(v1::produce_batch::Payload::Records(v1::PlainRecords {
        records: records.into(),
        ..v1::PlainRecords::default()
    }));
    stage.produce(vec![timed]).await;
    let request = v1::ListOffsetsRequest {
        queries: vec![
            query(Some(Position::Earliest(v1::Earliest {}))),
            query(Some(Position::Latest(v1::Latest {}))),
            query(Some(Position::TimestampMs(1_001))),
            query(Some(Position::TimestampMs(3_001))),
        ],
        isolation: 0,
    };
    let results = stage
        .consumer()
        .list_offsets(request)
        .await
        .unwrap()
        .into_inner()
        .results;
    let found: Vec<_> = results
        .iter()
        .map(|found| (found.offset, found.timestamp_ms))
        .collect();
    let expected = [
        (Some(0), None),
        (Some(3), None),
        (Some(1), Some(2_000)),
        (None, None),
    ];
    assert_eq!(found, expected);
    assert!(results.iter().all(|found| found.error.is_none()));
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_as_a_whole() {
    let stage = Stage::open().await;
    let fetch = |change: fn(&mut v1::FetchRequest)| {
        let mut request = v1::FetchRequest {
            partitions: vec![from("t", 0, 0)],
            ..v1::FetchRequest::default()
        };
        change(&mut request);
        let mut consumer = stage.consumer();
        async move { reason(consumer.fetch(request).await) }
    };
    assert_eq!(fetch(|r| r.partitions.clear()).await, "INVALID_FIELD");
    assert_eq!(
        fetch(|r| r.partitions[0].offset = -1).await,
        "INVALID_FIELD"
    );
    assert_eq!(fetch(|r| r.max_bytes = -1).await, "INVALID_FIELD");
    assert_eq!(
        fetch(|r| r.partitions[0].topic = "a\0b".to_owned()).await,
        "INVALID_TOPIC_NAME"
    );
    assert_eq!(
        fetch(|r| r.partitions[0].topic = "a".repeat(250)).await,
        "INVALID_TOPIC_NAME"
    );
    let request = v1::ListOffsetsRequest {
        queries: vec![query(None)],
        isolation: 0,
    };
    assert_eq!(
        reason(stage.consumer().list_offsets(request).await),
        "INVALID_FIELD"
    );
}
