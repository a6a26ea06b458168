//! What an operator does: draining, moving, decommissioning, a replaced disk, a new address.

use serde_json::Value;
use strandline_tests::harness::{Cluster, eventually, free_port};

use crate::lines::{all_there, produce};

const TOPIC: &str = "orders";

fn started(brokers: u32) -> Cluster {
    let cluster = Cluster::start(brokers);
    cluster
        .strand(&["topic", "create", TOPIC, "--partitions", "6"])
        .ok();
    for partition in 0..6 {
        cluster.await_leader(TOPIC, partition);
    }
    cluster
}

fn broker(cluster: &Cluster, id: u32) -> Value {
    let described = cluster.describe();
    let brokers = described["brokers"].as_array().unwrap();
    brokers
        .iter()
        .find(|broker| broker["id"] == id)
        .unwrap()
        .clone()
}

#[test]
fn a_drain_moves_every_leadership_off_and_ends_at_the_next_start() {
    let mut cluster = started(3);
    produce(&cluster, TOPIC, 0, 100);
    cluster
        .strand(&["cluster", "drain", "1", "--wait", "--timeout", "30s"])
        .ok();
    let drained = broker(&cluster, 1);
    assert_eq!(
        (&drained["state"], &drained["leaders"]),
        (&"drained".into(), &0.into())
    );
    for partition in 0..6 {
        assert_ne!(cluster.await_leader(TOPIC, partition), 1);
    }
    cluster.strand(&["cluster", "undrain", "1"]).ok();
    assert_eq!(broker(&cluster, 1)["state"], "active");
    cluster
        .strand_at(
            2,
            &["cluster", "drain", "--self", "--wait", "--timeout", "30s"],
        )
        .ok();
    assert_eq!(broker(&cluster, 2)["state"], "drained");
    assert_eq!(cluster.terminate(2).code, Some(0));
    cluster.restart(2);
    eventually("the drain ends with the start", || {
        (broker(&cluster, 2)["state"] == "active").then_some(())
    });
    all_there(&cluster, TOPIC, 100);
}

#[test]
fn a_leadership_is_handed_to_the_broker_that_is_named() {
    let cluster = started(3);
    let leader = cluster.await_leader(TOPIC, 0);
    let next = (leader + 1) % 3;
    let to = next.to_string();
    let answer = cluster
        .strand(&[
            "cluster",
            "transfer-leader",
            TOPIC,
            "0",
            "--to",
            &to,
            "--json",
        ])
        .ok()
        .json();
    assert_eq!(answer["leader"], next);
    produce(&cluster, TOPIC, 0, 100);
    all_there(&cluster, TOPIC, 100);
}

#[test]
fn a_decommissioned_broker_holds_nothing_any_more() {
    let mut cluster = started(3);
    produce(&cluster, TOPIC, 0, 500);
    let fourth = cluster.add(&[]);
    cluster.restart(fourth);
    cluster
        .strand(&[
            "cluster",
            "decommission",
            "1",
            "--yes",
            "--wait",
            "--timeout",
            "50s",
        ])
        .ok();
    let gone = broker(&cluster, 1);
    assert_eq!(
        (&gone["state"], &gone["replicas"]),
        (&"decommissioned".into(), &0.into())
    );
    let topic = cluster
        .strand(&["topic", "describe", TOPIC, "--json"])
        .ok()
        .json();
    for partition in topic["partitions"].as_array().unwrap() {
        let replicas = partition["replicas"].as_array().unwrap();
        assert_eq!(replicas.len(), 3, "{partition}");
        assert!(!replicas.contains(&1.into()), "{partition}");
    }
    cluster.terminate(1);
    produce(&cluster, TOPIC, 500, 600);
    all_there(&cluster, TOPIC, 600);
}

#[test]
fn partitions_are_given_the_replicas_that_are_named() {
    let mut cluster = started(3);
    produce(&cluster, TOPIC, 0, 500);
    let fourth = cluster.add(&[]);
    cluster.restart(fourth);
    let reassign = [
        "topic",
        "reassign",
        TOPIC,
        "--partition",
        "0",
        "--replicas",
        "3,1,2",
        "--wait",
    ];
    cluster
        .strand(&[&reassign[..], &["--timeout", "50s"]].concat())
        .ok();
    let topic = cluster
        .strand(&["topic", "describe", TOPIC, "--json"])
        .ok()
        .json();
    assert_eq!(
        topic["partitions"][0]["replicas"],
        serde_json::json!([3, 1, 2])
    );
    assert_eq!(topic["partitions"][0]["removing"], serde_json::json!([]));
    all_there(&cluster, TOPIC, 500);
    for (replicas, warns) in [("1,2", true), ("1,2,0", false)] {
        let checked = ["topic", "reassign", TOPIC, "--validate-only", "--replicas"];
        let checked = cluster.strand(&[&checked[..], &[replicas]].concat()).ok();
        let says = checked.stderr.contains("2 replicas survive no failure");
        assert_eq!(says, warns, "{replicas}: {}", checked.stderr);
    }
    // A broker that does not exist is none to move to.
    cluster
        .strand(&["topic", "reassign", TOPIC, "--replicas", "1,2,9"])
        .exits(3);
}

#[test]
fn a_replaced_disk_is_filled_again() {
    let mut cluster = started(3);
    produce(&cluster, TOPIC, 0, 1_000);
    cluster.kill(2);
    cluster.replace_disk(2);
    cluster.restart(2);
    eventually("broker 2 in sync again", || {
        let topic = cluster.strand(&["topic", "describe", TOPIC, "--json"]);
        let partition = topic.ok().json()["partitions"][0].clone();
        let in_sync = partition["in_sync"].as_array()?;
        (in_sync.len() == 3 && in_sync.contains(&2.into())).then_some(())
    });
    // Now the new disk counts: without another one the topic is still there.
    cluster.kill(0);
    all_there(&cluster, TOPIC, 1_000);
    produce(&cluster, TOPIC, 1_000, 1_100);
    all_there(&cluster, TOPIC, 1_100);
}

#[test]
fn a_broker_that_returns_under_another_address_is_found() {
    let mut cluster = started(3);
    produce(&cluster, TOPIC, 0, 100);
    assert_eq!(cluster.terminate(1).code, Some(0));
    cluster.move_away(1);
    cluster.restart(1);
    produce(&cluster, TOPIC, 100, 200);
    let address = eventually("its new address is known", || {
        let address = broker(&cluster, 1)["address"].as_str()?.to_owned();
        (address == cluster.grpc(1)).then_some(address)
    });
    assert_eq!(address, cluster.grpc(1));
    cluster.kill(0);
    produce(&cluster, TOPIC, 200, 300);
    all_there(&cluster, TOPIC, 300);
}

#[test]
fn a_broker_that_returns_under_another_address_and_finds_one_other_only_is_found_by_all() {
    let mut cluster = started(3);
    // One of the two does not lead the metadata: then it has to tell who does.
    for known in [0, 2] {
        assert_eq!(cluster.terminate(1).code, Some(0));
        cluster.move_away(1);
        let nobody = [free_port(), free_port()].map(|port| format!(",127.0.0.1:{port}"));
        let only = cluster.peer(known) + &nobody.concat();
        cluster.look_elsewhere(1, &only);
        cluster.restart(1);
    }
    produce(&cluster, TOPIC, 0, 100);
    all_there(&cluster, TOPIC, 100);
}
