//! What metrics say of three brokers while one is down, and once it is back.

use strandline_tests::harness::{Cluster, eventually, get};

use crate::lines::produce;

const TOPIC: &str = "measured";
const PARTITIONS: u32 = 3;

/// A series of one broker, 0 where it has none.
fn value(cluster: &Cluster, id: u32, series: &str) -> u64 {
    let page = get(&cluster.http(id), "/metrics").expect("a broker that runs answers");
    let mut lines = page.body.lines();
    let value = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.map_or(0, |value| value.parse().expect("a number"))
}

fn sum(cluster: &Cluster, ids: &[u32], series: &str) -> u64 {
    ids.iter().map(|id| value(cluster, *id, series)).sum()
}

#[test]
fn metrics_of_the_others_tell_what_a_dead_broker_lacks_until_it_has_caught_up() {
    let mut cluster = Cluster::start(3);
    cluster.create_topic(TOPIC, PARTITIONS, 3, &[]).ok();
    for partition in 0..PARTITIONS as usize {
        cluster.await_leader(TOPIC, partition);
    }
    produce(&cluster, TOPIC, 0, 100);
    let all = cluster.ids();
    let (lag, under_replicated, leaderless) = (
        "strandline_follower_lag_entries{follower=\"1\"}",
        "strandline_under_replicated_partitions",
        "strandline_leaderless_partitions",
    );
    let is_whole = |cluster: &Cluster| {
        let series = [lag, under_replicated, leaderless];
        let whole = series.map(|series| sum(cluster, &all, series)) == [0; 3];
        whole.then_some(())
    };
    eventually("nothing is missing", || is_whole(&cluster));
    assert_eq!(sum(&cluster, &all, "strandline_brokers"), 3 * 3);

    cluster.kill(1);
    let left = [0, 2];
    eventually("others lead, and every partition lacks a replica", || {
        let told = [under_replicated, leaderless].map(|series| sum(&cluster, &left, series));
        (told == [u64::from(PARTITIONS), 0]).then_some(())
    });
    produce(&cluster, TOPIC, 100, 1_000);
    eventually("the dead broker's lag", || {
        (sum(&cluster, &left, lag) > 0).then_some(())
    });

    cluster.restart(1);
    eventually("nothing is missing any more", || is_whole(&cluster));

    // Without a quorum each partition is without a leader, or has one that says that its followers are gone.
    cluster.kill(0);
    cluster.kill(1);
    eventually("no partition counts as well", || {
        let told = [under_replicated, leaderless].map(|series| sum(&cluster, &[2], series));
        (told.iter().sum::<u64>() == u64::from(PARTITIONS)).then_some(())
    });
}
