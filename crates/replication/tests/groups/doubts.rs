//! `page-cache` replicas after a power cut: who may have forgotten what it acknowledged takes no part until it has it again.

use std::sync::Arc;
use std::time::Duration;

use model::{Durability, Offset, PartitionIndex, ReplicaId};
use replication::{GroupStart, LogSettings, Members, OpenGroupError, Reconfigured};
use segment_log::disk::SimulatedDisk;

use crate::harness::{PATIENCE, Process, TOPIC, batch, read_all, small_segments, until};
use crate::trio::Cluster;

/// Segments so large that nothing is synced by the way.
fn page_cache() -> LogSettings {
    LogSettings {
        durability: Durability::PageCache,
        ..LogSettings::default()
    }
}

impl Cluster {
    async fn of_page_cache() -> Self {
        Self::found(&[0, 1, 2], page_cache()).await
    }

    /// Has records acknowledged; their number.
    async fn acknowledge(&self, count: u64) -> u64 {
        let mut end = 0;
        for _ in 0..count {
            end = self.produce(batch("forget me not", 1)).await + 1;
        }
        end
    }

    /// Starts a replica after a power cut, and has it wait for its readmission; the run since which it is in doubt.
    async fn start_in_doubt(&mut self, replica: u64, accepted: u64) -> u64 {
        match self.start_damaged(replica).await {
            OpenGroupError::InDoubt { since, .. } => {
                self.await_readmission(replica, (since, accepted));
                since
            }
            other => panic!("{other}"),
        }
    }

    fn await_readmission(&self, replica: u64, runs: (u64, u64)) {
        let others = self.members.keys().filter(|other| **other != replica);
        let others: Vec<_> = others.copied().map(ReplicaId::new).collect();
        let others = Arc::new(move || others.clone());
        let settings = self.settings.clone();
        let replication = &self.process(replica).replication;
        replication.readmit_log_group(TOPIC, PartitionIndex::new(0), settings, others, runs);
    }

    fn accept_loss(&self, replica: u64, upto: u64) {
        let replication = &self.process(replica).replication;
        replication.accept_loss(TOPIC, PartitionIndex::new(0), upto);
    }

