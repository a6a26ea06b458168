//! Idempotent producers through restarts, snapshots and inherited entries.

use model::{Offset, Timestamp};
use replication::{ProduceOutcome, ProduceRefusal};
use segment_log::disk::SimulatedDisk;

use crate::catching_up::trim;
use crate::harness::{
    Answers, Process, append, batch, produce, read_all, small_segments, stamped, until,
};
use crate::trio::Cluster;

fn duplicate(base_offset: u64) -> ProduceOutcome {
    ProduceOutcome::Duplicate {
        base_offset: Offset::new(base_offset),
    }
}

#[tokio::test]
async fn refusals_say_what_was_expected_and_take_no_offset() {
    let disk = SimulatedDisk::new(1);
    let process = Process::start(disk.mount());
    let group = process.serve(&small_segments()).await;
    append(&group, stamped(5, 1, 0, 2)).await;
    let refused = produce(&group, stamped(5, 1, 7, 1)).await.unwrap();
    let ProduceOutcome::Refused(ProduceRefusal::OutOfOrderSequence {
        expected, found, ..
    }) = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!((expected, found), (2, 7));
    let fenced = produce(&group, stamped(5, 0, 2, 1)).await.unwrap();
    assert!(
        matches!(
            fenced,
            ProduceOutcome::Refused(ProduceRefusal::Fenced {
                current_epoch: 1,
                found: 0,
                ..
            })
        ),
        "{fenced:?}"
    );
    assert_eq!(append(&group, batch("next", 1)).await, Offset::new(2));
    assert_eq!(read_all(&group, Offset::ZERO).len(), 2);
    drop(group);
    process.stop().await;
}

#[tokio::test]
async fn duplicates_in_flight_are_found_before_the_first_is_applied() {
    let disk = SimulatedDisk::new(1);
    let process = Process::start(disk.mount());
    let group = process.serve(&small_segments()).await;
    let answers = std::sync::Arc::new(Answers::default());
    let sink: std::sync::Arc<dyn replication::AnswerSink> = answers.clone();
    for tag in 0..4 {
        group
            .propose(stamped(9, 0, 0, 1), &sink, tag)
            .await
            .unwrap();
    }
    let first = answers.wait_for(0).await;
    assert!(
        matches!(first, ProduceOutcome::Appended { .. }),
        "{first:?}"
    );
    for tag in 1..4 {
        assert_eq!(answers.wait_for(tag).await, duplicate(0));
    }
    drop(group);
    process.stop().await;
}

#[tokio::test]
async fn a_producer_whose_batches_are_trimmed_away_is_still_known_after_a_restart() {
    let disk = SimulatedDisk::new(1);
    let process = Process::start(disk.mount());
    let group = process.serve(&small_segments()).await;
    append(&group, stamped(3, 0, 0, 2)).await;
    for n in 0..60 {
        append(&group, batch(&format!("filler {n}"), 1)).await;
    }
    let to = Offset::new(50);
    let never = Timestamp::from_millis(0);
    group.set_log_start(to, never).await.unwrap();
    until(|| group.log().ends().first_offset > Offset::new(2)).await;
    drop(group);
    process.stop().await;

    let process = Process::start(disk.mount());
    let group = process.serve(&small_segments()).await;
    assert_eq!(produce(&group, stamped(3, 0, 0, 2)).await, Ok(duplicate(0)));
    assert_eq!(append(&group, stamped(3, 0, 2, 1)).await, Offset::new(62));
    // Silent for too long: forgotten, and taken for a new one.
    let later = Timestamp::from_millis(2_000_000);
    group.set_log_start(to, later).await.unwrap();
    assert_eq!(append(&group, stamped(3, 0, 0, 1)).await, Offset::new(63));
    drop(group);
    process.stop().await;
}

#[tokio::test]
async fn an_inherited_batch_that_nobody_was_told_of_is_a_duplicate_when_retried() {
    for seed in 1..10 {
        let disk = SimulatedDisk::new(seed);
        let process = Process::start(disk.mount());
        let group = process.serve(&small_segments()).await;
        append(&group, stamped(4, 0, 0, 1)).await;
        let answers = std::sync::Arc::new(Answers::default());
        let sink: std::sync::Arc<dyn replication::AnswerSink> = answers.clone();
        for n in 1..6 {
            group
                .propose(stamped(4, 0, n, 1), &sink, n as u64)
                .await
                .unwrap();
        }
        disk.crash();
        drop(group);
        process.vanish().await;

        let process = Process::start(disk.mount());
        let group = process.serve(&small_segments()).await;
        let inherited = group.status().high_watermark.get();
        for n in 1..6 {
            let outcome = produce(&group, stamped(4, 0, n, 1)).await.unwrap();
            let offset = n as u64;
            if offset < inherited {
                assert_eq!(outcome, duplicate(offset), "seed {seed}");
            } else {
                let base = Offset::new(offset);
                assert!(
                    matches!(outcome, ProduceOutcome::Appended { base_offset, .. } if base_offset == base),
                    "seed {seed}: {outcome:?}"
                );
            }
        }
        assert_eq!(read_all(&group, Offset::ZERO).len(), 6, "seed {seed}");
        drop(group);
        process.stop().await;
    }
}

