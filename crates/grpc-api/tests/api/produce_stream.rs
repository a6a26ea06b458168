//! Streams of batches.

use futures_util::stream;
use model::batch::Codec;
use rpc::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::stage::{Stage, batch, encoded, plain, reason, reason_in};

fn waiting(batch: v1::ProduceBatch) -> v1::ProduceStreamRequest {
    v1::ProduceStreamRequest {
        batch: Some(batch),
        acks: 0,
    }
}

#[tokio::test]
async fn results_come_in_the_order_of_the_batches_refusals_among_them() {
    let stage = Stage::open().await;
    stage.create("t", 2, &[]).await;
    let batches = (0..500).map(|place| match place % 5 {
        0 => waiting(plain("..", 0, &["x"])),
        1 => waiting(plain("t", 9, &["x"])),
        2 => waiting(encoded("t", batch(&["a", "b"], Codec::Lz4).to_bytes())),
        3 => v1::ProduceStreamRequest {
            batch: None,
            acks: 0,
        },
        _ => waiting(plain("t", 1, &["c"])),
    });
    let batches: Vec<_> = batches.collect();
    let mut responses = stage
        .producer()
        .produce_stream(stream::iter(batches))
        .await
        .unwrap()
        .into_inner();
    let (mut place, mut next) = (0, [0, 0]);
    while let Some(response) = responses.message().await.unwrap() {
        for result in response.results {
            assert_eq!(result.batch, place);
            let expected = match place % 5 {
                0 | 3 => "INVALID_TOPIC_NAME",
                1 => "UNKNOWN_PARTITION",
                _ => "",
            };
            let partition = usize::try_from(result.partition).unwrap();
            if expected.is_empty() {
                assert_eq!(result.base_offset, next[partition]);
                next[partition] += i64::from(result.records);
            }
            assert_eq!(reason_in(result.error), expected);
            place += 1;
        }
    }
    assert_eq!((place, next), (500, [200, 100]));
}

#[tokio::test]
async fn one_batch_in_flight_is_answered_without_the_next_one() {
    let stage = Stage::open().await;
    let (sender, requests) = mpsc::channel(1);
    let requests = ReceiverStream::new(requests);
    sender.send(waiting(plain("t", 0, &["a"]))).await.unwrap();
    let mut responses = stage
        .producer()
        .produce_stream(requests)
        .await
        .unwrap()
        .into_inner();
    for offset in 0..20 {
        let results = responses.message().await.unwrap().unwrap().results;
        assert_eq!((results.len(), results[0].base_offset), (1, offset));
        sender.send(waiting(plain("t", 0, &["a"]))).await.unwrap();
    }
}

#[tokio::test]
async fn batches_without_acks_have_no_result_and_the_stream_ends_with_the_client() {
    let stage = Stage::open().await;
    let unacknowledged = v1::ProduceStreamRequest {
        batch: Some(plain("t", 0, &["a"])),
        acks: v1::Acks::None.into(),
    };
    let batches = vec![
        unacknowledged.clone(),
        unacknowledged,
        waiting(plain("t", 0, &["b"])),
    ];
    let mut responses = stage
        .producer()
        .produce_stream(stream::iter(batches))
        .await
        .unwrap()
        .into_inner();
    let results = responses.message().await.unwrap().unwrap().results;
    assert_eq!(
        (results.len(), results[0].batch, results[0].base_offset),
        (1, 2, 2)
    );
    assert_eq!(responses.message().await.unwrap(), None);
}

#[tokio::test]
async fn a_message_over_the_limit_ends_the_stream_behind_the_results_before_it() {
    let stage = Stage::open_with(|_| {}, |api| api.message_bytes_max = 1 << 20).await;
    let large = "x".repeat(2 << 20);
    let batches = vec![
        waiting(plain("t", 0, &["a"])),
        waiting(plain("t", 0, &[&large])),
    ];
    let mut responses = stage
        .producer()
        .produce_stream(stream::iter(batches))
        .await
        .unwrap()
        .into_inner();
    let results = responses.message().await.unwrap().unwrap().results;
    assert_eq!(results[0].error, None);
    assert_eq!(reason(responses.message().await), "MESSAGE_TOO_LARGE");
}

#[tokio::test]
async fn a_small_session_holds_the_client_back_and_loses_nothing() {
    let small = |api: &mut grpc_api::Settings| {
        api.session_batches_max = 2;
        api.session_bytes_max = 100;
    };
    let stage = Stage::open_with(|_| {}, small).await;
    let batches: Vec<_> = (0..200)
        .map(|_| waiting(plain("t", 0, &["a value"])))
        .collect();
    let mut responses = stage
        .producer()
        .produce_stream(stream::iter(batches))
        .await
        .unwrap()
        .into_inner();
    let mut offsets = Vec::new();
    while let Some(response) = responses.message().await.unwrap() {
        offsets.extend(response.results.iter().map(|result| result.base_offset));
    }
    assert_eq!(offsets, (0..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn streams_end_when_the_api_stops() {
    let stage = Stage::open().await;
    let (sender, requests) = mpsc::channel(1);
    sender.send(waiting(plain("t", 0, &["a"]))).await.unwrap();
    let requests = ReceiverStream::new(requests);
    let mut responses = stage
        .producer()
        .produce_stream(requests)
        .await
        .unwrap()
        .into_inner();
    assert!(responses.message().await.unwrap().is_some());
    stage.stop.stop();
    assert_eq!(reason(responses.message().await), "SHUTTING_DOWN");
}