    /// What the replica in doubt waits for.
    async fn waits_for(&mut self, replica: u64) -> String {
        match self.reopen(replica).await {
            Err(OpenGroupError::InDoubt { state, .. }) => state,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until the replica in doubt was refused by others.
    async fn is_refused(&mut self, replica: u64) -> String {
        let give_up = std::time::Instant::now() + PATIENCE;
        loop {
            let state = self.waits_for(replica).await;
            if state.contains("replica") {
                return state;
            }
            assert!(std::time::Instant::now() < give_up, "{state}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Opens the group of a replica once it is let.
    async fn readmitted(&mut self, replica: u64) {
        let give_up = std::time::Instant::now() + PATIENCE;
        while let Err(error) = self.reopen(replica).await {
            let passes = matches!(error, OpenGroupError::InDoubt { .. }) || error.passes();
            assert!(
                passes && std::time::Instant::now() < give_up,
                "replica {replica}: {error}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn log_end(&self, replica: u64) -> u64 {
        self.group(replica).status().log_end.get()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_forgot_does_not_help_a_lagging_one_to_lead() {
    let mut cluster = Cluster::of_page_cache().await;
    assert_eq!(cluster.leader().await, 0);
    let both = cluster.acknowledge(10).await;
    cluster.caught_up(both).await;
    // Replica 2 lags; 0 and 1 acknowledge.
    cluster.network.cut(0, 2);
    cluster.network.cut(1, 2);
    let acknowledged = cluster.acknowledge(30).await;
    // The power of 1 is cut; then it and 2 are alone together.
    cluster.crash(1).await;
    cluster.network.heal();
    cluster.network.cut(0, 1);
    cluster.network.cut(0, 2);
    cluster.start_in_doubt(1, 0).await;
    cluster.is_refused(1).await;
    assert!(!cluster.group(2).status().serves);
    // With the one that remembers they are three again.
    cluster.network.heal();
    cluster.readmitted(1).await;
    let end = cluster.acknowledge(1).await;
    assert_eq!(end, acknowledged + 1);
    cluster.caught_up(end).await;
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_the_partition_by_now_is_asked_to_readmit() {
    let mut cluster = Cluster::of_page_cache().await;
    let before = cluster.acknowledge(10).await;
    cluster.caught_up(before).await;
    cluster.crash(1).await;
    let error = cluster.start_damaged(1).await;
    let OpenGroupError::InDoubt { since, .. } = error else {
        panic!("{error}");
    };
    let holders = Arc::new(parking_lot::Mutex::new(vec![ReplicaId::new(77)]));
    let now = holders.clone();
    let replication = &cluster.process(1).replication;
    replication.readmit_log_group(
        TOPIC,
        PartitionIndex::new(0),
        cluster.settings.clone(),
        Arc::new(move || now.lock().clone()),
        (since, 0),
    );
    let refused = cluster.is_refused(1).await;
    assert!(refused.contains("77"), "{refused}");
    *holders.lock() = [0, 2].map(ReplicaId::new).into();
    cluster.readmitted(1).await;
    let end = cluster.acknowledge(1).await;
    cluster.caught_up(end).await;
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_counts_on_what_was_forgotten_gives_it_back() {
    let mut cluster = Cluster::of_page_cache().await;
    let before = cluster.acknowledge(30).await;
    cluster.caught_up(before).await;
    cluster.crash(1).await;
    let meanwhile = cluster.acknowledge(10).await;
    cluster.start_in_doubt(1, 0).await;
    cluster.readmitted(1).await;
    let end = cluster.acknowledge(1).await;
    assert_eq!(end, meanwhile + 1);
    cluster.caught_up(end).await;
    assert_eq!(read_all(cluster.group(1), Offset::ZERO).len() as u64, end);
    cluster.same_logs().await;
    // It votes again, and is whole: the two of them go on without the third.
    cluster.crash(2).await;
    assert_eq!(cluster.acknowledge(1).await, end + 1);
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_is_in_no_doubt() {
    let mut cluster = Cluster::of_page_cache().await;
    let before = cluster.acknowledge(10).await;
    cluster.caught_up(before).await;
    cluster.kill(1).await;
    cluster.start(1).await;
    let end = cluster.acknowledge(1).await;
    cluster.caught_up(end).await;
    // Nor is one that was stopped in good order before the power went.
    cluster.stop(2).await;
    cluster.members[&2].disk.crash();
    cluster.start(2).await;
    cluster.caught_up(end).await;
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_outlives_a_second_restart() {
    let mut cluster = Cluster::of_page_cache().await;
    let before = cluster.acknowledge(30).await;
    cluster.caught_up(before).await;
    for replica in [0, 1, 2] {
        cluster.crash(replica).await;
    }
    let since = cluster.start_in_doubt(1, 0).await;
    cluster.is_refused(1).await;
    cluster.kill(1).await;
    assert_eq!(cluster.start_in_doubt(1, 0).await, since);
    cluster.stop(1).await;
    assert_eq!(cluster.start_in_doubt(1, 0).await, since);
    cluster.stop(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_voter_starts_at_once_with_what_it_holds() {
    let mut cluster = Cluster::found(&[0], page_cache()).await;
    cluster.acknowledge(30).await;
    cluster.crash(0).await;
    cluster.start(0).await;
    let held = cluster.log_end(0);
    assert_eq!(cluster.acknowledge(1).await, held + 1);
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_meanwhile_comes_as_a_snapshot() {
    let settings = LogSettings {
        durability: Durability::PageCache,
        ..small_segments()
    };
    let mut cluster = Cluster::found(&[0, 1, 2], settings).await;
    let before = cluster.acknowledge(10).await;
    cluster.caught_up(before).await;
    cluster.crash(1).await;
    let end = cluster.acknowledge(60).await;
    let leader = cluster.leader().await;
    let to = Offset::new(end - 5);
    let never = model::Timestamp::from_millis(0);
    let trimmed = cluster.group(leader).set_log_start(to, never).await;
    assert_eq!(trimmed, Ok(to));
    let first = || cluster.group(leader).log().ends().first_offset;
    until(|| first() > Offset::new(before)).await;
    cluster.start_in_doubt(1, 0).await;
    cluster.readmitted(1).await;
    let end = cluster.acknowledge(1).await;
    cluster.caught_up(end).await;
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_is_accepted_once_and_never_that_of_a_later_power_cut() {
    let mut cluster = Cluster::of_page_cache().await;
    let before = cluster.acknowledge(30).await;
    cluster.caught_up(before).await;
    for replica in [0, 1, 2] {
        cluster.crash(replica).await;
    }
    let mut since = [0; 3];
    for replica in [0, 1, 2] {
        since[replica as usize] = cluster.start_in_doubt(replica, 0).await;
    }
    // Of an earlier one: nothing is accepted.
    cluster.accept_loss(0, since[0] - 1);
    for replica in [0, 1, 2] {
        cluster.is_refused(replica).await;
    }
    for replica in [0, 1, 2] {
        cluster.accept_loss(replica, since[replica as usize]);
    }
    for replica in [0, 1, 2] {
        cluster.readmitted(replica).await;
    }
    let end = cluster.acknowledge(30).await;
    cluster.caught_up(end).await;
    cluster.same_logs().await;
    // The next power cut is another one.
    cluster.crash(1).await;
    cluster.network.cut(0, 1);
    cluster.network.cut(1, 2);
    let accepted = since[1];
    assert!(cluster.start_in_doubt(1, accepted).await > accepted);
    cluster.is_refused(1).await;
    cluster.accept_loss(1, accepted);
    tokio::time::sleep(Duration::from_millis(50)).await;
    cluster.waits_for(1).await;
    cluster.network.heal();
    cluster.readmitted(1).await;
    cluster.caught_up(end).await;
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_one_remembers_an_accepted_loss_loses_nothing() {
    let mut cluster = Cluster::of_page_cache().await;
    let before = cluster.acknowledge(30).await;
    cluster.caught_up(before).await;
    assert_eq!(cluster.leader().await, 0);
    // 0 goes on, and counts on what the others have acknowledged.
    cluster.crash(1).await;
    cluster.crash(2).await;
    let first = cluster.start_in_doubt(1, 0).await;
    let second = cluster.start_in_doubt(2, 0).await;
    cluster.is_refused(1).await;
    cluster.is_refused(2).await;
    cluster.accept_loss(1, first);
    cluster.accept_loss(2, second);
    cluster.readmitted(1).await;
    cluster.readmitted(2).await;
    let end = cluster.acknowledge(1).await;
    assert_eq!(end, before + 1);
    cluster.caught_up(end).await;
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_fsync_replica_starts_after_a_power_cut_as_ever() {
    let mut cluster = Cluster::found(&[0, 1, 2], LogSettings::default()).await;
    let before = cluster.acknowledge(10).await;
    for replica in [0, 1, 2] {
        cluster.crash(replica).await;
    }
    for replica in [0, 1, 2] {
        cluster.start(replica).await;
    }
    assert_eq!(cluster.acknowledge(1).await, before + 1);
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_in_which_nobody_ever_voted_is_in_no_doubt() {
    let process = Process::start;
    let disk = SimulatedDisk::new(1);
    let first = process(disk.mount());
    // Opened as one of three that have not met: founded, and nothing more.
    let founders = [0, 1, 2].map(ReplicaId::new).to_vec();
    let start = GroupStart::Found(founders);
    let group = first.open_as(&page_cache(), start.clone()).await.unwrap();
    drop(group);
    disk.crash();
    first.vanish().await;
    let second = process(disk.mount());
    second.open_as(&page_cache(), start).await.unwrap();
    second.vanish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_the_members_are_is_synced_before_it_counts() {
    let mut cluster = Cluster::found(&[0], page_cache()).await;
    cluster.acknowledge(5).await;
    let before = cluster.group(0).log().ends().end_index;
    assert!(cluster.group(0).log().ends().durable_index < before);
    cluster.start(1).await;
    let wanted = Members::of_voters([0, 1].map(ReplicaId::new));
    let give_up = std::time::Instant::now() + PATIENCE;
    while cluster.group(0).reconfigure(&wanted).await != Ok(Reconfigured::Done) {
        assert!(std::time::Instant::now() < give_up, "the members change");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let ends = cluster.group(0).log().ends();
    assert!(ends.durable_index > before, "{ends:?}");
    // So the power cut of what was the only voter does not make it one again.
    cluster.crash(0).await;
    assert!(matches!(
        cluster.start_damaged(0).await,
        OpenGroupError::InDoubt { .. }
    ));
}