#[tokio::test]
async fn a_producer_whose_clock_stands_in_1970_is_not_forgotten_while_it_goes_on() {
    let disk = SimulatedDisk::new(1);
    let process = Process::start(disk.mount());
    let group = process.serve(&small_segments()).await;
    append(&group, stamped(3, 0, 0, 2)).await;
    let idle_since = Timestamp::from_millis(999_999);
    assert!(!group.has_producers_idle_since(idle_since));
    group
        .set_log_start(Offset::new(1), idle_since)
        .await
        .unwrap();
    assert_eq!(produce(&group, stamped(3, 0, 0, 2)).await, Ok(duplicate(0)));
    let idle_since = Timestamp::from_millis(1_000_001);
    assert!(group.has_producers_idle_since(idle_since));
    group
        .set_log_start(Offset::new(1), idle_since)
        .await
        .unwrap();
    assert!(!group.has_producers_idle_since(idle_since));
    drop(group);
    process.stop().await;
}

fn moved_on(expected: u64, actual: u64) -> ProduceOutcome {
    ProduceOutcome::Refused(ProduceRefusal::LogMovedOn {
        expected: Offset::new(expected),
        actual: Offset::new(actual),
    })
}

#[tokio::test]
async fn of_racing_conditional_appends_exactly_one_is_written() {
    let disk = SimulatedDisk::new(1);
    let process = Process::start(disk.mount());
    let group = process.serve(&small_segments()).await;
    append(&group, batch("before", 3)).await;
    let answers = std::sync::Arc::new(Answers::default());
    let sink: std::sync::Arc<dyn replication::AnswerSink> = answers.clone();
    let at = Some(Offset::new(3));
    let racing = (0..5).map(|tag| group.propose_at(batch("racing", 2), at, &sink, tag));
    for proposed in futures_util::future::join_all(racing).await {
        proposed.unwrap();
    }
    let mut won = 0;
    for tag in 0..5 {
        match answers.wait_for(tag).await {
            ProduceOutcome::Appended { base_offset, .. } => {
                assert_eq!(base_offset, Offset::new(3));
                won += 1;
            }
            refused => assert_eq!(refused, moved_on(3, 5)),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(group.status().high_watermark, Offset::new(5));
    drop(group);
    process.stop().await;
}

#[tokio::test]
async fn a_conditional_append_sent_again_is_a_duplicate_though_the_log_has_moved_on() {
    let disk = SimulatedDisk::new(1);
    let process = Process::start(disk.mount());
    let group = process.serve(&small_segments()).await;
    let answers = std::sync::Arc::new(Answers::default());
    let sink: std::sync::Arc<dyn replication::AnswerSink> = answers.clone();
    let at = |offset| Some(Offset::new(offset));
    for (tag, expected) in [(0, 0), (1, 0), (2, 0)] {
        let batch = stamped(9, 0, if tag == 2 { 1 } else { 0 }, 1);
        group
            .propose_at(batch, at(expected), &sink, tag)
            .await
            .unwrap();
    }
    assert!(matches!(
        answers.wait_for(0).await,
        ProduceOutcome::Appended { .. }
    ));
    assert_eq!(answers.wait_for(1).await, duplicate(0));
    assert_eq!(answers.wait_for(2).await, moved_on(0, 1));
    // What was refused has used up no sequence.
    assert_eq!(append(&group, stamped(9, 0, 1, 1)).await, Offset::new(1));
    drop(group);
    process.stop().await;
}

/// A leader that is cut off takes a batch, which the next leader cuts off its log; then it leads again.
async fn cut_off_and_back(trims: bool) -> (Cluster, u64) {
    let cluster = Cluster::of_three().await;
    cluster.produce(stamped(7, 0, 0, 1)).await;
    cluster.caught_up(1).await;
    let old = cluster.leader().await;
    cluster.cut_off(old);
    let lost = cluster.propose(old, stamped(7, 0, 1, 1)).await;
    let end = || cluster.group(old).status().log_end;
    until(|| end() == Offset::new(2)).await;
    let next = cluster.successor_of(old).await;
    let other = cluster.try_produce(next, batch("other", 1)).await;
    assert!(
        matches!(other, Some(ProduceOutcome::Appended { .. })),
        "{other:?}"
    );
    if trims {
        let group = cluster.group(next);
        for n in 0..60 {
            append(group, batch(&format!("{n}"), 1)).await;
        }
        trim(&cluster, 55).await;
        until(|| group.log().ends().purged.is_some()).await;
    }
    cluster.network.heal();
    let settled = cluster.group(next).status().high_watermark;
    cluster.caught_up(settled.get()).await;
    assert!(!lost.is_acknowledged());
    cluster.hand_over(old).await;
    (cluster, old)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_cut_off_is_written_where_it_is_sent_again() {
    for trims in [false, true] {
        let (cluster, old) = cut_off_and_back(trims).await;
        let end = cluster.group(old).status().log_end;
        let again = cluster.try_produce(old, stamped(7, 0, 1, 1)).await;
        assert!(
            matches!(again, Some(ProduceOutcome::Appended { base_offset, .. }) if base_offset == end),
            "{again:?}, trimmed: {trims}"
        );
        cluster.stop_all().await;
    }
}
