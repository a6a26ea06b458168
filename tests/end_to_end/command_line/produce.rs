//! `strand produce`: one record per line, bytes untouched.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use strandline_tests::harness::{Broker, Running, TIMEOUT, run};

use super::fields;

/// What `input` becomes, as values.
#[track_caller]
fn assert_values(broker: &Broker, topic: &str, input: &[u8], expected: &[&[u8]]) {
    broker.strand_in(&["produce", topic], input).ok();
    let read = broker
        .strand(&["consume", topic, "--from-beginning", "--until-end"])
        .ok()
        .stdout;
    let expected: Vec<u8> = expected
        .iter()
        .flat_map(|value| [value, &b"\n"[..]].concat())
        .collect();
    assert_eq!(
        read,
        expected,
        "{topic}: {}",
        String::from_utf8_lossy(&read)
    );
}

#[test]
fn a_line_feed_ends_a_record_and_nothing_else_does() {
    let broker = Broker::start();
    assert_values(&broker, "plain", b"one\ntwo\n", &[b"one", b"two"]);
    assert_values(&broker, "unended", b"one\ntwo", &[b"one", b"two"]);
    assert_values(
        &broker,
        "empty-lines",
        b"\n\none\n\n",
        &[b"", b"", b"one", b""],
    );
    assert_values(
        &broker,
        "crlf",
        b"one\r\ntwo\r\n\r\n",
        &[b"one\r", b"two\r", b"\r"],
    );
    assert_values(
        &broker,
        "bare-cr",
        b"one\rstill one\n",
        &[b"one\rstill one"],
    );
    assert_values(
        &broker,
        "binary",
        b"\0\xff\xfe\x80\n\x1b[0m\x07\n",
        &[b"\0\xff\xfe\x80", b"\x1b[0m\x07"],
    );
    let long = vec![b'x'; 700_000];
    assert_values(&broker, "long", &long, &[&long]);
}

#[test]
fn nothing_in_is_nothing_written() {
    let broker = Broker::start();
    let ran = broker
        .strand_in(&["produce", "nothing", "--json"], b"")
        .ok();
    assert_eq!(ran.text(), "");
}

#[test]
fn each_acknowledged_batch_is_a_json_line() {
    let broker = Broker::start();
    let lines = broker
        .strand_in(
            &["produce", "told", "--partition", "0", "--json"],
            b"a\nb\nc\n",
        )
        .ok()
        .json_lines();
    let mut next = 0;
    for line in &lines {
        assert_eq!(
            fields(line),
            ["base_offset", "durability", "partition", "records"]
        );
        assert_eq!(
            (&line["partition"], &line["base_offset"]),
            (&json!(0), &json!(next))
        );
        assert_eq!(line["durability"], "fsync");
        next += line["records"].as_u64().unwrap();
    }
    assert_eq!(next, 3);
    broker
        .strand(&[
            "topic",
            "create",
            "cached",
            "--config",
            "durability=page-cache",
        ])
        .ok();
    let lines = broker
        .strand_in(&["produce", "cached", "--json"], b"a\n")
        .ok()
        .json_lines();
    assert_eq!(lines[0]["durability"], "page-cache");
}

