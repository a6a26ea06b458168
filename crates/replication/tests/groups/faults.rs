//! Full disks, failing syncs, damage.

use std::path::PathBuf;

use model::{Offset, PartitionIndex, Timestamp};
use replication::{
    LogGroup, LogSettings, OpenGroupError, OpenLogError, ProduceOutcome, ProposeError,
    ReadIndexError,
};
use segment_log::disk::SimulatedDisk;

use crate::harness::{
    Process, TOPIC, alone, append, batch, produce, read_all, serving, small_segments, until,
};

fn directory() -> PathBuf {
    PathBuf::from(format!("partitions/{TOPIC}/0"))
}

fn segment_files(disk: &SimulatedDisk) -> Vec<PathBuf> {
    let listed = disk.mount().list(&directory()).unwrap();
    let names = listed.into_iter().map(|entry| entry.name);
    let logs = names.filter(|name| name.ends_with(".log"));
    logs.map(|name| directory().join(name)).collect()
}

#[tokio::test]
async fn a_full_disk_refuses_batches_and_the_group_lives_on() {
    let disk = SimulatedDisk::new(1);
    disk.set_capacity(6 << 20);
    let process = Process::start(disk.mount());
    let settings = LogSettings {
        segment_bytes: 512 << 10,
        ..LogSettings::default()
    };
    let group = process.serve(&settings).await;
    let large = "x".repeat(60_000);
    let mut written = 0;
    let refused = loop {
        match produce(&group, batch(&large, 1)).await {
            Ok(ProduceOutcome::Appended { .. }) => written += 1,
            Ok(other) => panic!("{other:?}"),
            Err(refused) => break refused,
        }
        assert!(written < 200, "it never fills");
    };
    assert!(matches!(refused, ProposeError::NoSpace(_)), "{refused:?}");
    assert!(written > 10);
    assert_eq!(group.status().stopped, None);
    assert_eq!(read_all(&group, Offset::ZERO).len(), written);

    // Trimming works on the full disk, and frees it.
    let before = segment_files(&disk).len();
    let half = Offset::new(written as u64 / 2);
    let trimmed = group.set_log_start(half, Timestamp::from_millis(0)).await;
    assert_eq!(trimmed, Ok(half));
    until(|| segment_files(&disk).len() + 2 < before).await;
    append(&group, batch(&large, 1)).await;

    // So does a larger disk.
    disk.set_capacity(64 << 20);
    for _ in 0..100 {
        append(&group, batch(&large, 1)).await;
    }
    assert_eq!(group.status().stopped, None);
    drop(group);
    process.stop().await;
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_acknowledged_and_reads_go_on() {
    let disk = SimulatedDisk::new(1);
    let process = Process::start(disk.mount());
    let group = process.serve(&small_segments()).await;
    for n in 0..5 {
        append(&group, batch(&format!("sound {n}"), 1)).await;
    }
    disk.fail_next_sync(".log");
    let outcome = produce(&group, batch("lost", 1)).await;
    assert_eq!(outcome, Ok(ProduceOutcome::Unknown));
    let status = stopped(&group).await;
    let reason = status.stopped.expect("it has stopped");
    assert!(reason.contains(".log"), "{reason}");
    assert!(status.serves, "the only voter goes on serving reads");
    assert_eq!(status.high_watermark, Offset::new(5));
    assert_eq!(read_all(&group, Offset::ZERO).len(), 5);
    let again = produce(&group, batch("more", 1)).await;
    assert!(
        matches!(again, Err(ProposeError::Stopped { .. })),
        "{again:?}"
    );
    let latest = group.latest().await;
    assert!(
        matches!(latest, Err(ReadIndexError::Stopped { .. })),
        "{latest:?}"
    );
    drop(group);
    process.vanish().await;
    disk.crash();

    let process = Process::start(disk.mount());
    let group = process.serve(&small_segments()).await;
    let found = read_all(&group, Offset::ZERO);
    assert!(found.len() == 5 || found.len() == 6, "{}", found.len());
    drop(group);
    process.stop().await;
}

async fn stopped(group: &LogGroup) -> replication::GroupStatus {
    until(|| group.status().stopped.is_some()).await;
    group.status()
}

#[tokio::test]
async fn a_vote_that_cannot_be_saved_stops_every_group_of_the_directory() {
    let disk = SimulatedDisk::new(1);
    let process = Process::start(disk.mount());
    let first = process.serve(&small_segments()).await;
    append(&first, batch("before", 1)).await;
    disk.fail_next_sync("votes");
    let second = process
        .replication
        .open_log_group(TOPIC, PartitionIndex::new(1), small_segments(), alone(), 0)
        .await;
    if let Ok(second) = second {
        let status = serving(&second).await;
        assert!(status.stopped.is_some(), "{status:?}");
    }
    let status = stopped(&first).await;
    let reason = status.stopped.unwrap();
    assert!(reason.contains("votes"), "{reason}");
    assert_eq!(read_all(&first, Offset::ZERO).len(), 1);
    drop(first);
    process.vanish().await;
}

#[tokio::test]
async fn a_damaged_log_is_refused_with_file_and_byte_and_the_others_go_on() {
    let disk = SimulatedDisk::new(1);
    let process = Process::start(disk.mount());
    let group = process.serve(&LogSettings::default()).await;
    for n in 0..5 {
        append(&group, batch(&format!("value {n}"), 1)).await;
    }
    drop(group);
    process.stop().await;
    let file = segment_files(&disk).pop().unwrap();
    disk.flip_bit(&file, 100, 3).unwrap();

    let process = Process::start(disk.mount());
    match process.open(&LogSettings::default()).await.map(|_| ()) {
        Err(OpenGroupError::Log(OpenLogError::Damaged { file: found, .. })) => {
            assert_eq!(found, file);
        }
        other => panic!("{other:?}"),
    }
    let other = process
        .replication
        .open_log_group(
            TOPIC,
            PartitionIndex::new(1),
            LogSettings::default(),
            alone(),
            0,
        )
        .await
        .unwrap();
    assert!(serving(&other).await.serves);
    append(&other, batch("goes on", 1)).await;
    drop(other);
    process.stop().await;
}

#[tokio::test]
async fn a_restart_reads_the_last_segment_and_no_other() {
    let disk = SimulatedDisk::new(1);
    let process = Process::start(disk.mount());
    let group = process.serve(&small_segments()).await;
    append(&group, crate::harness::stamped(8, 0, 0, 1)).await;
    for n in 0..100 {
        append(&group, batch(&format!("value {n}"), 1)).await;
    }
    // The state as of the last segment's base is stored off the path.
    let base = group.log().last_base().unwrap();
    until(|| group.log().checkpoints().unwrap().contains(&base)).await;
    drop(group);
    process.stop().await;
    let files = segment_files(&disk);
    assert!(files.len() > 4);
    for file in &files[..files.len() - 1] {
        disk.fail_reads(file, 0..1 << 20).unwrap();
    }

    let process = Process::start(disk.mount());
    let group = process.serve(&small_segments()).await;
    assert_eq!(group.status().high_watermark, Offset::new(101));
    let again = produce(&group, crate::harness::stamped(8, 0, 0, 1)).await;
    let base_offset = Offset::ZERO;
    assert_eq!(again, Ok(ProduceOutcome::Duplicate { base_offset }));
    drop(group);
    process.stop().await;
}

#[tokio::test]
async fn a_removed_group_leaves_no_files_and_can_be_made_anew() {
    let disk = SimulatedDisk::new(1);
    let process = Process::start(disk.mount());
    let group = process.serve(&small_segments()).await;
    append(&group, batch("gone", 1)).await;
    let partition = PartitionIndex::new(0);
    process
        .replication
        .remove_log_group(TOPIC, partition)
        .await
        .unwrap();
    assert!(!disk.mount().exists(&directory()).unwrap());
    let refused = produce(&group, batch("late", 1)).await;
    assert!(
        matches!(refused, Err(ProposeError::Stopped { .. })),
        "{refused:?}"
    );
    drop(group);
    let group = process.serve(&small_segments()).await;
    assert_eq!(append(&group, batch("new", 1)).await, Offset::ZERO);
    drop(group);
    process.stop().await;
}
