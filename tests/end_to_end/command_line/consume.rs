//! `strand consume`: where it starts, where it stops, how records are shown.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rpc::v1::produce_batch::Payload;
use rpc::v1::{Header, PlainRecords, ProduceBatch, Record};
use serde_json::{Value, json};
use strandline_tests::harness::{Api, Broker, Running};
use tokio::runtime::Runtime;

use super::fields;

/// A topic of one partition with the records `0` to `9`.
fn ten(broker: &Broker) {
    broker.strand(&["topic", "create", "ten"]).ok();
    broker
        .strand_in(&["produce", "ten"], b"0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n")
        .ok();
}

#[track_caller]
fn read(broker: &Broker, arguments: &[&str]) -> String {
    broker
        .strand(&[&["consume", "ten"], arguments].concat())
        .ok()
        .text()
}

/// Produces records over gRPC, which can say more than a command line.
fn produce(broker: &Broker, topic: &str, records: Vec<Record>) {
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
    let result = Runtime::new().unwrap().block_on(async {
        let mut api = Api::connect(broker.grpc()).await.unwrap();
        api.produce(batch).await.unwrap()
    });
    assert_eq!(result.error, None);
}

fn record(key: Option<&'static [u8]>, value: Option<&'static [u8]>) -> Record {
    Record {
        key: key.map(Into::into),
        value: value.map(Into::into),
        ..Record::default()
    }
}

#[test]
fn it_starts_and_stops_where_it_is_told_to() {
    let broker = Broker::start();
    ten(&broker);
    assert_eq!(
        read(&broker, &["--from-beginning", "--until-end"]),
        "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"
    );
    assert_eq!(
        read(&broker, &["--from-beginning", "--max", "3"]),
        "0\n1\n2\n"
    );
    assert_eq!(
        read(
            &broker,
            &["--partition", "0", "--offset", "7", "--until-end"]
        ),
        "7\n8\n9\n"
    );
    assert_eq!(
        read(
            &broker,
            &["--partition", "0", "--offset", "4", "--max", "2"]
        ),
        "4\n5\n"
    );
    assert_eq!(
        read(
            &broker,
            &["--partition", "0", "--offset", "10", "--until-end"]
        ),
        ""
    );
    // Without a start: what comes from now on, and until the end that is nothing.
    assert_eq!(read(&broker, &["--until-end"]), "");
    assert_eq!(read(&broker, &["--from-beginning", "--max", "0"]), "");
}

#[test]
fn a_timestamp_finds_the_first_record_that_is_as_late() {
    let broker = Broker::start();
    broker.strand(&["topic", "create", "ten"]).ok();
    let base = 1_700_000_000_000;
    let at = |number: i64| Record {
        timestamp_ms: Some(base + number * 1_000),
        ..record(None, Some([b"0", b"1", b"2", b"3"][number as usize]))
    };
    for number in 0..4 {
        produce(&broker, "ten", vec![at(number)]);
    }
    let from = |timestamp: i64| {
        read(
            &broker,
            &["--from-timestamp", &timestamp.to_string(), "--until-end"],
        )
    };
    assert_eq!(from(base - 5), "0\n1\n2\n3\n");
    assert_eq!(from(base + 1_000), "1\n2\n3\n");
    assert_eq!(from(base + 1_001), "2\n3\n");
    assert_eq!(from(base + 3_001), "");
    assert_eq!(
        read(
            &broker,
            &["--from-timestamp", "2023-11-14T22:13:22Z", "--until-end"]
        ),
        "2\n3\n"
    );
}

#[test]
fn until_end_stops_at_the_ends_of_all_partitions() {
    let broker = Broker::start();
    broker
        .strand(&["topic", "create", "many", "--partitions", "5"])
        .ok();
    for partition in ["0", "2", "4"] {
        broker
            .strand_in(&["produce", "many", "--partition", partition], b"a\nb\n")
            .ok();
    }
    let read = broker
        .strand(&[
            "consume",
            "many",
            "--from-beginning",
            "--until-end",
            "--json",
        ])
        .ok()
        .json_lines();
    let mut places: Vec<_> = read
        .iter()
        .map(|r| (r["partition"].as_u64(), r["offset"].as_u64()))
        .collect();
    places.sort_unstable();
    let expected = [0, 2, 4].map(|partition| [0, 1].map(|offset| (Some(partition), Some(offset))));
    assert_eq!(places, expected.concat());
}

