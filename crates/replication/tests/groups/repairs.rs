//! Damaged replicas: what is missing comes from the others, and nobody votes with a hole in its memory meanwhile.

use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::batch::BatchHeader;
use model::{FilePosition, Offset, PartitionIndex};
use replication::OpenGroupError;
use segment_log::disk::{SimulatedDisk, durable};

use crate::catching_up::trim;
use crate::harness::{TOPIC, batch, read_all, until};
use crate::trio::Cluster;

/// The segment files of a replica, ascending, and their bytes.
pub(crate) fn files(disk: &SimulatedDisk) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = directory();
    let mounted = disk.mount();
    let listed = mounted.list(&directory).unwrap().into_iter();
    let names = listed.filter(|entry| entry.name.ends_with(".log"));
    let read = |name: String| {
        let file = directory.join(name);
        let bytes = durable::read_small_file(&*mounted, &file, 1 << 24)
            .unwrap()
            .unwrap();
        (file, bytes)
    };
    names.map(|entry| read(entry.name)).collect()
}

pub(crate) fn directory() -> PathBuf {
    Path::new("partitions").join(TOPIC.to_string()).join("0")
}

impl Cluster {
    pub(crate) async fn fill(&self, count: usize) {
        for _ in 0..count {
            self.produce(batch("some bytes that are not few", 1)).await;
        }
    }

    /// Starts a repair of a replica whose group does not open, or has met damage.
    pub(crate) async fn repair(&self, replica: u64, suspects: Vec<PathBuf>) {
        let others = [0, 1, 2].into_iter().filter(move |other| *other != replica);
        let others = Arc::new(move || others.clone().map(model::ReplicaId::new).collect());
        let partition = PartitionIndex::new(0);
        let replication = &self.process(replica).replication;
        replication
            .repair_log_group(TOPIC, partition, self.settings.clone(), others, suspects)
            .await;
    }

