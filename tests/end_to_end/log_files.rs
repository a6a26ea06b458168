//! Real-looking files go in line by line and come out byte for byte.

use strandline_tests::chance::Chance;
use strandline_tests::harness::{Broker, LogFile, log_files};

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// Each file with each codec has a topic of its own.
fn topic(file: &LogFile, codec: &str) -> String {
    format!("{}-{codec}", file.name)
}

fn produce(broker: &Broker, file: &LogFile, codec: &str) {
    let path = broker
        .data()
        .with_file_name(format!("{}.in", topic(file, codec)));
    std::fs::write(&path, &file.bytes).unwrap();
    let topic = topic(file, codec);
    let arguments = [
        "produce",
        &topic,
        "--file",
        path.to_str().unwrap(),
        "--compression",
        codec,
        "--json",
    ];
    let acknowledged = broker.strand(&arguments).ok().json_lines();
    let records: u64 = acknowledged
        .iter()
        .map(|line| line["records"].as_u64().unwrap())
        .sum();
    assert_eq!(records as usize, lines(&file.bytes), "{topic}");
}

/// A line feed ends a record, and an unended last line is one.
fn lines(bytes: &[u8]) -> usize {
    let ended = bytes.iter().filter(|byte| **byte == b'\n').count();
    ended + usize::from(bytes.last().is_some_and(|last| *last != b'\n'))
}

#[track_caller]
fn assert_comes_out(broker: &Broker, file: &LogFile, codec: &str) {
    let topic = topic(file, codec);
    let arguments = [
        "consume",
        &topic,
        "--from-beginning",
        "--until-end",
        "--format",
        "value",
    ];
    let read = broker.strand(&arguments).ok().stdout;
    let mut expected = file.bytes.clone();
    if expected.last().is_some_and(|last| *last != b'\n') {
        expected.push(b'\n');
    }
    let differs = read
        .iter()
        .zip(&expected)
        .position(|(read, expected)| read != expected);
    assert_eq!(
        (read.len(), differs),
        (expected.len(), None),
        "{topic}: length, first differing byte"
    );
}

#[test]
fn files_come_out_byte_for_byte_with_every_codec_after_a_restart_and_after_a_kill() {
    let files = log_files(&mut Chance::seeded());
    let mut broker = Broker::start();
    let all = || {
        files
            .iter()
            .flat_map(|file| CODECS.map(|codec| (file, codec)))
    };
    for (file, codec) in all() {
        produce(&broker, file, codec);
    }
    for (file, codec) in all() {
        assert_comes_out(&broker, file, codec);
    }
    assert_eq!(broker.terminate().code, Some(0));
    broker.restart();
    for (file, codec) in all() {
        assert_comes_out(&broker, file, codec);
    }
    broker.kill();
    broker.restart();
    for (file, codec) in all() {
        assert_comes_out(&broker, file, codec);
    }
}

#[test]
fn files_acknowledged_right_before_a_kill_are_there_after_it() {
    let files = log_files(&mut Chance::seeded());
    let mut broker = Broker::start();
    for (file, codec) in files.iter().zip(CODECS.iter().cycle().skip(1)) {
        produce(&broker, file, codec);
        broker.kill();
        broker.restart();
        assert_comes_out(&broker, file, codec);
    }
}
