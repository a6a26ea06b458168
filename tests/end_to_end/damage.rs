//! Damaged files: what can be rebuilt is, what cannot is named, and wrong bytes are never served.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use strandline_tests::chance::Chance;
use strandline_tests::harness::{Broker, data_files, get, segment_files};

const TOPIC: &str = "damaged";

/// A stopped broker with a topic of several segments, and what is in it.
fn stopped() -> (Broker, String) {
    let mut broker = Broker::start();
    broker
        .strand(&["topic", "create", TOPIC, "--config", "segment.bytes=65536"])
        .ok();
    let lines: String = (0..300).map(|number| format!("{number:0999}\n")).collect();
    broker
        .strand_in(
            &["produce", TOPIC, "--batch-bytes", "8KiB"],
            lines.as_bytes(),
        )
        .ok();
    assert_eq!(read(&broker), lines);
    assert_eq!(broker.terminate().code, Some(0));
    (broker, lines)
}

fn read(broker: &Broker) -> String {
    broker
        .strand(&["consume", TOPIC, "--from-beginning", "--until-end"])
        .ok()
        .text()
}

/// The segments of the topic, in order: the only files that hold its records.
fn segments(broker: &Broker) -> Vec<PathBuf> {
    let mut files = segment_files(broker.data());
    files.retain(|file| {
        fs::read(file)
            .unwrap()
            .windows(20)
            .any(|window| window == [b'0'; 20])
    });
    assert!(files.len() >= 3, "{files:?}");
    files
}

#[test]
fn indexes_that_are_missing_or_nonsense_are_rebuilt() {
    let (mut broker, lines) = stopped();
    let directory = segments(&broker)[0].parent().unwrap().to_owned();
    let is_index = |file: &PathBuf| {
        let extension = file.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| extension.contains("index"))
    };
    let indexes = || data_files(&directory).into_iter().filter(is_index);
    for index in indexes() {
        fs::remove_file(index).unwrap();
    }
    broker.restart();
    assert_eq!(read(&broker), lines);
    broker.terminate();
    for index in indexes() {
        fs::write(index, b"nonsense").unwrap();
    }
    broker.restart();
    assert_eq!(read(&broker), lines);
}

#[test]
fn garbage_behind_the_end_after_a_kill_is_cut() {
    let mut chance = Chance::seeded();
    let (mut broker, lines) = stopped();
    for round in 0..3 {
        broker.restart();
        broker.kill();
        let last = segments(&broker).pop().unwrap();
        let mut file = OpenOptions::new().append(true).open(&last).unwrap();
        let garbage = chance.bytes(100 + round * 3_000);
        file.write_all(&garbage).unwrap();
        broker.restart();
        assert_eq!(read(&broker), lines);
        broker.terminate();
    }
    broker.restart();
    broker.strand_in(&["produce", TOPIC], b"more\n").ok();
    assert_eq!(read(&broker), format!("{lines}more\n"));
}

#[test]
fn a_flipped_bit_is_named_with_its_file_and_never_served_nor_cut() {
    let (mut broker, lines) = stopped();
    let damaged = segments(&broker)[1].clone();
    let mut bytes = fs::read(&damaged).unwrap();
    let at = bytes
        .windows(20)
        .position(|window| window == [b'0'; 20])
        .unwrap()
        + 7;
    bytes[at] ^= 0x10;
    fs::write(&damaged, &bytes).unwrap();

    broker.restart();
    broker.strand_in(&["produce", "other"], b"fine\n").ok();
    let consume = ["consume", TOPIC, "--from-beginning", "--until-end"];
    let ran = broker.strand(&[&consume[..], &["--json", "--format", "value"]].concat());
    let served = ran.text();
    assert!(
        lines.starts_with(&served),
        "only whole records from before the damage are served"
    );
    let error = ran.exits(1).json_error();
    assert_eq!(error["reason"], "DATA_DAMAGED", "{error}");
    let message = error["error"].as_str().unwrap();
    let name = damaged.file_name().unwrap().to_str().unwrap();
    assert!(message.contains(name), "{name} is not in: {message}");
    assert_eq!(get(broker.http(), "/healthz").unwrap().status, 200);
    assert_eq!(
        broker
            .strand(&["consume", "other", "--from-beginning", "--until-end"])
            .ok()
            .text(),
        "fine\n"
    );

    broker.kill();
    assert_eq!(fs::read(&damaged).unwrap(), bytes, "nothing of it was cut");
    // Its bytes made good, everything is there again.
    bytes[at] ^= 0x10;
    fs::write(&damaged, &bytes).unwrap();
    broker.restart();
    assert_eq!(read(&broker), lines);
}
