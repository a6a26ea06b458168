//! Clients that know one broker only, while leaders die, and that broker too.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use strandline_tests::harness::{Cluster, segment_files, strand_binary};

use crate::lines::{numbered, produce};

const TOPIC: &str = "numbered";
const ROUND: usize = 400;

fn strand(cluster: &Cluster, via: u32, arguments: &[&str]) -> Child {
    let mut command = Command::new(strand_binary());
    command
        .args(arguments)
        .args(["--server", &cluster.grpc(via)]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().expect("strand runs")
}

#[test]
fn a_producer_and_a_consumer_of_one_address_outlive_its_broker_and_lines_are_there_once_in_order() {
    let mut cluster = Cluster::start(3);
    cluster
        .strand(&["topic", "create", TOPIC, "--partitions", "1"])
        .ok();
    let leader = cluster.await_leader(TOPIC, 0);
    let via = (leader + 1) % 3;
    let produce = ["produce", TOPIC, "--partition", "0", "--timeout", "60s"];
    let mut producer = strand(&cluster, via, &produce);
    let count = (4 * ROUND).to_string();
    let consume = ["consume", TOPIC, "--from-beginning", "-n", &count];
    let consumer = strand(&cluster, via, &consume);
    let mut input = producer.stdin.take().expect("piped");
    let mut expected = Vec::new();
    for round in 0..4 {
        for line in round * ROUND..(round + 1) * ROUND {
            let line = format!("line {line}");
            writeln!(input, "{line}").expect("the producer reads");
            expected.push(line);
        }
        input.flush().expect("the producer reads");
        let dies = match round {
            0 | 2 => cluster.await_leader(TOPIC, 0),
            1 => via,
            _ => break,
        };
        cluster.kill(dies);
        cluster.await_leader(TOPIC, 0);
        cluster.restart(dies);
    }
    drop(input);
    let produced = producer.wait_with_output().expect("it ends");
    assert!(produced.status.success(), "{produced:?}");
    let consumed = consumer.wait_with_output().expect("it ends");
    assert!(consumed.status.success());
    let consumed = String::from_utf8(consumed.stdout).expect("text");
    let consumed: Vec<_> = consumed.lines().map(str::to_owned).collect();
    assert_eq!(consumed, expected, "every line once, in order");
}

#[test]
fn the_first_record_of_a_topic_that_did_not_exist_is_numbered_like_all_others() {
    let cluster = Cluster::start(1);
    let produce = ["produce", "fresh", "--key-separator", ":"];
    cluster
        .strand_in(&produce, b"k:first\nk:second\nthird\n")
        .ok();
    let mut records = 0;
    for file in segment_files(cluster.data(0)) {
        let dumped = cluster.strand(&["log", "dump", file.to_str().unwrap(), "--json"]);
        let rows = dumped.ok().text();
        let rows = rows
            .lines()
            .map(|row| -> Value { serde_json::from_str(row).unwrap() });
        for row in rows.filter(|row| row["kind"] == "records") {
            assert!(row["producer_id"].is_u64(), "{row}");
            records += row["records"].as_u64().unwrap();
        }
    }
    assert_eq!(records, 3);
}

#[test]
fn a_consumer_waits_until_somebody_leads_and_says_so_and_gives_up_only_after_its_time() {
    let mut cluster = Cluster::start(3);
    cluster
        .strand(&["topic", "create", TOPIC, "--partitions", "1"])
        .ok();
    let leader = cluster.await_leader(TOPIC, 0);
    produce(&cluster, TOPIC, 0, 100);
    let others = cluster.ids().into_iter().filter(|id| *id != leader);
    let others: Vec<_> = others.collect();
    for other in &others {
        cluster.kill(*other);
    }
    let consume = ["consume", TOPIC, "--from-beginning", "--until-end"];
    let impatient = [&consume[..], &["--timeout", "2s"]].concat();
    let gave_up = cluster.strand_at(leader, &impatient);
    assert_eq!(gave_up.code, 5, "{gave_up:?}");
    let mut patient = Command::new(strand_binary());
    patient
        .args(consume)
        .args(["--timeout", "60s", "--server", &cluster.grpc(leader)])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut patient = patient.spawn().expect("strand runs");
    let mut said = String::new();
    let mut stderr = BufReader::new(patient.stderr.take().expect("piped"));
    stderr.read_line(&mut said).expect("it says that it waits");
    assert!(said.contains("trying again"), "{said}");
    for other in &others {
        cluster.launch(*other);
    }
    let read = patient.wait_with_output().expect("it ends");
    assert!(read.status.success(), "{read:?}");
    assert_eq!(read.stdout, numbered(0, 100));
}
