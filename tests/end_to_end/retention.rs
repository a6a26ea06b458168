//! Retention seen from outside: disk use stays bounded, segment files disappear, readers are told.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rpc::v1::produce_batch::Payload;
use rpc::v1::{PlainRecords, ProduceBatch, ProduceResult, Record};
use serde_json::Value;
use strandline_tests::harness::{Api, Broker, bytes_on_disk, eventually, segment_files};
use tokio::runtime::Runtime;

const SEGMENT_BYTES: u64 = 64 << 10;

/// A broker that looks for old segments often.
fn broker() -> Broker {
    Broker::with(&["--retention-check-interval", "100ms"])
}

fn create(broker: &Broker, topic: &str, configs: &[&str]) {
    let mut arguments = vec!["topic", "create", topic, "--config", "segment.bytes=65536"];
    for config in configs {
        arguments.extend(["--config", config]);
    }
    broker.strand(&arguments).ok();
}

/// Produces `count` records of 1,000 bytes, the line feed included, in batches of about 16 KiB.
fn produce(broker: &Broker, topic: &str, count: usize) {
    let lines: Vec<u8> = (0..count)
        .flat_map(|number| format!("{number:0999}\n").into_bytes())
        .collect();
    broker
        .strand_in(&["produce", topic, "--batch-bytes", "16KiB"], &lines)
        .ok();
}

/// The only partition, as `describe` shows it.
fn partition(broker: &Broker, topic: &str) -> Value {
    broker
        .strand(&["topic", "describe", topic, "--json"])
        .ok()
        .json()["partitions"][0]
        .clone()
}

fn log_start(broker: &Broker, topic: &str) -> u64 {
    partition(broker, topic)["log_start"]
        .as_u64()
        .expect("log_start is an offset")
}

#[test]
fn a_short_retention_time_bounds_the_disk_under_steady_load_and_segments_disappear() {
    let broker = broker();
    create(&broker, "short", &["retention.ms=500", "segment.ms=500"]);
    produce(&broker, "short", 200);
    let first: Vec<PathBuf> = segment_files(broker.data());
    let began = Instant::now();
    let (mut written, mut most) = (200_000, 0);
    while began.elapsed() < Duration::from_secs(6) {
        produce(&broker, "short", 200);
        written += 200_000;
        most = most.max(bytes_on_disk(&broker.data().join("partitions")));
    }
    eventually("the removal of the first segments", || {
        let now = segment_files(broker.data());
        first.iter().all(|file| !now.contains(file)).then_some(())
    });
    let start = log_start(&broker, "short");
    assert!(start > 0, "the log start moves");
    let high_watermark = partition(&broker, "short")["high_watermark"]
        .as_u64()
        .unwrap();
    assert_eq!(high_watermark, written / 1_000);
    println!("{written} bytes were written, at most {most} lay on disk");
    assert!(
        most < written / 2,
        "{written} bytes were written and {most} lay on disk at once"
    );
    // When the load ends, the last records age too: the active segment rolls by time.
    eventually("the end of the last record", || {
        (log_start(&broker, "short") == high_watermark).then_some(())
    });
    eventually("the removal of all its segments", || {
        let left = bytes_on_disk(&broker.data().join("partitions"));
        (left <= 4 * SEGMENT_BYTES).then_some(())
    });
}

#[test]
fn a_reader_below_the_log_start_is_told_both_offsets() {
    let broker = broker();
    create(&broker, "trimmed", &[]);
    produce(&broker, "trimmed", 300);
    broker
        .strand(&[
            "topic",
            "delete-records",
            "trimmed",
            "--partition",
            "0",
            "--before",
            "137",
        ])
        .ok();
    assert_eq!(log_start(&broker, "trimmed"), 137);
    let arguments = [
        "consume",
        "trimmed",
        "--partition",
        "0",
        "--offset",
        "136",
        "--until-end",
        "--json",
    ];
    let error = broker.strand(&arguments).exits(4).json_error();
    let message = error["error"].as_str().unwrap();
    assert!(
        message.contains("136") && message.contains("137"),
        "both offsets are in: {message}"
    );
    assert_eq!(error["reason"], "OFFSET_BELOW_LOG_START");
    let from_start = [
        "consume",
        "trimmed",
        "--from-beginning",
        "--until-end",
        "--json",
    ];
    let read = broker.strand(&from_start).ok().json_lines();
    assert_eq!((read.len(), &read[0]["offset"]), (163, &Value::from(137)));
}

