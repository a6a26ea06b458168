//! Replicas that were away: from the tail cache, from sealed segments, or from the snapshot.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use model::{Offset, Timestamp};
use replication::peer::RequestKind;
use segment_log::LogSettings;

use crate::harness::{batch, produce, read_all, small_segments, stamped, until};
use crate::trio::Cluster;

#[tokio::test]
async fn a_replica_that_was_away_is_fed_from_sealed_segments() {
    let mut cluster = Cluster::of_three().await;
    let leader = cluster.leader().await;
    let away = (leader + 1) % 3;
    cluster.produce(batch("before", 1)).await;
    cluster.stop(away).await;
    for n in 0..100 {
        cluster.produce(batch(&format!("value {n}"), 1)).await;
    }
    assert!(cluster.group(leader).log().segments().len() > 5);
    cluster.start(away).await;
    cluster.caught_up(101).await;
    let sound = read_all(cluster.group(leader), Offset::ZERO);
    assert_eq!(read_all(cluster.group(away), Offset::ZERO), sound);
    cluster.same_logs().await;
    cluster.stop_all().await;
}

pub(crate) async fn trim(cluster: &Cluster, to: u64) {
    let leader = cluster.leader().await;
    let group = cluster.group(leader);
    let to = Offset::new(to);
    let trimmed = group.set_log_start(to, Timestamp::from_millis(0)).await;
    assert_eq!(trimmed, Ok(to));
    until(|| group.log().segments()[0].end_offset > to).await;
}

#[tokio::test]
async fn a_replica_that_was_away_for_too_long_gets_the_snapshot_and_goes_on() {
    let mut cluster = Cluster::of_three().await;
    cluster.produce(stamped(3, 0, 0, 1)).await;
    let leader = cluster.leader().await;
    let away = (leader + 1) % 3;
    cluster.stop(away).await;
    for n in 0..100 {
        cluster.produce(batch(&format!("value {n}"), 1)).await;
    }
    // The log is not kept for the one that is away.
    trim(&cluster, 80).await;
    cluster.start(away).await;
    cluster.caught_up(101).await;
    until(|| cluster.group(away).status().log_start == Offset::new(80)).await;
    let sound = read_all(cluster.group(leader), Offset::new(80));
    assert_eq!(sound.len(), 21);
    assert_eq!(read_all(cluster.group(away), Offset::new(80)), sound);
    // It knows the producers that only the snapshot told it of.
    cluster.hand_over(away).await;
    let again = produce(cluster.group(away), stamped(3, 0, 0, 1)).await;
    let duplicate = replication::ProduceOutcome::Duplicate {
        base_offset: Offset::ZERO,
    };
    assert_eq!(again, Ok(duplicate));
    // And survives a restart as what it is now.
    cluster.stop(away).await;
    cluster.start(away).await;
    cluster.produce(batch("after", 1)).await;
    cluster.caught_up(102).await;
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn a_follower_that_is_fed_too_slowly_for_the_log_to_go_is_cut_off_and_sent_the_snapshot() {
    let cluster = Cluster::of_impatient(Duration::from_millis(1)).await;
    let leader = cluster.leader().await;
    let slow = (leader + 1) % 3;
    cluster.produce(batch("before", 1)).await;
    cluster.caught_up(1).await;
    let snapshots = Arc::new(AtomicUsize::new(0));
    let sent = snapshots.clone();
    cluster.network.alter(move |_, to, request| {
        let is_snapshot = request.kind == RequestKind::Snapshot && to.get() == slow;
        sent.fetch_add(usize::from(is_snapshot), Ordering::Relaxed);
    });
    cluster.network.slow_down(slow);
    // Far more than is on its way to a follower at a time.
    let value = "x".repeat(64 << 10);
    for _ in 0..400 {
        cluster.produce(batch(&value, 1)).await;
    }
    trim(&cluster, 390).await;
    assert_eq!(cluster.leader().await, leader, "heartbeats have arrived");
    cluster.network.heal();
    cluster.caught_up(401).await;
    assert!(snapshots.load(Ordering::Relaxed) > 0);
    until(|| cluster.group(slow).status().log_start == Offset::new(390)).await;
    let sound = read_all(cluster.group(leader), Offset::new(390));
    assert_eq!(read_all(cluster.group(slow), Offset::new(390)), sound);
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn a_new_replica_of_a_trimmed_partition_gets_the_snapshot() {
    let mut cluster = Cluster::found(&[0], small_segments()).await;
    for n in 0..60 {
        cluster.produce(batch(&format!("value {n}"), 1)).await;
    }
    trim(&cluster, 50).await;
    cluster.start(1).await;
    let wanted = replication::Members::of_voters([0, 1].map(model::ReplicaId::new));
    until_members(&cluster, &wanted).await;
    cluster.caught_up(60).await;
    let sound = read_all(cluster.group(0), Offset::new(50));
    assert_eq!(read_all(cluster.group(1), Offset::new(50)), sound);
    cluster.same_logs().await;
    cluster.stop_all().await;
}

async fn until_members(cluster: &Cluster, wanted: &replication::Members) {
    let changed = async {
        while cluster.group(0).reconfigure(wanted).await != Ok(replication::Reconfigured::Done) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let changed = tokio::time::timeout(crate::harness::PATIENCE, changed).await;
    changed.expect("the members change in time");
}

#[tokio::test]
async fn every_replica_may_restart_in_turn_under_load() {
    let mut cluster = Cluster::found(&[0, 1, 2], LogSettings::default()).await;
    let mut next = 0;
    for replica in [0, 1, 2, 0, 1, 2] {
        for _ in 0..5 {
            cluster.produce(stamped(1, 0, next, 1)).await;
            next += 1;
        }
        cluster.stop(replica).await;
        for _ in 0..5 {
            cluster.produce(stamped(1, 0, next, 1)).await;
            next += 1;
        }
        cluster.start(replica).await;
        cluster.caught_up(next as u64).await;
    }
    let sound = read_all(cluster.group(0), Offset::ZERO);
    assert_eq!(sound.len(), next as usize);
    for replica in [1, 2] {
        assert_eq!(read_all(cluster.group(replica), Offset::ZERO), sound);
    }
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn all_may_crash_at_once_and_no_log_id_is_used_twice() {
    for seed in 0..3 {
        let mut cluster = Cluster::of_three().await;
        for n in 0..10 {
            cluster.produce(stamped(1, 0, n, 1)).await;
        }
        let leader = cluster.leader().await;
        let batches = (10..15).map(|n| stamped(1, 0, n, 1));
        let proposed = cluster.propose_all(leader, batches).await;
        for replica in 0..3 {
            cluster.crash((replica + seed) % 3).await;
        }
        for replica in 0..3 {
            cluster.start(replica).await;
        }
        let acknowledged = proposed.iter().filter(|one| one.is_acknowledged()).count() as u64;
        for n in 10..20 {
            assert_eq!(cluster.produce(stamped(1, 0, n, 1)).await, n as u64);
        }
        cluster.caught_up(20).await;
        let sound = read_all(cluster.group(0), Offset::ZERO);
        assert_eq!(sound.len(), 20, "{acknowledged} were acknowledged");
        for replica in [1, 2] {
            assert_eq!(read_all(cluster.group(replica), Offset::ZERO), sound);
            assert_eq!(
                cluster.group(replica).log().terms(),
                cluster.group(0).log().terms()
            );
        }
        cluster.same_logs().await;
        cluster.stop_all().await;
    }
}
