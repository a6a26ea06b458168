//! Memory stays within configured limits, whatever clients send.

use std::time::Duration;

use rpc::v1::{FetchPartition, SubscribeRequest, SubscribeStart, subscribe_request::Request};
use strandline_tests::harness::{Api, Broker, batch_of, skip};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

const MEBIBYTE: usize = 1 << 20;

/// The most memory that the broker has held so far, in MiB. `None` where the system does not tell.
fn peak_mebibytes(broker: &Broker) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", broker.pid())).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: usize = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes / 1024)
}

fn broker() -> Option<Broker> {
    let broker = Broker::with(&[
        "--request-bytes-max",
        "32MiB",
        "--uncommitted-bytes-max",
        "16MiB",
    ]);
    broker
        .strand(&[
            "topic",
            "create",
            "big",
            "--config",
            "max.message.bytes=8000000",
        ])
        .ok();
    if peak_mebibytes(&broker).is_none() {
        skip(
            "the memory limits",
            "this system does not tell how much memory a process holds",
        );
        return None;
    }
    Some(broker)
}

#[test]
fn many_large_requests_at_once_do_not_add_up() {
    let Some(broker) = broker() else { return };
    let at_rest = peak_mebibytes(&broker).unwrap();
    let acknowledged = Runtime::new().unwrap().block_on(async {
        let mut calls = JoinSet::new();
        for _ in 0..60 {
            // A connection each: what one connection may hold is not the limit here.
            let mut api = Api::connect(broker.grpc()).await.unwrap();
            calls.spawn(async move {
                api.produce(batch_of("big", 0, [vec![7; 7 * MEBIBYTE]]))
                    .await
            });
        }
        let mut acknowledged = 0;
        while let Some(answer) = calls.join_next().await {
            match answer.unwrap() {
                Ok(result) => acknowledged += usize::from(result.error.is_none()),
                Err(status) => {
                    assert_eq!(status.code(), tonic::Code::ResourceExhausted, "{status}")
                }
            }
        }
        acknowledged
    });
    let peak = peak_mebibytes(&broker).unwrap();
    println!(
        "{at_rest} MiB at rest, {peak} MiB at most; {acknowledged} of 60 requests of 7 MiB were acknowledged"
    );
    assert!(acknowledged >= 1);
    assert!(
        peak < at_rest + 250,
        "60 requests of 7 MiB took {peak} MiB, {at_rest} MiB of them at rest"
    );
}

#[test]
fn readers_that_do_not_read_do_not_pile_up_memory() {
    let Some(broker) = broker() else { return };
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let mut api = Api::connect(broker.grpc()).await.unwrap();
        for _ in 0..40 {
            let result = api
                .produce(batch_of("big", 0, [vec![7; MEBIBYTE]]))
                .await
                .unwrap();
            assert_eq!(result.error, None);
        }
    });
    let before = peak_mebibytes(&broker).unwrap();
    runtime.block_on(async {
        let mut readers = Vec::new();
        for _ in 0..30 {
            let mut api = Api::connect(broker.grpc()).await.unwrap();
            let place = FetchPartition {
                topic: "big".to_owned(),
                ..FetchPartition::default()
            };
            let start = SubscribeStart {
                partitions: vec![place],
                credit_bytes: i64::MAX,
                ..SubscribeStart::default()
            };
            let requests = tokio_stream::iter([SubscribeRequest {
                request: Some(Request::Start(start)),
            }]);
            let mut answers = api.consumer.subscribe(requests).await.unwrap().into_inner();
            let first = answers.message().await.unwrap();
            assert!(first.is_some());
            // It is held, but nothing more is read from it.
            readers.push(answers);
        }
        // What the broker would send meanwhile, if nothing held it back.
        tokio::time::sleep(Duration::from_secs(1)).await;
    });
    let peak = peak_mebibytes(&broker).unwrap();
    println!("{before} MiB before, {peak} MiB at most with 30 readers of 40 MiB that do not read");
    assert!(
        peak < before + 300,
        "30 readers that do not read took {peak} MiB, {before} MiB of them before"
    );
}
