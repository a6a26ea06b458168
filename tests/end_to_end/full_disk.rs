//! A full disk: produce is refused, reads go on, and it is over once there is space again.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use strandline_tests::harness::{Broker, Plan, SmallFileSystem, eventually, get, is_root, skip};

const TOPIC: &str = "filling";

/// Takes up so many MiB.
fn ballast(path: &Path, mebibytes: usize) {
    let mut file = File::create(path).unwrap();
    for _ in 0..mebibytes {
        file.write_all(&vec![1; 1 << 20]).unwrap();
    }
}

/// Lines of 50,000 bytes, the line feed included, numbered from `first`.
fn lines(first: u64, count: u64) -> Vec<u8> {
    (first..first + count)
        .flat_map(|number| format!("{number:049999}\n").into_bytes())
        .collect()
}

/// Produces one record after the other until one is refused; what was acknowledged, and the refusal.
fn fill(broker: &Broker) -> (u64, serde_json::Value) {
    for acknowledged in 0..1_280 {
        let ran = broker.strand_in(
            &["produce", TOPIC, "--json", "--timeout", "3s"],
            &lines(acknowledged, 1),
        );
        if ran.code != 0 {
            assert_eq!(ran.text(), "", "what is refused is not acknowledged");
            return (acknowledged, ran.exits(6).json_error());
        }
    }
    panic!("64 MB of records went into a file system of 64 MiB");
}

/// Every acknowledged record is read, in order, and nothing else.
#[track_caller]
fn assert_read(broker: &Broker, acknowledged: u64) {
    let read = broker
        .strand(&["consume", TOPIC, "--from-beginning", "--until-end"])
        .ok()
        .stdout;
    let expected = lines(0, acknowledged);
    let differs = read
        .iter()
        .zip(&expected)
        .position(|(read, expected)| read != expected);
    assert_eq!(
        (read.len(), differs),
        (expected.len(), None),
        "length, first differing byte"
    );
}

#[test]
fn a_full_disk_refuses_produce_serves_reads_and_recovers_without_restart() {
    let small = is_root().then(|| SmallFileSystem::mount(64)).flatten();
    let Some(small) = small else {
        return skip("the full disk", "mounting a small file system needs root");
    };
    let space = small.path().join("ballast");
    ballast(&space, 30);
    let data = small.path().join("data");
    let mut broker = Broker::start_as(Plan {
        data: Some(data),
        ..Plan::default()
    });
    broker
        .strand(&[
            "topic",
            "create",
            TOPIC,
            "--config",
            "segment.bytes=1048576",
        ])
        .ok();

    let (acknowledged, error) = fill(&broker);
    assert_eq!(error["reason"], "NO_SPACE", "{error}");
    assert!(
        acknowledged >= 200,
        "only {acknowledged} records of 50,000 bytes went into 30 MiB"
    );
    assert_read(&broker, acknowledged);
    assert!(broker.is_running());
    assert_eq!(get(broker.http(), "/healthz").unwrap().status, 200);

    fs::remove_file(&space).unwrap();
    let more = eventually("produce, once there is space", || {
        let lines = lines(acknowledged, 10);
        let ran = broker.strand_in(&["produce", TOPIC, "--json", "--timeout", "3s"], &lines);
        (ran.code == 0).then_some(10)
    });
    assert_read(&broker, acknowledged + more);
    broker.kill();
    broker.restart();
    assert_read(&broker, acknowledged + more);
}

#[test]
fn a_broker_starts_and_serves_reads_on_a_disk_that_is_full() {
    let small = is_root().then(|| SmallFileSystem::mount(64)).flatten();
    let Some(small) = small else {
        return skip(
            "the start on a full disk",
            "mounting a small file system needs root",
        );
    };
    ballast(&small.path().join("ballast"), 30);
    let data = small.path().join("data");
    let mut broker = Broker::start_as(Plan {
        data: Some(data),
        ..Plan::default()
    });
    broker
        .strand(&[
            "topic",
            "create",
            TOPIC,
            "--config",
            "segment.bytes=1048576",
        ])
        .ok();
    let (acknowledged, _) = fill(&broker);
    broker.kill();
    broker.restart();
    assert_read(&broker, acknowledged);
}
