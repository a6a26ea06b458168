//! Leaders that die, and everything at once.

use strandline_tests::harness::Cluster;

use crate::lines::{all_there, produce};

const TOPIC: &str = "survivor";

fn started() -> Cluster {
    let cluster = Cluster::start(3);
    let create = ["topic", "create", TOPIC, "--partitions", "3", "--json"];
    let created = cluster.strand(&create).ok().json();
    let replicas = created["partitions"][0]["replicas"].as_array().unwrap();
    assert_eq!(
        replicas.len(),
        3,
        "three replicas where there are three brokers"
    );
    cluster
}

#[test]
fn a_topic_survives_the_kill_of_its_leader() {
    let mut cluster = started();
    produce(&cluster, TOPIC, 0, 1_000);
    let leader = cluster.await_leader(TOPIC, 0);
    cluster.kill(leader);
    produce(&cluster, TOPIC, 1_000, 2_000);
    all_there(&cluster, TOPIC, 2_000);
    cluster.restart(leader);
    produce(&cluster, TOPIC, 2_000, 3_000);
    all_there(&cluster, TOPIC, 3_000);
}

#[test]
fn everything_acknowledged_survives_the_kill_of_all_brokers_at_once() {
    let mut cluster = started();
    for round in 0..2 {
        produce(&cluster, TOPIC, round * 1_000, (round + 1) * 1_000);
        for id in cluster.ids() {
            cluster.kill(id);
        }
        for id in cluster.ids() {
            cluster.launch(id);
        }
        cluster.await_all_ready();
        all_there(&cluster, TOPIC, (round + 1) * 1_000);
    }
}
#[test]
fn any_broker_answers_and_says_who_leads() {
    let cluster = started();
    produce(&cluster, TOPIC, 0, 100);
    for id in cluster.ids() {
        let read = cluster.strand_at(
            id,
            &[
                "consume",
                TOPIC,
                "--partition",
                "0",
                "--from-beginning",
                "--until-end",
            ],
        );
        assert_eq!(read.ok().text().lines().count(), 100);
    }
}
