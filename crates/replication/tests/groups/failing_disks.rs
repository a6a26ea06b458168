//! One replica's disk fails or is full: the group goes on, and nothing acknowledged depends on that disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::{Durability, Offset};
use replication::peer::RequestKind;
use segment_log::LogSettings;

use crate::harness::{batch, read_all, stamped, until};
use crate::trio::Cluster;

#[tokio::test]
async fn a_leader_whose_sync_fails_hands_over_and_stops() {
    let mut cluster = Cluster::of_three().await;
    for n in 0..5 {
        cluster.produce(stamped(1, 0, n, 1)).await;
    }
    cluster.caught_up(5).await;
    let leader = cluster.leader().await;
    let term = cluster.group(leader).status().term;
    let asked = watch_for_a_handover(&cluster);
    cluster.members[&leader].disk.fail_next_sync(".log");
    let lost = cluster.propose(leader, stamped(1, 0, 5, 1)).await;
    until(|| cluster.group(leader).status().stopped.is_some()).await;
    until(|| cluster.serving().is_some_and(|next| next != leader)).await;
    assert!(asked.load(Ordering::Relaxed), "the followers did not wait");
    let next = cluster.leader().await;
    assert!(cluster.group(next).status().term > term);
    for n in 5..10 {
        assert_eq!(cluster.produce(stamped(1, 0, n, 1)).await, n as u64);
    }
    let status = cluster.group(leader).status();
    assert!(!status.serves, "{status:?}");
    let reason = status.stopped.unwrap();
    assert!(
        reason.contains(".log") && reason.contains("restart the broker"),
        "{reason}"
    );
    drop(lost);
    cluster.crash(leader).await;
    cluster.stop_all().await;
}

/// Whether a replica is told from now on that it is to lead.
fn watch_for_a_handover(cluster: &Cluster) -> Arc<AtomicBool> {
    let asked = Arc::new(AtomicBool::new(false));
    let saw = asked.clone();
    cluster.network.alter(move |_, _, request| {
        let is_handover = request.kind == RequestKind::TransferLeader;
        saw.fetch_or(is_handover, Ordering::Relaxed);
    });
    asked
}