#[test]
fn an_acknowledgement_is_shown_at_once_while_the_input_goes_on() {
    let broker = Broker::start();
    let mut command = broker.command(&["produce", "live", "--json"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let (mut child, pipes) = Running::spawn(&mut command);
    let (mut input, output) = (pipes.stdin.unwrap(), BufReader::new(pipes.stdout.unwrap()));
    let mut lines = output.lines();
    for number in 0..3 {
        writeln!(input, "line {number}").unwrap();
        input.flush().unwrap();
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(line["base_offset"], number);
    }
    drop(input);
    assert!(child.wait(TIMEOUT).unwrap().success());
}

#[test]
fn a_key_separator_splits_at_its_first_occurrence_and_a_line_without_one_has_no_key() {
    let broker = Broker::start();
    let input = b"k1:v1\nk2:a:b\n:empty key\nno key\nk3:\n";
    let produce = [
        "produce",
        "keyed",
        "--partition",
        "0",
        "--key-separator",
        ":",
    ];
    broker.strand_in(&produce, input).ok();
    let read = broker
        .strand(&[
            "consume",
            "keyed",
            "--from-beginning",
            "--until-end",
            "--json",
        ])
        .ok()
        .json_lines();
    let pairs: Vec<_> = read
        .iter()
        .map(|record| (record["key"].clone(), record["value"].clone()))
        .collect();
    let pair = |key: Value, value: &str| (key, json!(value));
    assert_eq!(
        pairs,
        [
            pair(json!("k1"), "v1"),
            pair(json!("k2"), "a:b"),
            pair(json!(""), "empty key"),
            pair(Value::Null, "no key"),
            pair(json!("k3"), ""),
        ]
    );
}

#[test]
fn equal_keys_go_to_one_partition() {
    let broker = Broker::start();
    broker
        .strand(&["topic", "create", "spread", "--partitions", "4"])
        .ok();
    let input: Vec<u8> = (0..400)
        .flat_map(|number| format!("key-{}:{number}\n", number % 20).into_bytes())
        .collect();
    broker
        .strand_in(&["produce", "spread", "--key-separator", ":"], &input)
        .ok();
    let read = broker
        .strand(&[
            "consume",
            "spread",
            "--from-beginning",
            "--until-end",
            "--json",
        ])
        .ok()
        .json_lines();
    assert_eq!(read.len(), 400);
    let mut places: Vec<_> = read
        .iter()
        .map(|r| (r["key"].to_string(), r["partition"].to_string()))
        .collect();
    places.sort();
    places.dedup();
    assert_eq!(places.len(), 20, "each key in one partition: {places:?}");
    let partitions: std::collections::BTreeSet<_> =
        places.iter().map(|(_, partition)| partition).collect();
    assert!(partitions.len() > 1, "all keys in {partitions:?}");
}

#[test]
fn headers_are_kept_in_order_with_duplicates() {
    let broker = Broker::start();
    let headers = [
        "--header", "a=1", "--header", "b=2=3", "--header", "a=1", "--header", "c=",
    ];
    broker
        .strand_in(&[&["produce", "headed"][..], &headers].concat(), b"x\n")
        .ok();
    let read = broker
        .strand(&[
            "consume",
            "headed",
            "--from-beginning",
            "--until-end",
            "--json",
        ])
        .ok()
        .json_lines();
    let headers: Vec<_> = read[0]["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|h| (&h["key"], &h["value"]))
        .collect();
    let expected = [("a", "1"), ("b", "2=3"), ("a", "1"), ("c", "")]
        .map(|(key, value)| (json!(key), json!(value)));
    assert_eq!(
        headers,
        expected
            .iter()
            .map(|(key, value)| (key, value))
            .collect::<Vec<_>>()
    );
}

#[test]
fn with_acks_none_nothing_is_waited_for_and_nothing_reported() {
    let broker = Broker::start();
    broker.strand(&["topic", "create", "unasked"]).ok();
    let ran = broker
        .strand_in(
            &["produce", "unasked", "--acks", "none", "--json"],
            b"a\nb\n",
        )
        .ok();
    assert_eq!(ran.text(), "");
    strandline_tests::harness::eventually("the records", || {
        let read = broker
            .strand(&["consume", "unasked", "--from-beginning", "--until-end"])
            .ok();
        (read.text() == "a\nb\n").then_some(())
    });
}

#[test]
fn a_refused_record_makes_it_fail_and_what_was_acknowledged_is_told() {
    let broker = Broker::start();
    broker
        .strand(&[
            "topic",
            "create",
            "small",
            "--config",
            "max.message.bytes=1000",
        ])
        .ok();
    let input = [&b"fits\n"[..], &[b'x'; 5_000], b"\n"].concat();
    let produce = ["produce", "small", "--json", "--batch-bytes", "1"];
    let ran = broker.strand_in(&produce, &input).exits(6);
    assert_eq!(ran.json_error()["reason"], "BATCH_TOO_LARGE");
    let told: u64 = ran
        .json_lines()
        .iter()
        .map(|line| line["records"].as_u64().unwrap())
        .sum();
    let read = broker
        .strand(&["consume", "small", "--from-beginning", "--until-end"])
        .ok()
        .text();
    assert_eq!((told, read.as_str()), (1, "fits\n"));
}

#[test]
fn without_a_broker_it_fails_in_time() {
    let mut broker = Broker::start();
    broker.kill();
    let command = broker.command(&["produce", "gone", "--timeout", "2s"]);
    run(command, b"x\n", Duration::from_secs(20)).exits(5);
}
