//! Global options, `cluster`, `log dump`, `bench`; no progress bars in pipes.

use std::process::Command;

use strandline_tests::harness::{Broker, TIMEOUT, run, segment_files, strand, strand_binary};

/// What a terminal understands and a pipe must not get: escape sequences, and going back in a line.
#[track_caller]
fn assert_no_terminal_codes(what: &str, bytes: &[u8]) {
    let found = bytes
        .iter()
        .find(|byte| matches!(byte, 0x1b | b'\r' | 0x08));
    assert_eq!(found, None, "{what}: {}", String::from_utf8_lossy(bytes));
}

#[test]
fn the_server_option_works_after_any_subcommand_and_from_the_environment() {
    let broker = Broker::start();
    strand(&["--server", broker.grpc(), "topic", "list"], b"").ok();
    strand(&["topic", "--server", broker.grpc(), "list"], b"").ok();
    strand(
        &[
            "topic",
            "list",
            "--server",
            broker.grpc(),
            "--output",
            "json",
        ],
        b"",
    )
    .ok()
    .json_lines();
    let mut command = Command::new("env");
    command
        .arg(format!("STRAND_SERVER={}", broker.grpc()))
        .arg(strand_binary())
        .args(["topic", "list"]);
    run(command, b"", TIMEOUT).ok();
}

#[test]
fn the_cluster_is_shown() {
    let broker = Broker::start();
    let cluster = broker
        .strand(&["cluster", "describe", "--json"])
        .ok()
        .json();
    assert!(cluster.to_string().contains(broker.grpc()), "{cluster}");
    let brokers = broker.strand(&["cluster", "brokers", "--json"]).ok().text();
    assert!(brokers.contains(broker.grpc()), "{brokers}");
}

#[test]
fn log_dump_verifies_a_segment_and_names_the_damaged_byte() {
    let mut broker = Broker::start();
    broker
        .strand_in(
            &["produce", "dumped", "--compression", "zstd"],
            b"one\ntwo\n",
        )
        .ok();
    broker.strand_in(&["produce", "dumped"], b"three\n").ok();
    let of_topic = |broker: &Broker| {
        let id = broker
            .strand(&["topic", "describe", "dumped", "--json"])
            .ok()
            .json()["id"]
            .clone();
        let files = segment_files(broker.data());
        files
            .into_iter()
            .find(|file| file.to_str().unwrap().contains(id.as_str().unwrap()))
            .unwrap()
    };
    let file = of_topic(&broker);
    assert_eq!(broker.terminate().code, Some(0));
    let path = file.to_str().unwrap();
    let batches = strand(&["log", "dump", path, "--json"], b"")
        .ok()
        .json_lines();
    let records: u64 = batches
        .iter()
        .filter_map(|batch| batch["records"].as_u64())
        .sum();
    assert_eq!(records, 3, "{batches:?}");
    strand(&["log", "dump", path], b"").ok();

    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes
        .windows(5)
        .position(|window| window == b"three")
        .unwrap();
    bytes[at] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let damaged = strand(&["log", "dump", path], b"").exits(7);
    let said = damaged.text() + &damaged.stderr;
    assert!(said.contains("CRC") || said.contains("crc"), "{said}");
    let missing = "/no/such/00000000000000000000.0.log";
    strand(&["log", "dump", missing], b"").exits(3);
}

#[test]
fn bench_runs_and_shows_no_progress_bar_in_a_pipe() {
    let broker = Broker::start();
    let produced = broker
        .strand(&["bench", "produce", "load", "--records", "20000"])
        .ok();
    assert_no_terminal_codes("stdout", &produced.stdout);
    assert_no_terminal_codes("stderr", produced.stderr.as_bytes());
    assert!(produced.text().to_lowercase().contains("p99"), "{produced}");
    let consumed = broker
        .strand(&["bench", "consume", "load", "--records", "20000"])
        .ok();
    assert_no_terminal_codes("stderr", consumed.stderr.as_bytes());
    broker
        .strand(&["bench", "produce", "load", "--records", "1000", "--json"])
        .ok()
        .json();
}

#[test]
fn a_large_file_shows_no_progress_bar_in_a_pipe() {
    let broker = Broker::start();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("large");
    std::fs::write(&file, b"0123456789\n".repeat(300_000)).unwrap();
    let produced = broker
        .strand(&["produce", "large", "--file", file.to_str().unwrap()])
        .ok();
    assert_no_terminal_codes("stderr", produced.stderr.as_bytes());
    let consumed = broker
        .strand(&["consume", "large", "--from-beginning", "--until-end"])
        .ok();
    assert_no_terminal_codes("stderr", consumed.stderr.as_bytes());
    assert_eq!(consumed.stdout, std::fs::read(&file).unwrap());
}
