//! Producing, reading, restarting.

use std::sync::Arc;
use std::time::Duration;

use model::Offset;
use replication::{GroupStart, ProduceOutcome};
use segment_log::disk::{RealDisk, SimulatedDisk};
use segment_log::{LogSettings, ReadFromError};

use crate::harness::{Process, append, batch, produce, read_all, serving, small_segments, stamped};

fn real_disk() -> (tempfile::TempDir, Arc<RealDisk>) {
    let directory = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::new(directory.path()));
    (directory, disk)
}

#[tokio::test]
async fn what_was_acknowledged_is_read_back_before_and_after_a_restart() {
    let (_directory, disk) = real_disk();
    let settings = small_segments();
    let process = Process::start(disk.clone());
    let group = process.serve(&settings).await;
    for n in 0..50_u64 {
        let base = append(&group, batch(&format!("value {n}"), 2)).await;
        assert_eq!(base, Offset::new(2 * n));
        assert_eq!(group.status().high_watermark, Offset::new(2 * n + 2));
    }
    assert_eq!(group.latest().await, Ok(Offset::new(100)));
    assert!(group.log().segments().len() > 3);
    let before = read_all(&group, Offset::ZERO);
    assert_eq!(before.len(), 50);
    drop(group);
    process.stop().await;

    let process = Process::start(disk);
    let group = process.serve(&settings).await;
    assert_eq!(group.status().high_watermark, Offset::new(100));
    assert_eq!(read_all(&group, Offset::ZERO), before);
    assert_eq!(append(&group, batch("more", 1)).await, Offset::new(100));
    drop(group);
    process.stop().await;
}

#[tokio::test]
async fn the_only_voter_leads_at_once_and_waits_for_no_timeout() {
    let disk = SimulatedDisk::new(1);
    let process = Process::start(disk.mount());
    append(&process.serve(&small_segments()).await, batch("v", 1)).await;
    process.stop().await;
    let process = Process::with(disk.mount(), |settings| {
        settings.heartbeat_interval = Duration::from_secs(600);
        settings.election_timeout = Duration::from_secs(3600);
    });
    // Not the one that is to lead a new group first: that one stands for election again and again.
    let group = process.open_as(&small_segments(), GroupStart::Join).await;
    assert!(serving(&group.unwrap()).await.serves);
    process.stop().await;
}

#[tokio::test]
async fn a_retried_batch_is_answered_with_its_first_offset_also_after_a_restart() {
    let (_directory, disk) = real_disk();
    let process = Process::start(disk.clone());
    let group = process.serve(&LogSettings::default()).await;
    append(&group, stamped(1, 0, 0, 3)).await;
    append(&group, stamped(1, 0, 3, 2)).await;
    let duplicate = ProduceOutcome::Duplicate {
        base_offset: Offset::new(3),
    };
    assert_eq!(
        produce(&group, stamped(1, 0, 3, 2)).await,
        Ok(duplicate.clone())
    );
    let gap = produce(&group, stamped(1, 0, 9, 1)).await.unwrap();
    assert!(matches!(gap, ProduceOutcome::Refused(_)), "{gap:?}");
    assert_eq!(group.status().high_watermark, Offset::new(5));
    drop(group);
    process.stop().await;

    let process = Process::start(disk);
    let group = process.serve(&LogSettings::default()).await;
    assert_eq!(produce(&group, stamped(1, 0, 3, 2)).await, Ok(duplicate));
    assert_eq!(append(&group, stamped(1, 0, 5, 1)).await, Offset::new(5));
    drop(group);
    process.stop().await;
}