    /// Opens the group of a replica once its repair lets it.
    pub(crate) async fn reopened(&mut self, replica: u64) {
        let give_up = std::time::Instant::now() + Duration::from_secs(30);
        loop {
            match self.reopen(replica).await {
                Ok(()) => return,
                Err(OpenGroupError::Repairing { state }) => {
                    assert!(std::time::Instant::now() < give_up, "{state}");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Opens the groups of these replicas, each as soon as its repair lets it: the others may need it.
    pub(crate) async fn all_reopened(&mut self, replicas: &[u64]) {
        let give_up = std::time::Instant::now() + Duration::from_secs(30);
        while replicas.iter().any(|one| !self.running().contains(one)) {
            for replica in replicas {
                if !self.running().contains(replica)
                    && let Err(error) = self.reopen(*replica).await
                {
                    assert!(std::time::Instant::now() < give_up, "{error}");
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_damaged_below_its_durable_end_is_repaired_and_starts_as_itself() {
    let mut cluster = Cluster::of_three().await;
    cluster.fill(30).await;
    cluster.caught_up(30).await;
    cluster.stop(2).await;
    let before = files(&cluster.members[&2].disk);
    let disk = cluster.members[&2].disk.clone();
    disk.kill();
    for (file, bytes) in &before {
        let at = bytes.len().min(600) as u64 / 2;
        disk.flip_bit(file, at, 3).unwrap();
    }
    cluster.members.get_mut(&2).unwrap().disk = disk;
    // Damage in a sealed segment shows when it is read.
    cluster.start_damaged(2).await;
    cluster
        .repair(2, before.iter().map(|(file, _)| file.clone()).collect())
        .await;
    cluster.reopened(2).await;
    cluster.fill(5).await;
    cluster.caught_up(35).await;
    cluster.same_logs().await;
    cluster.stop(2).await;
    let after = files(&cluster.members[&2].disk);
    for ((file, before), (same, after)) in before.iter().zip(&after).rev().skip(1) {
        assert_eq!((file, before), (same, after));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_damaged_in_different_places_repair_each_other() {
    let mut cluster = Cluster::of_three().await;
    cluster.fill(30).await;
    cluster.caught_up(30).await;
    for replica in [0, 1, 2] {
        cluster.stop(replica).await;
    }
    for replica in [1, 2] {
        let disk = cluster.members[&replica].disk.clone();
        disk.kill();
        let files = files(&disk);
        let (file, bytes) = &files[replica as usize];
        disk.flip_bit(file, bytes.len() as u64 / 2, 1).unwrap();
        let (last, bytes) = files.last().unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64;
        disk.flip_bit(last, used * replica / 3, 1).unwrap();
        cluster.members.get_mut(&replica).unwrap().disk = disk;
        cluster.start_damaged(replica).await;
        cluster.repair(replica, vec![file.clone()]).await;
    }
    // Whoever is whole first is open for the other.
    cluster.all_reopened(&[1, 2]).await;
    cluster.fill(5).await;
    cluster.caught_up(35).await;
    cluster.same_logs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_term_table_comes_from_the_leader() {
    let mut cluster = Cluster::of_three().await;
    cluster.fill(10).await;
    cluster.caught_up(10).await;
    cluster.stop(2).await;
    let disk = cluster.members[&2].disk.clone();
    disk.kill();
    disk.flip_bit(&directory().join("terms"), 20, 3).unwrap();
    cluster.members.get_mut(&2).unwrap().disk = disk;
    assert!(cluster.start_damaged(2).await.is_damage());
    cluster.repair(2, Vec::new()).await;
    cluster.reopened(2).await;
    cluster.fill(5).await;
    cluster.caught_up(15).await;
    cluster.same_logs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nobody_to_copy_from_the_repair_waits_and_names_file_and_byte() {
    let mut cluster = Cluster::of_three().await;
    cluster.fill(10).await;
    cluster.caught_up(10).await;
    for replica in [0, 1, 2] {
        cluster.stop(replica).await;
    }
    let disk = cluster.members[&2].disk.clone();
    disk.kill();
    let (file, _) = files(&disk).remove(0);
    disk.flip_bit(&file, 100, 3).unwrap();
    cluster.members.get_mut(&2).unwrap().disk = disk;
    cluster.start_damaged(2).await;
    cluster.repair(2, vec![file.clone()]).await;
    let name = file.display().to_string();
    let mut state = String::new();
    for _ in 0..500 {
        let Err(OpenGroupError::Repairing { state: now }) = cluster.reopen(2).await else {
            panic!("it opened");
        };
        state = now;
        if state.contains("nobody has it") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(state.contains(&name) && state.contains("byte"), "{state}");
    // Once somebody comes back, it goes on by itself.
    cluster.start(0).await;
    cluster.reopened(2).await;
    until(|| cluster.serving().is_some()).await;
    cluster.fill(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_all_others_have_deleted_is_replaced_by_a_snapshot_though_nobody_can_lead_without_the_damaged_replica()
 {
    let mut cluster = Cluster::of_three().await;
    cluster.fill(100).await;
    cluster.caught_up(100).await;
    cluster.stop(2).await;
    trim(&cluster, 80).await;
    let deleted = |replica| cluster.group(replica).log().ends().first_offset.get() > 20;
    until(|| deleted(0) && deleted(1)).await;
    cluster.stop(1).await;
    let disk = cluster.members[&2].disk.clone();
    disk.kill();
    let (file, bytes) = files(&disk).remove(0);
    disk.flip_bit(&file, bytes.len() as u64 / 2, 1).unwrap();
    cluster.members.get_mut(&2).unwrap().disk = disk;
    cluster.start_damaged(2).await;
    cluster.repair(2, vec![file]).await;
    cluster.reopened(2).await;
    cluster.fill(5).await;
    cluster.caught_up(105).await;
    cluster.start(1).await;
    cluster.caught_up(105).await;
    cluster.same_logs().await;
}

/// Where the batches of a segment begin.
fn positions(bytes: &[u8]) -> Vec<usize> {
    let mut positions = vec![0];
    while let Some(at) = positions.last()
        && let Ok(header) = BatchHeader::parse(&bytes[*at..])
    {
        positions.push(at + header.total_bytes());
    }
    positions
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_another_place_beside_damage_is_replaced_though_its_checksum_is_right() {
    let mut cluster = Cluster::of_three().await;
    for n in 0..20 {
        cluster.produce(batch(&format!("value {n:03}"), 1)).await;
    }
    cluster.caught_up(20).await;
    let damaged = (cluster.leader().await + 1) % 3;
    cluster.stop(damaged).await;
    let disk = cluster.members[&damaged].disk.clone();
    let (file, bytes) = files(&disk).into_iter().nth(1).unwrap();
    let starts = positions(&bytes);
    // The offset, which no checksum covers, stays.
    let foreign = &bytes[starts[2] + 8..starts[3]];
    let mounted = disk.mount();
    let opened = mounted.open(&file).unwrap();
    let at = FilePosition::new(starts[0] as u64 + 8);
    opened.write_at(at, &[IoSlice::new(foreign)]).unwrap();
    opened.sync().unwrap();
    drop((opened, mounted));
    disk.flip_bit(&file, starts[1] as u64 + 70, 3).unwrap();
    cluster.start_damaged(damaged).await;
    cluster.repair(damaged, vec![file]).await;
    cluster.reopened(damaged).await;
    cluster.fill(3).await;
    cluster.caught_up(23).await;
    cluster.same_logs().await;
    let other = (damaged + 1) % 3;
    let found = read_all(cluster.group(damaged), Offset::ZERO);
    assert_eq!(found, read_all(cluster.group(other), Offset::ZERO));
    cluster.stop_all().await;
}
