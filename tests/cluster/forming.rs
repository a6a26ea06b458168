//! Forming and joining: any order of starts, missing brokers, strangers.

use std::collections::BTreeSet;

use strandline_tests::chance::Chance;
use strandline_tests::harness::{Cluster, eventually};

/// The cluster's id as each broker tells it.
fn cluster_ids(cluster: &Cluster) -> BTreeSet<String> {
    let id = |broker| {
        let described = cluster.strand_at(broker, &["cluster", "describe", "--json"]);
        described.ok().json()["cluster_id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    cluster.ids().into_iter().map(id).collect()
}

#[test]
fn one_cluster_forms_whatever_the_order_and_the_repetition_of_starts() {
    let mut chance = Chance::seeded();
    let mut cluster = Cluster::plan(3, &[]);
    // Starts, and kills wherever a broker is then; the last word is that all run.
    for _ in 0..8 {
        let id = u32::try_from(chance.below(3)).unwrap();
        match cluster.runs(id) {
            true => cluster.kill(id),
            false => cluster.launch(id),
        }
        std::thread::sleep(chance.duration(
            std::time::Duration::ZERO,
            std::time::Duration::from_millis(300),
        ));
    }
    for id in [2, 0, 1] {
        if !cluster.runs(id) {
            cluster.launch(id);
        }
    }
    cluster.await_all_ready();
    assert_eq!(cluster_ids(&cluster).len(), 1);
    let described = cluster.describe();
    let brokers = described["brokers"].as_array().unwrap();
    let ids: Vec<_> = brokers
        .iter()
        .map(|broker| broker["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, [0, 1, 2]);
    let names: Vec<_> = described.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        names,
        ["brokers", "cluster_id", "leaderless", "under_replicated"]
    );
}

#[test]
fn two_of_three_wait_say_so_and_stop_cleanly_and_the_third_completes_them() {
    let mut cluster = Cluster::plan(3, &[]);
    cluster.launch(0);
    cluster.launch(1);
    let waiting = eventually("a broker that says that it waits", || {
        let answer = cluster.readiness(0)?;
        answer
            .body
            .contains("not in a cluster yet")
            .then_some(answer)
    });
    assert_eq!(waiting.status, 503);
    assert_eq!(cluster.terminate(0).code, Some(0));
    assert!(!cluster.log(1).contains("a member of its cluster"));
    cluster.launch(2);
    cluster.launch(0);
    cluster.await_all_ready();
    assert_eq!(cluster_ids(&cluster).len(), 1);
}

#[test]
fn a_broker_that_comes_later_joins() {
    let mut cluster = Cluster::start(1);
    let before = cluster_ids(&cluster);
    let later = cluster.add(&[]);
    cluster.restart(later);
    let ids = eventually("the later broker among the others", || {
        let described = cluster.describe();
        let brokers = described["brokers"].as_array()?.clone();
        (brokers.len() == 2).then_some(brokers)
    });
    assert_eq!(ids[1]["id"], later);
    assert_eq!(cluster_ids(&cluster), before);
}

#[test]
fn a_member_of_another_cluster_is_refused_by_both_names() {
    let first = Cluster::start(2);
    let mut second = Cluster::start(2);
    assert_eq!(second.terminate(1).code, Some(0));
    second.look_elsewhere(1, &first.peers());
    second.launch(1);
    eventually("a refusal of the stranger", || {
        let log = first.log(0);
        let names_both = [0, 1].map(|id| log.contains(&format!("broker {id} (")));
        (log.contains("is a member of cluster") && names_both == [true; 2]).then_some(())
    });
    assert_ne!(second.readiness(1).map(|answer| answer.status), Some(200));
    assert_eq!(second.terminate(1).code, Some(0));
    assert_eq!(first.describe()["brokers"].as_array().unwrap().len(), 2);
}

#[test]
fn a_broker_of_another_cluster_name_is_refused_by_name() {
    let mut cluster = Cluster::start(2);
    let stranger = cluster.add(&["--cluster-name=elsewhere"]);
    cluster.launch(stranger);
    eventually("a refusal in the stranger's log", || {
        let log = cluster.log(stranger);
        (log.contains("elsewhere") && log.contains("strandline")).then_some(())
    });
    assert_eq!(cluster.terminate(stranger).code, Some(0));
    assert_eq!(cluster.describe()["brokers"].as_array().unwrap().len(), 2);
}
