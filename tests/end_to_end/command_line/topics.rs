//! `strand topic`: create, list, describe, alter, delete, delete-records.

use serde_json::{Value, json};
use strandline_tests::harness::Broker;

use super::assert_has_fields;

fn describe(broker: &Broker, topic: &str) -> Value {
    broker
        .strand(&["topic", "describe", topic, "--json"])
        .ok()
        .json()
}

#[test]
fn describe_shows_partitions_and_configs() {
    let broker = Broker::start();
    broker
        .strand(&[
            "topic",
            "create",
            "orders",
            "--partitions",
            "3",
            "--config",
            "retention.ms=1000",
        ])
        .ok();
    broker
        .strand_in(&["produce", "orders", "--partition", "1"], b"a\nb\n")
        .ok();
    let topic = describe(&broker, "orders");
    assert_has_fields(&topic, &["name", "id", "partitions", "configs"]);
    assert_eq!(topic["name"], "orders");
    let id = topic["id"].as_str().unwrap();
    assert!(
        id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{id}"
    );
    let partitions = topic["partitions"].as_array().unwrap();
    assert_eq!(partitions.len(), 3);
    for (index, partition) in (0..).zip(partitions) {
        let names = [
            "partition",
            "leader",
            "replicas",
            "in_sync",
            "log_start",
            "high_watermark",
        ];
        assert_has_fields(partition, &names);
        assert_eq!(partition["partition"], index);
        assert_eq!(
            (&partition["leader"], &partition["replicas"]),
            (&json!(0), &json!([0]))
        );
        assert_eq!(
            (&partition["in_sync"], &partition["log_start"]),
            (&json!([0]), &json!(0))
        );
        assert_eq!(partition["high_watermark"], if index == 1 { 2 } else { 0 });
    }
    assert!(
        topic["configs"].to_string().contains("retention.ms"),
        "{}",
        topic["configs"]
    );
}

#[test]
fn create_list_alter_and_delete() {
    let broker = Broker::start();
    for name in ["b", "a", "c"] {
        broker
            .strand(&["topic", "create", name, "--json"])
            .ok()
            .json();
    }
    let names = |broker: &Broker| -> Vec<String> {
        let listed = broker.strand(&["topic", "list"]).ok().text();
        let is_name =
            |word: &str| word.len() == 1 && word.chars().all(|letter| letter.is_ascii_lowercase());
        listed
            .lines()
            .filter_map(|line| line.split_whitespace().find(|word| is_name(word)))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(names(&broker), ["a", "b", "c"]);
    let before = describe(&broker, "a")["id"].clone();

    broker
        .strand(&[
            "topic",
            "alter",
            "a",
            "--config",
            "retention.ms=5000",
            "--partitions",
            "2",
        ])
        .ok();
    let altered = describe(&broker, "a");
    assert_eq!(altered["partitions"].as_array().unwrap().len(), 2);
    assert!(
        altered["configs"].to_string().contains("5000"),
        "{}",
        altered["configs"]
    );
    broker
        .strand(&["topic", "alter", "a", "--unset", "retention.ms"])
        .ok();
    assert!(
        !describe(&broker, "a")["configs"]
            .to_string()
            .contains("\"5000\"")
    );

    broker.strand_in(&["produce", "a"], b"old\n").ok();
    broker.strand(&["topic", "delete", "a", "--yes"]).ok();
    assert_eq!(names(&broker), ["b", "c"]);
    broker.strand(&["topic", "describe", "a"]).exits(3);
    // Created anew, it is another topic, which never meets the old one's records.
    broker.strand(&["topic", "create", "a"]).ok();
    assert_ne!(describe(&broker, "a")["id"], before);
    let read = broker
        .strand(&["consume", "a", "--from-beginning", "--until-end"])
        .ok();
    assert_eq!(read.text(), "");
}

#[test]
fn what_was_created_is_there_after_a_kill() {
    let mut broker = Broker::start();
    broker
        .strand(&[
            "topic",
            "create",
            "kept",
            "--partitions",
            "2",
            "--config",
            "segment.bytes=65536",
        ])
        .ok();
    broker.strand(&["topic", "create", "gone"]).ok();
    broker.strand(&["topic", "delete", "gone", "--yes"]).ok();
    let before = describe(&broker, "kept");
    broker.kill();
    broker.restart();
    let after = describe(&broker, "kept");
    assert_eq!(
        (&after["id"], &after["configs"]),
        (&before["id"], &before["configs"])
    );
    assert_eq!(after["partitions"].as_array().unwrap().len(), 2);
    broker.strand(&["topic", "describe", "gone"]).exits(3);
}

#[test]
fn a_topic_is_created_on_first_produce() {
    let broker = Broker::with(&["--default-partitions", "3"]);
    broker.strand_in(&["produce", "sudden"], b"a\n").ok();
    assert_eq!(
        describe(&broker, "sudden")["partitions"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[test]
fn delete_records_moves_the_log_start() {
    let broker = Broker::start();
    broker
        .strand_in(&["produce", "trimmed"], b"0\n1\n2\n3\n")
        .ok();
    let delete = [
        "topic",
        "delete-records",
        "trimmed",
        "--partition",
        "0",
        "--before",
    ];
    broker.strand(&[&delete[..], &["2"]].concat()).ok();
    assert_eq!(
        describe(&broker, "trimmed")["partitions"][0]["log_start"],
        2
    );
    // A lower offset changes nothing: what is gone stays gone.
    broker.strand(&[&delete[..], &["1"]].concat()).ok();
    assert_eq!(
        describe(&broker, "trimmed")["partitions"][0]["log_start"],
        2
    );
    broker
        .strand(&["topic", "delete-records", "trimmed", "--all"])
        .ok();
    assert_eq!(
        describe(&broker, "trimmed")["partitions"][0]["log_start"],
        4
    );
}

#[test]
fn validate_only_creates_nothing() {
    let broker = Broker::start();
    broker
        .strand(&["topic", "create", "checked", "--validate-only"])
        .ok();
    broker.strand(&["topic", "describe", "checked"]).exits(3);
}
