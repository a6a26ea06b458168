//! The traps that lose data: each test fails when its guard is taken away.

use std::path::Path;
use std::sync::Arc;

use model::clock::SimulatedClock;
use model::{Durability, LogIndex, Offset, Timestamp};
use openraft::storage::{RaftLogStorage, RaftStateMachine};
use segment_log::disk::SimulatedDisk;
use segment_log::{Log, LogDirectory, LogDirectorySettings, LogSettings};

use super::super::apply::Applied;
use super::super::machine::Partition;
use super::super::recover::recover;
use super::super::types::{Payload, Vote, from_raft};
use super::harness::{id, simulated};

#[tokio::test]
async fn a_vote_is_saved_only_once_every_earlier_append_is_durable() {
    let disk = SimulatedDisk::new(1);
    let mut store = simulated(&disk, Durability::Fsync);
    let mut told = store.append(1, 0..3).await;
    assert!(told.try_recv().is_err(), "nobody has synced yet");
    store.log.save_vote(&Vote::new(2, 0)).await.unwrap();
    assert!(told.try_recv().unwrap().is_ok());
    assert_eq!(store.shared.log.ends().durable_index, LogIndex::new(3));
}

#[tokio::test]
async fn a_checkpoint_is_stored_only_once_the_log_before_it_is_durable() {
    let disk = SimulatedDisk::new(1);
    let mut store = simulated(&disk, Durability::Fsync);
    // A follower is told what is committed before it has synced it.
    store.append(1, 0..40).await;
    store.apply_all().await;
    assert!(store.store_checkpoints() > 1);
    disk.crash();

    let mut store = simulated(&disk, Durability::Fsync);
    let (applied, _) = store.machine.applied_state().await.unwrap();
    let state = store.log.get_log_state().await.unwrap();
    assert!(applied.is_some(), "the newest checkpoint is used");
    assert_eq!(state.last_log_id, Some(id(1, 39)));
}

#[tokio::test]
async fn what_is_applied_at_a_start_is_never_ahead_of_the_log() {
    let disk = SimulatedDisk::new(1);
    let mut store = simulated(&disk, Durability::Fsync);
    store.append(1, 0..1).await;
    store.shared.log.sync().unwrap();
    store.append(1, 1..40).await;
    store.apply_all().await;
    // As if they were stored without the sync before.
    for (base, state) in store.shared.checkpoints.lock().drain(..) {
        store.shared.log.write_checkpoint(base, &state).unwrap();
    }
    disk.crash();

    let mut store = simulated(&disk, Durability::Fsync);
    assert!(store.shared.log.checkpoints().unwrap().len() > 1);
    let (applied, _) = store.machine.applied_state().await.unwrap();
    let state = store.log.get_log_state().await.unwrap();
    assert_eq!(state.last_log_id, Some(id(1, 0)));
    assert!(applied <= state.last_log_id, "{applied:?} is applied");
}

#[tokio::test]
async fn what_is_said_to_be_committed_at_a_start_is_never_ahead_of_the_log() {
    for seed in 1..30 {
        let disk = SimulatedDisk::new(seed);
        let mut store = simulated(&disk, Durability::PageCache);
        store.log.save_vote(&Vote::new(1, 0)).await.unwrap();
        store.append(1, 0..1).await;
        store.shared.log.sync().unwrap();
        if seed % 2 == 0 {
            store.directory.note_ends();
        }
        for index in 1..6 {
            store.append(1, index..index + 1).await;
        }
        let row = &store.shared.votes;
        row.votes.note_committed(&row.key, id(1, 5)).unwrap();
        // Another group's vote makes the note durable; the log has no part in that.
        let other = row.votes.save(b"other", Vote::new(1, 0), None);
        other.unwrap();
        disk.crash();

        let mut store = simulated(&disk, Durability::PageCache);
        let known = *store.shared.committed.lock();
        let committed = store.log.read_committed().await.unwrap();
        let state = store.log.get_log_state().await.unwrap();
        assert!(
            known <= state.last_log_id,
            "seed {seed}: {known:?} is known"
        );
        assert!(
            committed <= state.last_log_id,
            "seed {seed}: {committed:?} is committed, the log ends at {:?}",
            state.last_log_id
        );
    }
}

#[tokio::test]
async fn what_was_committed_is_known_at_a_start_as_far_as_the_log_reaches() {
    let disk = SimulatedDisk::new(1);
    let mut store = simulated(&disk, Durability::Fsync);
    store.append(1, 0..3).await;
    store.log.save_committed(Some(id(1, 1))).await.unwrap();
    store.log.save_vote(&Vote::new(2, 0)).await.unwrap();
    disk.crash();
    let mut store = simulated(&disk, Durability::Fsync);
    assert_eq!(store.log.read_committed().await.unwrap(), Some(id(1, 1)));
}

/// openraft takes the last but one change of members for committed when it starts, and asserts that no snapshot makes it
/// cut the log off before that.
#[tokio::test]
async fn a_change_of_members_with_another_behind_it_is_known_as_committed_at_a_start() {
    let disk = SimulatedDisk::new(1);
    let mut store = simulated(&disk, Durability::Fsync);
    store.append_members(1, 0).await;
    store.append(1, 1..3).await;
    store.append_members(1, 3).await;
    store.append(1, 4..6).await;
    store.append_members(1, 6).await;
    store.append(1, 7..9).await;
    store.shared.log.sync().unwrap();
    disk.crash();
    let mut store = simulated(&disk, Durability::Fsync);
    assert_eq!(store.log.read_committed().await.unwrap(), Some(id(1, 3)));
}

