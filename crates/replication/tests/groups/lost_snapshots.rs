//! A log group's snapshot is lost, and no checkpoint can stand in for it: the replica stays stopped until it has another.

use std::path::PathBuf;

use model::{Offset, Timestamp};
use replication::{OpenGroupError, ProduceOutcome};
use segment_log::disk::SimulatedDisk;

use crate::harness::{Process, append, batch, produce, read_all, small_segments, stamped, until};
use crate::repairs::directory;
use crate::trio::Cluster;

/// The snapshot and checkpoint files of a replica.
fn states(disk: &SimulatedDisk) -> Vec<PathBuf> {
    let listed = disk.mount().list(&directory()).unwrap().into_iter();
    let names = listed.map(|entry| entry.name);
    let states = names.filter(|name| name == "snapshot" || name.ends_with(".checkpoint"));
    states.map(|name| directory().join(name)).collect()
}

/// Flips a bit in the snapshot and in every checkpoint.
fn damage_states(disk: &SimulatedDisk) {
    let states = states(disk);
    assert!(states.len() > 1, "{states:?}");
    for file in states {
        disk.flip_bit(&file, 20, 3).unwrap();
    }
}

/// Three replicas of a partition of 60 batches, of which the first 40 are trimmed everywhere.
async fn trimmed() -> Cluster {
    let cluster = Cluster::of_three().await;
    cluster.produce(stamped(3, 0, 0, 1)).await;
    cluster.fill(59).await;
    cluster.caught_up(60).await;
    let leader = cluster.leader().await;
    let to = Offset::new(40);
    let trimmed = cluster
        .group(leader)
        .set_log_start(to, Timestamp::from_millis(0));
    assert_eq!(trimmed.await, Ok(to));
    for replica in 0..3 {
        let log = cluster.group(replica).log().clone();
        until(|| log.segments()[0].end_offset > to).await;
        until(|| log.ends().purged.is_some()).await;
    }
    cluster
}

/// Starts a replica whose snapshot is lost, and its repair.
async fn start_repair(cluster: &mut Cluster, replica: u64) {
    let error = cluster.start_damaged(replica).await;
    assert!(
        matches!(&error, OpenGroupError::StateLost { file, .. } if file.ends_with("snapshot")),
        "{error}"
    );
    assert!(error.is_damage() && !error.passes());
    let suspects = error.suspect().map(PathBuf::from).into_iter().collect();
    cluster.repair(replica, suspects).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_snapshot_comes_from_a_confirmed_leader_and_the_replica_goes_on_as_itself() {
    let mut cluster = trimmed().await;
    let damaged = (cluster.leader().await + 1) % 3;
    cluster.stop(damaged).await;
    damage_states(&cluster.members[&damaged].disk);
    start_repair(&mut cluster, damaged).await;
    cluster.reopened(damaged).await;
    cluster.fill(5).await;
    cluster.caught_up(65).await;
    assert_eq!(
        cluster.group(damaged).status().log_start,
        Offset::new(40),
        "what is trimmed stays so"
    );
    cluster.same_logs().await;
    // It knows the producers of the trimmed entries.
    cluster.hand_over(damaged).await;
    let again = produce(cluster.group(damaged), stamped(3, 0, 0, 1)).await;
    let base_offset = Offset::ZERO;
    assert_eq!(again, Ok(ProduceOutcome::Duplicate { base_offset }));
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_leader_a_lost_snapshot_comes_from_whoever_has_one() {
    let mut cluster = trimmed().await;
    let leader = cluster.leader().await;
    let sound = read_all(cluster.group(leader), Offset::new(40));
    for replica in [0, 1, 2] {
        cluster.stop(replica).await;
    }
    for replica in [0, 1] {
        damage_states(&cluster.members[&replica].disk);
        start_repair(&mut cluster, replica).await;
    }
    cluster.start(2).await;
    cluster.all_reopened(&[0, 1]).await;
    cluster.fill(1).await;
    cluster.caught_up(61).await;
    for replica in 0..3 {
        let found = read_all(cluster.group(replica), Offset::new(40));
        assert_eq!(found[..20], sound[..]);
    }
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_has_lost_its_snapshot_deletes_no_record_that_is_still_served() {
    let mut cluster = trimmed().await;
    let leader = cluster.leader().await;
    let damaged = (leader + 1) % 3;
    let sound = read_all(cluster.group(leader), Offset::new(40));
    cluster.stop(damaged).await;
    let disk = &cluster.members[&damaged].disk;
    // The checkpoints are sound: the state itself is not lost. The one at the base of the log stood where the snapshot does.
    let mut kept = states(disk);
    kept.sort();
    let first_checkpoint = kept.iter().find(|file| file.extension().is_some());
    for file in [&directory().join("snapshot"), first_checkpoint.unwrap()] {
        disk.flip_bit(file, 20, 3).unwrap();
    }
    start_repair(&mut cluster, damaged).await;
    cluster.reopened(damaged).await;
    cluster.fill(5).await;
    cluster.caught_up(65).await;
    let found = read_all(cluster.group(damaged), Offset::new(40));
    assert_eq!(found[..20], sound[..]);
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snapshot_may_come_from_a_replica_that_lacks_entries_itself() {
    let mut cluster = trimmed().await;
    for replica in [0, 1, 2] {
        cluster.stop(replica).await;
    }
    // Nobody can lead: two snapshots are lost, the third replica lacks an entry that the others have.
    let disk = &cluster.members[&2].disk;
    let (file, bytes) = crate::repairs::files(disk).pop().unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64;
    disk.flip_bit(&file, used / 2, 3).unwrap();
    assert!(cluster.start_damaged(2).await.is_damage());
    cluster.repair(2, vec![file]).await;
    for replica in [0, 1] {
        damage_states(&cluster.members[&replica].disk);
        start_repair(&mut cluster, replica).await;
    }
    cluster.all_reopened(&[0, 1, 2]).await;
    cluster.fill(1).await;
    cluster.caught_up(61).await;
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn a_broker_alone_refuses_a_log_whose_snapshot_is_lost_and_names_the_file() {
    let disk = SimulatedDisk::new(1);
    let process = Process::start(disk.mount());
    let group = process.serve(&small_segments()).await;
    for _ in 0..40 {
        append(&group, batch("some bytes that are not few", 1)).await;
    }
    let to = Offset::new(30);
    let trimmed = group.set_log_start(to, Timestamp::from_millis(0)).await;
    assert_eq!(trimmed, Ok(to));
    until(|| group.log().segments()[0].end_offset > to).await;
    drop(group);
    process.stop().await;
    damage_states(&disk);
    for _ in 0..2 {
        let process = Process::start(disk.mount());
        let refused = process.open(&small_segments()).await;
        let error = refused.err().expect("is refused").to_string();
        let name = directory().join("snapshot").display().to_string();
        assert!(
            error.contains(&name) && error.contains("checksum"),
            "{error}"
        );
        process.stop().await;
    }
}
