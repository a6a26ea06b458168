//! Repairs that meet more than a hole: another history, a leader that has moved on, crashes, a full disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use model::{Offset, ReplicaId, Timestamp};
use replication::peer::RequestKind;
use replication::{OpenGroupError, ProduceOutcome};
use segment_log::disk::SimulatedDisk;
use segment_log::{ReadFromError, ReadLogError};

use crate::harness::{batch, read_all, until};
use crate::repairs::files;
use crate::trio::Cluster;

/// Flips a bit at this share, in hundredths, of what a file holds.
fn damage(disk: &SimulatedDisk, file: &Path, share: usize) {
    let all = files(disk).into_iter();
    let mut bytes = all.filter(|(name, _)| name == file).map(|(_, bytes)| bytes);
    let bytes = bytes.next_back().expect("is there");
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    disk.flip_bit(file, (used * share / 100) as u64, 3).unwrap();
}

impl Cluster {
    /// Starts a replica that is damaged in these files, and its repair.
    async fn start_repair(&mut self, replica: u64, suspects: Vec<PathBuf>) {
        self.start_damaged(replica).await;
        self.repair(replica, suspects).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_tail_that_the_committed_log_has_replaced_is_cut() {
    let mut cluster = Cluster::of_three().await;
    cluster.fill(10).await;
    cluster.caught_up(10).await;
    let old = cluster.leader().await;
    cluster.cut_off(old);
    // Nobody else gets these.
    let lost = (0..9).map(|n| batch(&format!("lost and not few bytes {n}"), 1));
    let proposed = cluster.propose_all(old, lost).await;
    let end = || cluster.group(old).log().ends();
    until(|| end().end_offset >= Offset::new(12) && end().durable_index == end().end_index).await;
    assert!(proposed.iter().all(|one| !one.is_acknowledged()));
    cluster.stop(old).await;
    cluster.network.heal();
    cluster.fill(12).await;
    let (last, _) = files(&cluster.members[&old].disk).pop().unwrap();
    damage(&cluster.members[&old].disk, &last, 60);
    let error = cluster.start_damaged(old).await;
    assert!(error.is_damage(), "{error}");
    cluster.repair(old, vec![last]).await;
    cluster.reopened(old).await;
    cluster.fill(3).await;
    cluster.caught_up(25).await;
    cluster.same_logs().await;
    let found = read_all(cluster.group(old), Offset::ZERO);
    assert_eq!(found, read_all(cluster.group((old + 1) % 3), Offset::ZERO));
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_leader_has_deleted_is_not_copied_its_snapshot_is_taken() {
    let mut cluster = Cluster::of_three().await;
    cluster.fill(30).await;
    cluster.caught_up(30).await;
    let damaged = (cluster.leader().await + 1) % 3;
    cluster.stop(damaged).await;
    let all = files(&cluster.members[&damaged].disk);
    let suspects: Vec<PathBuf> = all.iter().take(3).map(|(file, _)| file.clone()).collect();
    for file in &suspects {
        damage(&cluster.members[&damaged].disk, file, 50);
    }
    // Nobody has the middle of it any more by the time that it is asked for.
    let leader = cluster.leader().await;
    cluster.fill(30).await;
    let to = Offset::new(50);
    let trimmed = cluster
        .group(leader)
        .set_log_start(to, Timestamp::from_millis(0));
    assert_eq!(trimmed.await, Ok(to));
    for replica in cluster.running() {
        let log = cluster.group(replica).log().clone();
        until(|| log.segments()[0].end_offset > to).await;
    }
    cluster.start_repair(damaged, suspects).await;
    cluster.reopened(damaged).await;
    cluster.fill(2).await;
    cluster.caught_up(62).await;
    cluster.same_logs().await;
    assert_eq!(cluster.group(damaged).status().log_start, to);
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_damaged_in_different_places_repair_each_other_and_elect() {
    let mut cluster = Cluster::of_three().await;
    cluster.fill(40).await;
    cluster.caught_up(40).await;
    let sound = read_all(cluster.group(0), Offset::ZERO);
    for replica in [0, 1, 2] {
        cluster.stop(replica).await;
    }
    for replica in [0, 1, 2] {
        let disk = cluster.members[&replica].disk.clone();
        let all = files(&disk);
        let (sealed, _) = &all[replica as usize + 1];
        let (last, _) = all.last().unwrap();
        damage(&disk, sealed, 50);
        damage(&disk, last, 20 + 30 * replica as usize);
        cluster.members.get_mut(&replica).unwrap().disk = disk;
        let suspects = vec![sealed.clone(), last.clone()];
        cluster.start_repair(replica, suspects).await;
    }
    cluster.all_reopened(&[0, 1, 2]).await;
    cluster.fill(1).await;
    cluster.caught_up(41).await;
    for replica in 0..3 {
        let found = read_all(cluster.group(replica), Offset::ZERO);
        assert_eq!(found[..40], sound[..]);
    }
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_that_power_cuts_interrupt_goes_on_where_it_was() {
    let mut cluster = Cluster::of_three().await;
    cluster.fill(40).await;
    cluster.caught_up(40).await;
    let damaged = (cluster.leader().await + 1) % 3;
    cluster.stop(damaged).await;
    let all = files(&cluster.members[&damaged].disk);
    assert!(all.len() > 4, "{}", all.len());
    let suspects: Vec<PathBuf> = all.iter().map(|(file, _)| file.clone()).collect();
    for file in &suspects {
        damage(&cluster.members[&damaged].disk, file, 40);
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    cluster.network.alter(move |from, _, request| {
        let is_ask = from == ReplicaId::new(damaged) && request.kind == RequestKind::ReadEntries;
        counted.fetch_add(usize::from(is_ask), Ordering::Relaxed);
    });
    // Power cuts ever later, some of them in the midst of a write.
    for (round, asks) in [1, 2, 4, 6].into_iter().enumerate() {
        asked.store(0, Ordering::Relaxed);
        cluster.start_damaged(damaged).await;
        let disk = &cluster.members[&damaged].disk;
        disk.write_fails_after(5 + 7 * round as u64);
        cluster.repair(damaged, suspects.clone()).await;
        let give_up = std::time::Instant::now() + Duration::from_secs(2);
        while asked.load(Ordering::Relaxed) < asks && std::time::Instant::now() < give_up {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        cluster.crash(damaged).await;
    }
    cluster.start_repair(damaged, suspects).await;
    cluster.reopened(damaged).await;
    cluster.fill(1).await;
    cluster.caught_up(41).await;
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_on_a_full_disk_waits_for_space_and_says_so() {
    let mut cluster = Cluster::of_three().await;
    cluster.fill(30).await;
    cluster.caught_up(30).await;
    let damaged = (cluster.leader().await + 1) % 3;
    cluster.stop(damaged).await;
    let (file, _) = files(&cluster.members[&damaged].disk).remove(1);
    damage(&cluster.members[&damaged].disk, &file, 50);
    cluster.start_damaged(damaged).await;
    cluster.members[&damaged].disk.set_capacity(0);
    cluster.repair(damaged, vec![file]).await;
    let mut state = String::new();
    for _ in 0..1_000 {
        match cluster.reopen(damaged).await {
            Err(OpenGroupError::Repairing { state: now }) => state = now,
            other => panic!("{other:?}"),
        }
        if state.contains("No space left") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(state.contains("No space left"), "{state}");
    cluster.members[&damaged].disk.set_capacity(1 << 30);
    cluster.reopened(damaged).await;
    cluster.fill(1).await;
    cluster.caught_up(31).await;
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_sector_under_a_leader_harms_neither_followers_nor_readers_and_is_repaired() {
    let mut cluster = Cluster::of_three().await;
    cluster.fill(40).await;
    cluster.caught_up(40).await;
    let leader = cluster.leader().await;
    let [behind, other] = [(leader + 1) % 3, (leader + 2) % 3];
    cluster.stop(behind).await;
    cluster.fill(40).await;
    // A restart, so that nothing is read from memory; whoever leads then has a bad sector in what the follower lacks.
    cluster.stop(other).await;
    cluster.start(other).await;
    cluster.fill(1).await;
    let leader = cluster.leader().await;
    let sound = if leader == other {
        3 - behind - other
    } else {
        other
    };
    let disk = cluster.members[&leader].disk.clone();
    let all = files(&disk);
    let (bad, _) = all[all.len() / 2].clone();
    disk.fail_reads(&bad, 0..4096).unwrap();
    // A reader is told which file it is; what lies before is read.
    let (mut next, end) = (Offset::ZERO, Offset::new(81));
    let error = loop {
        assert!(next < end, "the bad sector was read");
        match cluster.group(leader).read(next, 1_000) {
            Ok(fetched) => next = fetched.next_offset,
            Err(error) => break error,
        }
    };
    let ReadFromError::Stored(ReadLogError::Io { file, .. }) = &error else {
        panic!("{error}");
    };
    assert_eq!(*file, bad);
    assert_eq!(
        cluster.group(leader).log().damaged_files(),
        std::slice::from_ref(&bad)
    );
    // The follower gets everything, from this leader or from one after it.
    cluster.start(behind).await;
    cluster.repair(leader, vec![bad]).await;
    cluster.fill(1).await;
    let until_there = || cluster.group(behind).status().high_watermark >= Offset::new(82);
    until(until_there).await;
    let expected = read_all(cluster.group(sound), Offset::ZERO);
    assert_eq!(read_all(cluster.group(behind), Offset::ZERO), expected);
    cluster.reopened(leader).await;
    cluster.fill(1).await;
    cluster.caught_up(83).await;
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_was_cut_off_does_not_say_what_is_committed() {
    let mut cluster = Cluster::of_three().await;
    cluster.fill(5).await;
    cluster.caught_up(5).await;
    let stale = cluster.leader().await;
    cluster.cut_off(stale);
    let next = cluster.successor_of(stale).await;
    let damaged = 3 - stale - next;
    for n in 0..10 {
        let written = cluster.try_produce(next, batch(&format!("{n}"), 1)).await;
        assert!(matches!(written, Some(ProduceOutcome::Appended { .. })));
    }
    until(|| cluster.group(damaged).status().log_end == Offset::new(15)).await;
    let kept = read_all(cluster.group(next), Offset::ZERO);
    // Acknowledged entries, which the old leader knows nothing of, are damaged, and nobody but it is there.
    cluster.stop(damaged).await;
    cluster.stop(next).await;
    let (file, _) = files(&cluster.members[&damaged].disk).pop().unwrap();
    damage(&cluster.members[&damaged].disk, &file, 90);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    cluster.network.alter(move |_, to, request| {
        let asks = to.get() == stale && request.kind == RequestKind::ReadEntries;
        count.fetch_add(usize::from(asks), Ordering::Relaxed);
    });
    cluster.network.heal();
    assert!(cluster.group(stale).leader().0 == Some(ReplicaId::new(stale)));
    cluster.start_repair(damaged, vec![file.clone()]).await;
    until(|| asked.load(Ordering::Relaxed) > 5).await;
    let waits = cluster.reopen(damaged).await;
    assert!(
        matches!(waits, Err(OpenGroupError::Repairing { .. })),
        "{waits:?}"
    );
    cluster.start(next).await;
    cluster.reopened(damaged).await;
    cluster.caught_up(15).await;
    assert_eq!(read_all(cluster.group(damaged), Offset::ZERO), kept);
    cluster.stop_all().await;
}