#[tokio::test]
async fn a_log_start_inside_a_segment_hides_records_and_deletes_the_segments_before() {
    let (_directory, disk) = real_disk();
    let settings = small_segments();
    let process = Process::start(disk.clone());
    let group = process.serve(&settings).await;
    for n in 0..60 {
        append(&group, batch(&format!("value {n}"), 1)).await;
    }
    let segments = group.log().segments().len();
    let to = Offset::new(31);
    let cutoff = model::Timestamp::from_millis(0);
    assert_eq!(group.set_log_start(to, cutoff).await, Ok(to));
    // Never back, never above the high watermark.
    assert_eq!(group.set_log_start(Offset::new(3), cutoff).await, Ok(to));
    match group.read(Offset::new(30), 1) {
        Err(ReadFromError::BelowLogStart { wanted, log_start }) => {
            assert_eq!((wanted, log_start), (Offset::new(30), to));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(read_all(&group, to).len(), 29);
    crate::harness::until(|| group.log().segments().len() < segments).await;
    assert!(group.log().ends().first_offset <= to);
    drop(group);
    process.stop().await;

    let process = Process::start(disk);
    let group = process.serve(&settings).await;
    assert_eq!(group.status().log_start, to);
    assert_eq!(read_all(&group, to).len(), 29);
    drop(group);
    process.stop().await;
}

#[tokio::test]
async fn records_and_trims_wake_who_watches_and_internal_entries_do_not() {
    let (_directory, disk) = real_disk();
    let process = Process::start(disk);
    let group = process.serve(&LogSettings::default()).await;
    let mut ends = group.watch();
    ends.mark_unchanged();
    append(&group, stamped(1, 0, 0, 3)).await;
    assert!(ends.has_changed().unwrap());
    assert_eq!(ends.borrow_and_update().high_watermark, Offset::new(3));
    // Written as an entry without records.
    produce(&group, stamped(1, 0, 0, 3)).await.unwrap();
    assert!(!ends.has_changed().unwrap());
    let cutoff = model::Timestamp::from_millis(0);
    group.set_log_start(Offset::new(1), cutoff).await.unwrap();
    assert!(ends.has_changed().unwrap());
    assert_eq!(ends.borrow_and_update().log_start, Offset::new(1));
    drop(group);
    process.stop().await;
}

#[tokio::test]
async fn more_than_a_group_may_hold_is_refused_but_a_single_batch_never() {
    let (_directory, disk) = real_disk();
    let process = Process::with(disk, |settings| settings.uncommitted_bytes_max = 100);
    let group = process.serve(&LogSettings::default()).await;
    let large = "x".repeat(1_000);
    assert_eq!(append(&group, batch(&large, 1)).await, Offset::ZERO);
    let answers = Arc::new(crate::harness::Answers::default());
    let sink: Arc<dyn replication::AnswerSink> = answers.clone();
    group.propose(batch(&large, 1), &sink, 0).await.unwrap();
    // This task has not let go of the thread, but another core may have answered meanwhile.
    match group.propose(batch(&large, 1), &sink, 1).await {
        Err(replication::ProposeError::TooManyUncommitted { bytes, limit }) => {
            assert!(bytes > 1_000);
            assert_eq!(limit, 100);
        }
        Ok(()) => {
            answers.wait_for(1).await;
        }
        other => panic!("{other:?}"),
    }
    answers.wait_for(0).await;
    append(&group, batch(&large, 1)).await;
    drop(group);
    process.stop().await;
}

#[tokio::test]
async fn a_search_by_time_begins_at_the_log_start() {
    let (_directory, disk) = real_disk();
    let process = Process::start(disk);
    let group = process.serve(&LogSettings::default()).await;
    for n in 0..10 {
        append(&group, batch(&format!("value {n}"), 1)).await;
    }
    let any = model::Timestamp::from_millis(0);
    let found = group.offset_for_timestamp(any).unwrap();
    assert_eq!(found.map(|(base, _)| base), Some(Offset::ZERO));
    group.set_log_start(Offset::new(4), any).await.unwrap();
    let found = group.offset_for_timestamp(any).unwrap();
    assert_eq!(found.map(|(base, _)| base), Some(Offset::new(4)));
    let later = model::Timestamp::from_millis(1_001);
    assert_eq!(group.offset_for_timestamp(later).unwrap(), None);
    drop(group);
    process.stop().await;
}
