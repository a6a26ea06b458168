//! Clients that know one broker only, while leaders die, and that broker too.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use strandline_tests::harness::{Cluster, strand_binary};

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