#[test]
fn it_follows_what_comes_until_it_is_ended() {
    let broker = Broker::start();
    ten(&broker);
    let mut command = broker.command(&["consume", "ten", "--from-beginning"]);
    command.stdout(Stdio::piped());
    let (mut child, pipes) = Running::spawn(&mut command);
    let mut lines = BufReader::new(pipes.stdout.unwrap())
        .lines()
        .map(Result::unwrap);
    assert_eq!(lines.by_ref().take(10).last().as_deref(), Some("9"));
    broker.strand_in(&["produce", "ten"], b"later\n").ok();
    assert_eq!(lines.next().as_deref(), Some("later"));
    child.kill();
}

#[test]
fn json_shows_every_field_and_tells_null_from_empty() {
    let broker = Broker::start();
    let headers = vec![
        Header {
            key: "h".into(),
            value: Some("1".into()),
        },
        Header {
            key: "h".into(),
            value: None,
        },
        Header {
            key: "raw".into(),
            value: Some(b"\xff"[..].into()),
        },
    ];
    let records = vec![
        Record {
            headers,
            timestamp_ms: Some(1_700_000_000_000),
            ..record(Some(b"k"), Some(b"v"))
        },
        record(None, None),
        record(Some(b""), Some(b"")),
        record(Some(b"\xff\0"), Some(b"\x80")),
    ];
    produce(&broker, "shown", records);
    let read = broker
        .strand(&[
            "consume",
            "shown",
            "--from-beginning",
            "--until-end",
            "--json",
        ])
        .ok()
        .json_lines();
    assert_eq!(
        fields(&read[0]),
        [
            "headers",
            "key",
            "offset",
            "partition",
            "timestamp",
            "value"
        ]
    );
    assert_eq!(read[0]["timestamp"], 1_700_000_000_000_i64);
    assert_eq!(
        (&read[0]["partition"], &read[0]["offset"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(
        (&read[0]["key"], &read[0]["value"]),
        (&json!("k"), &json!("v"))
    );
    let headers = &read[0]["headers"];
    assert_eq!(headers[0], json!({"key": "h", "value": "1"}));
    assert_eq!(headers[1], json!({"key": "h", "value": null}));
    assert_eq!(
        (&headers[2]["key"], &headers[2]["value_base64"]),
        (&json!("raw"), &json!("/w=="))
    );
    assert_eq!(
        (&read[1]["key"], &read[1]["value"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (&read[2]["key"], &read[2]["value"]),
        (&json!(""), &json!(""))
    );
    assert_eq!(
        (&read[3]["key_base64"], &read[3]["value_base64"]),
        (&json!("/wA="), &json!("gA=="))
    );
    assert!(
        read[3]["key"].is_null() && read[3]["value"].is_null(),
        "{}",
        read[3]
    );
}

#[test]
fn formats_are_value_key_value_and_json_also_without_the_global_option() {
    let broker = Broker::start();
    broker
        .strand_in(&["produce", "ten", "--key-separator", ":"], b"k:v\nnone\n")
        .ok();
    let formatted = |format: &str| {
        read(
            &broker,
            &["--from-beginning", "--until-end", "--format", format],
        )
    };
    assert_eq!(formatted("value"), "v\nnone\n");
    let key_value = formatted("key-value");
    assert_eq!(key_value.lines().next(), Some("k\tv"));
    assert_eq!(key_value.lines().count(), 2);
    let json: Vec<Value> = formatted("json")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(json[0]["key"], "k");
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let broker = Broker::start();
    let input = b"0123456789\n".repeat(100_000);
    broker.strand_in(&["produce", "ten"], &input).ok();
    let mut command = broker.command(&["consume", "ten", "--from-beginning", "--until-end"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut child, pipes) = Running::spawn(&mut command);
    let mut first = String::new();
    BufReader::new(pipes.stdout.unwrap())
        .read_line(&mut first)
        .unwrap();
    let status = child
        .wait(strandline_tests::harness::TIMEOUT)
        .expect("it ends");
    let complaints: Vec<_> = BufReader::new(pipes.stderr.unwrap())
        .lines()
        .map(Result::unwrap)
        .collect();
    assert_eq!((first.as_str(), complaints), ("0123456789\n", vec![]));
    assert!(status.success() || status.code().is_none(), "{status}");
}