#[test]
fn deleted_records_stay_deleted_through_a_kill_and_their_files_go() {
    let mut broker = broker();
    create(&broker, "trimmed", &[]);
    produce(&broker, "trimmed", 300);
    let before = segment_files(broker.data()).len();
    broker
        .strand(&["topic", "delete-records", "trimmed", "--all"])
        .ok();
    assert_eq!(log_start(&broker, "trimmed"), 300);
    eventually("the removal of segments", || {
        (segment_files(broker.data()).len() < before).then_some(())
    });
    broker.kill();
    broker.restart();
    assert_eq!(log_start(&broker, "trimmed"), 300);
    produce(&broker, "trimmed", 1);
    let read = broker
        .strand(&[
            "consume",
            "trimmed",
            "--from-beginning",
            "--until-end",
            "--json",
        ])
        .ok()
        .json_lines();
    assert_eq!((read.len(), &read[0]["offset"]), (1, &Value::from(300)));
}

#[test]
fn retention_bytes_keeps_the_newest_segments() {
    let broker = broker();
    create(&broker, "sized", &["retention.bytes=200000"]);
    produce(&broker, "sized", 1_000);
    eventually("retention by size", || {
        (log_start(&broker, "sized") >= 700).then_some(())
    });
    let start = log_start(&broker, "sized");
    assert!(
        start <= 800,
        "retention.bytes=200000 keeps 200 records of 1,000 bytes, but the log starts at {start}"
    );
    eventually("the removal of their files", || {
        let on_disk = bytes_on_disk(&broker.data().join("partitions"));
        (on_disk < 450_000).then_some(())
    });
}

#[test]
fn retention_can_be_applied_on_demand() {
    let broker = Broker::with(&["--retention-check-interval", "1h"]);
    create(&broker, "asked", &["retention.bytes=200000"]);
    produce(&broker, "asked", 1_000);
    assert_eq!(log_start(&broker, "asked"), 0);
    broker.strand(&["topic", "apply-retention", "asked"]).ok();
    let start = log_start(&broker, "asked");
    assert!((700..=800).contains(&start), "the log starts at {start}");
}

/// Produces a record whose time lies so far ahead.
fn produce_ahead(broker: &Broker, topic: &str, ahead: Duration) -> ProduceResult {
    let now = model::Timestamp::from_system_time(std::time::SystemTime::now());
    let timestamp_ms = Some(now.as_millis() + ahead.as_millis() as i64);
    let records = vec![Record {
        timestamp_ms,
        value: Some("ahead".into()),
        ..Record::default()
    }];
    let payload = Some(Payload::Records(PlainRecords {
        records,
        ..PlainRecords::default()
    }));
    let batch = ProduceBatch {
        topic: topic.to_owned(),
        partition: Some(0),
        payload,
        expected_base_offset: None,
    };
    Runtime::new().unwrap().block_on(async {
        let mut api = Api::connect(broker.grpc()).await.unwrap();
        api.produce(batch).await.unwrap()
    })
}

#[test]
fn a_timestamp_from_the_future_cannot_pin_a_segment() {
    let broker = broker();
    let ahead_max = "message.timestamp.after.max.ms=2000";
    create(
        &broker,
        "ahead",
        &["retention.ms=500", "segment.ms=500", ahead_max],
    );
    let refused = produce_ahead(&broker, "ahead", Duration::from_secs(3_600))
        .error
        .unwrap();
    assert_eq!(refused.reason, "TIMESTAMP_OUT_OF_RANGE", "{refused:?}");
    assert_eq!(
        produce_ahead(&broker, "ahead", Duration::from_millis(1_900)).error,
        None
    );
    eventually("the end of the record from the future", || {
        (log_start(&broker, "ahead") == 1).then_some(())
    });
}