#[tokio::test]
async fn a_leader_whose_sync_fails_under_load_hands_over_all_the_same() {
    let mut cluster = Cluster::of_three().await;
    cluster.produce(batch("before", 1)).await;
    cluster.caught_up(1).await;
    let leader = cluster.leader().await;
    let term = cluster.group(leader).status().term;
    let asked = watch_for_a_handover(&cluster);
    let load = |count: u32| (0..count).map(|n| batch(&format!("{n}"), 1));
    let before = cluster.propose_all(leader, load(200)).await;
    cluster.members[&leader].disk.fail_next_sync(".log");
    // Appends are under way while the disk fails, and come behind that.
    let behind = cluster.propose_all(leader, load(500)).await;
    until(|| cluster.group(leader).status().stopped.is_some()).await;
    until(|| cluster.serving().is_some_and(|next| next != leader)).await;
    assert!(asked.load(Ordering::Relaxed), "the followers did not wait");
    let next = cluster.leader().await;
    assert!(cluster.group(next).status().term > term);
    assert!(
        !behind.iter().all(|proposed| proposed.is_acknowledged()),
        "nothing had failed"
    );
    let acknowledged = before.iter().chain(&behind);
    let acknowledged = acknowledged.filter(|proposed| proposed.is_acknowledged());
    let (acknowledged, stored) = (
        acknowledged.count(),
        read_all(cluster.group(next), Offset::ZERO),
    );
    assert!(
        stored.len() > acknowledged,
        "{acknowledged} of {}",
        stored.len()
    );
    cluster.crash(leader).await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn a_leader_that_syncs_in_the_background_hands_over_once_a_sync_fails() {
    let settings = LogSettings {
        durability: Durability::PageCache,
        ..LogSettings::default()
    };
    let mut cluster = Cluster::found(&[0, 1, 2], settings).await;
    cluster.produce(batch("before", 1)).await;
    cluster.caught_up(1).await;
    let leader = cluster.leader().await;
    let asked = watch_for_a_handover(&cluster);
    cluster.members[&leader].disk.fail_next_sync(".log");
    // Nobody waits for it, and nothing is appended behind it.
    let log = cluster.group(leader).log().clone();
    let failed = tokio::task::spawn_blocking(move || log.sync()).await;
    assert!(failed.unwrap().is_err());
    until(|| cluster.serving().is_some_and(|next| next != leader)).await;
    assert!(asked.load(Ordering::Relaxed), "the followers did not wait");
    let stopped = cluster.group(leader).status().stopped.unwrap();
    assert!(stopped.contains(".log"), "{stopped}");
    assert_eq!(cluster.produce(batch("behind", 1)).await, 1);
    cluster.crash(leader).await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn a_follower_whose_sync_fails_stops_and_the_others_go_on() {
    let mut cluster = Cluster::of_three().await;
    cluster.produce(batch("before", 1)).await;
    let leader = cluster.leader().await;
    let failing = (leader + 1) % 3;
    cluster.caught_up(1).await;
    cluster.members[&failing].disk.fail_next_sync(".log");
    for n in 0..5 {
        assert_eq!(cluster.produce(batch("after", 1)).await, 1 + n);
    }
    until(|| cluster.group(failing).status().stopped.is_some()).await;
    let reason = cluster.group(failing).status().stopped.unwrap();
    assert!(reason.contains(".log"), "{reason}");
    assert_eq!(cluster.leader().await, leader);
    until(|| cluster.group(leader).status().in_sync.len() == 2).await;
    cluster.crash(failing).await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn a_follower_with_a_full_disk_refuses_and_goes_on_once_there_is_space() {
    let cluster = Cluster::found(&[0, 1, 2], LogSettings::default()).await;
    cluster.produce(batch("before", 1)).await;
    cluster.caught_up(1).await;
    let leader = cluster.leader().await;
    let full = (leader + 1) % 3;
    let disk = &cluster.members[&full].disk;
    disk.set_capacity(0);
    let large = "x".repeat(100_000);
    for _ in 0..20 {
        cluster.produce(batch(&large, 1)).await;
    }
    let status = cluster.group(full).status();
    assert_eq!(status.stopped, None);
    assert!(status.log_end < Offset::new(21), "{status:?}");
    disk.set_capacity(1 << 30);
    cluster.caught_up(21).await;
    assert_eq!(cluster.leader().await, leader);
    assert_eq!(read_all(cluster.group(full), Offset::ZERO).len(), 21);
    cluster.same_logs().await;
    assert_eq!(cluster.group(full).status().stopped, None);
    cluster.stop_all().await;
}

#[tokio::test]
async fn a_voter_that_has_lost_its_memory_counts_for_nothing() {
    let mut cluster = Cluster::of_three().await;
    for n in 0..5 {
        cluster.produce(stamped(1, 0, n, 1)).await;
    }
    cluster.caught_up(5).await;
    let leader = cluster.leader().await;
    let [wiped, other] = [(leader + 1) % 3, (leader + 2) % 3];
    cluster.crash(wiped).await;
    cluster.start_wiped(wiped).await;
    // The leader sees that entries are gone which it was told are there, and goes on with the other one.
    for n in 5..10 {
        assert_eq!(cluster.produce(stamped(1, 0, n, 1)).await, n as u64);
    }
    assert_eq!(cluster.group(leader).status().stopped, None);
    assert_eq!(cluster.group(wiped).status().log_end, Offset::ZERO);
    // Without the other one there is no quorum, for an acknowledgement or for a vote.
    cluster.crash(other).await;
    let answer = cluster.try_produce(leader, stamped(1, 0, 10, 1)).await;
    let acknowledged = matches!(answer, Some(replication::ProduceOutcome::Appended { .. }));
    assert!(!acknowledged, "{answer:?}");
    cluster.stop(leader).await;
    cluster.start(leader).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(cluster.serving(), None);
    cluster.start(other).await;
    assert_eq!(cluster.produce(stamped(1, 0, 10, 1)).await, 10);
    cluster.stop_all().await;
}