#[tokio::test]
async fn a_state_that_came_as_a_snapshot_is_never_seen_ahead_of_the_log() {
    let mut leader = simulated(&SimulatedDisk::new(1), Durability::Fsync);
    leader.append(1, 0..9).await;
    leader.apply_all().await;
    leader.shared.snapshot_applied().unwrap();
    let snapshot = leader.shared.snapshot.lock().clone().unwrap();
    let mut follower = simulated(&SimulatedDisk::new(2), Durability::Fsync);
    follower.append(1, 0..3).await;
    follower.shared.install_snapshot(snapshot.bytes).unwrap();
    let shown = *follower.shared.ends.borrow();
    assert_eq!(shown.high_watermark.get(), 9);
    assert_eq!(follower.shared.log.ends().end_offset, shown.high_watermark);
    // What openraft does then.
    follower.log.purge(id(1, 8)).await.unwrap();
    follower.append(1, 9..11).await;
    assert_eq!(follower.shared.log.ends().end_index, LogIndex::new(11));
}

#[tokio::test]
async fn a_term_that_no_batch_can_hold_is_refused() {
    let disk = SimulatedDisk::new(1);
    let mut store = simulated(&disk, Durability::Fsync);
    let last = i32::MAX as u64;
    store.log.save_vote(&Vote::new(last, 0)).await.unwrap();
    let refused = store.log.save_vote(&Vote::new(last + 1, 0)).await;
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("2147483648"), "{text}");
    assert_eq!(
        store.shared.votes.votes.read(b"p").unwrap(),
        Some(Vote::new(last, 0))
    );
}

#[tokio::test]
async fn a_purge_beyond_the_end_is_a_reset() {
    let disk = SimulatedDisk::new(1);
    let mut store = simulated(&disk, Durability::Fsync);
    store.append(1, 0..3).await;
    store.log.purge(id(4, 10)).await.unwrap();
    let state = store.log.get_log_state().await.unwrap();
    assert_eq!(state.last_purged_log_id, Some(id(4, 10)));
    assert_eq!(state.last_log_id, Some(id(4, 10)));
    store.append(4, 11..12).await;
    let state = store.log.get_log_state().await.unwrap();
    assert_eq!(state.last_log_id, Some(id(4, 11)));
}

#[tokio::test]
async fn a_snapshot_from_before_what_is_applied_is_refused() {
    let mut store = simulated(&SimulatedDisk::new(1), Durability::Fsync);
    store.append(1, 0..3).await;
    store.apply_all().await;
    let older = store.shared.applied.read().encode();
    store.append(1, 3..6).await;
    store.apply_all().await;
    let applied = store.machine.applied_state().await.unwrap();
    let refused = store.shared.install_snapshot(older).unwrap_err();
    assert!(refused.to_string().contains("before"), "{refused}");
    assert_eq!(store.machine.applied_state().await.unwrap(), applied);
    assert_eq!(store.shared.applied.read().readable().1.get(), 6);
}

#[tokio::test]
async fn a_state_that_ends_at_another_offset_than_its_log_is_refused() {
    for (indices, at) in [(0..4, 4), (0..4, 2)] {
        let mut store = simulated(&SimulatedDisk::new(1), Durability::Fsync);
        store.append(1, indices).await;
        store.apply_all().await;
        {
            let mut applied = store.shared.applied.write();
            applied.position.last = Some(id(1, at - 1));
            applied.position.high_watermark = Offset::new(at);
        }
        store.shared.rebuild_tail().unwrap();
        store.shared.applied.write().position.high_watermark = Offset::new(at + 1);
        let refused = store.shared.rebuild_tail().unwrap_err().to_string();
        assert!(refused.contains("do not belong together"), "{refused}");
    }
}

#[tokio::test]
async fn a_snapshot_from_before_the_log_begins_is_refused_at_a_start_also_where_checkpoints_are_newer()
 {
    for (stands, opens) in [(4, false), (9, true)] {
        let disk = SimulatedDisk::new(1);
        let mut store = simulated(&disk, Durability::Fsync);
        store.append(1, 0..stands).await;
        store.apply_all().await;
        let state = store.shared.applied.read().encode();
        store.append(1, stands..40).await;
        store.apply_all().await;
        store.store_checkpoints();
        store.shared.log.write_snapshot(&state).unwrap();
        let purged = store
            .shared
            .log
            .purge(from_raft(id(1, 8)).unwrap(), Offset::new(9));
        purged.unwrap();
        let log = reopened(&disk);
        assert!(!log.checkpoints().unwrap().is_empty());
        let recovered = recover(&log, Partition::default());
        assert_eq!(recovered.is_ok(), opens, "a snapshot of {stands} entries");
    }
}

fn reopened(disk: &SimulatedDisk) -> Log {
    disk.crash();
    let clock = Arc::new(SimulatedClock::new(Timestamp::from_millis(1)));
    let limits = LogDirectorySettings {
        sync_threads: 0,
        ..LogDirectorySettings::default()
    };
    let directory = LogDirectory::open(disk.mount(), clock, limits).unwrap();
    let path = Path::new("partitions/t/0");
    directory.open_log(path, LogSettings::default()).unwrap()
}

#[test]
fn an_entry_is_applied_once() {
    let mut applied = Applied::new(Partition::default());
    let blank = |index| openraft::Entry {
        log_id: id(1, index),
        payload: Payload::Blank,
    };
    applied.apply(&blank(0)).unwrap();
    applied.apply(&blank(1)).unwrap();
    // An instance that was replaced comes late.
    for late in [0, 1] {
        applied.apply(&blank(late)).unwrap_err();
    }
    assert_eq!(applied.position.last, Some(id(1, 1)));
    applied.apply(&blank(2)).unwrap();
}
