//! Three replicas: what is acknowledged is on all of them, and survives any one.

use model::Offset;

use crate::harness::{batch, read_all, stamped};
use crate::trio::Cluster;

#[tokio::test]
async fn what_is_acknowledged_is_read_from_every_replica_byte_for_byte() {
    let cluster = Cluster::of_three().await;
    for n in 0..50 {
        assert_eq!(
            cluster.produce(batch(&format!("value {n}"), 2)).await,
            2 * n
        );
    }
    cluster.caught_up(100).await;
    let first = read_all(cluster.group(0), Offset::ZERO);
    assert_eq!(first.len(), 50);
    for replica in [1, 2] {
        assert_eq!(read_all(cluster.group(replica), Offset::ZERO), first);
    }
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn the_first_voter_of_a_new_group_leads_it() {
    let cluster = Cluster::of_three().await;
    assert_eq!(cluster.leader().await, 0);
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn when_the_leader_dies_another_serves_and_knows_every_batch() {
    let mut cluster = Cluster::of_three().await;
    for n in 0..20 {
        cluster.produce(stamped(7, 0, n, 1)).await;
    }
    let leader = cluster.leader().await;
    cluster.crash(leader).await;
    let next = cluster.leader().await;
    assert_ne!(next, leader);
    // Retried, the newest ones are answered with the offsets that they have.
    for n in 15..20 {
        assert_eq!(cluster.produce(stamped(7, 0, n, 1)).await, n as u64);
    }
    assert_eq!(cluster.produce(stamped(7, 0, 20, 1)).await, 20);
    cluster.start(leader).await;
    cluster.caught_up(21).await;
    assert_eq!(read_all(cluster.group(leader), Offset::ZERO).len(), 21);
    cluster.same_logs().await;
    cluster.stop_all().await;
}
