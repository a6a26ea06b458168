//! Members come and go, leadership moves, and nothing acknowledged is lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use model::{Offset, ReplicaId};
use replication::peer::RequestKind;
use replication::{Members, ReconfigureError, Reconfigured, TransferError};
use segment_log::LogSettings;

use crate::harness::{PATIENCE, batch, read_all, small_segments, stamped, until};
use crate::trio::Cluster;

fn voters(replicas: &[u64]) -> Members {
    Members::of_voters(replicas.iter().copied().map(ReplicaId::new))
}

/// Asks whoever leads for one step after the other until the members are as wanted; says how many steps there were.
async fn reconfigure(cluster: &Cluster, wanted: &Members) -> usize {
    let mut steps = 0;
    let changed = async {
        loop {
            let leader = cluster.leader().await;
            match cluster.group(leader).reconfigure(wanted).await {
                Ok(Reconfigured::Done) => return,
                Ok(Reconfigured::Stepped) => steps += 1,
                Ok(Reconfigured::CatchingUp { .. })
                | Err(
                    ReconfigureError::NotLeader { .. }
                    | ReconfigureError::Busy
                    | ReconfigureError::Unknown,
                ) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(ReconfigureError::Refused { reason }) => {
                    eprintln!("refused: {reason}");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    };
    let changed = tokio::time::timeout(PATIENCE, changed).await;
    changed.expect("the members change in time");
    steps
}

#[tokio::test]
async fn one_becomes_three_then_three_others_and_every_record_goes_along() {
    let mut cluster = Cluster::found(&[0], small_segments()).await;
    for n in 0..30 {
        cluster.produce(stamped(5, 0, n, 1)).await;
    }
    for replica in 1..6 {
        cluster.start(replica).await;
    }
    let wanted = voters(&[0, 1, 2]);
    reconfigure(&cluster, &wanted).await;
    let leader = cluster.leader().await;
    assert_eq!(cluster.group(leader).members(), wanted);
    for n in 30..40 {
        cluster.produce(stamped(5, 0, n, 1)).await;
    }
    let wanted = voters(&[3, 4, 5]);
    reconfigure(&cluster, &wanted).await;
    let leader = cluster.leader().await;
    assert!(leader >= 3);
    assert_eq!(cluster.group(leader).members(), wanted);
    for gone in [0, 1, 2] {
        cluster.stop(gone).await;
    }
    for n in 40..50 {
        assert_eq!(cluster.produce(stamped(5, 0, n, 1)).await, n as u64);
    }
    cluster.caught_up(50).await;
    for replica in [3, 4, 5] {
        assert_eq!(read_all(cluster.group(replica), Offset::ZERO).len(), 50);
    }
    assert_eq!(reconfigure(&cluster, &wanted).await, 0, "it is done");
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn a_replica_that_was_removed_comes_back_as_another_one() {
    let mut cluster = Cluster::of_three().await;
    for n in 0..10 {
        cluster.produce(batch(&format!("value {n}"), 1)).await;
    }
    let wanted = voters(&[0, 1]);
    reconfigure(&cluster, &wanted).await;
    cluster.stop(2).await;
    for n in 10..20 {
        cluster.produce(batch(&format!("value {n}"), 1)).await;
    }
    cluster.start(3).await;
    let wanted = voters(&[0, 1, 3]);
    reconfigure(&cluster, &wanted).await;
    cluster.caught_up(20).await;
    let leader = cluster.leader().await;
    let mut sound = read_all(cluster.group(leader), Offset::ZERO);
    assert_eq!(read_all(cluster.group(3), Offset::ZERO), sound);
    // It counts.
    let other = if leader == 0 { 1 } else { 0 };
    cluster.stop(other).await;
    cluster.produce(batch("with the new one", 1)).await;
    cluster.caught_up(21).await;
    sound = read_all(cluster.group(leader), Offset::ZERO);
    assert_eq!(read_all(cluster.group(3), Offset::ZERO), sound);
    cluster.same_logs().await;
    cluster.stop_all().await;
}

/// Its files and its vote are gone, and by the beginning of the history that it is sent it is the only voter.
#[tokio::test]
async fn a_replica_added_again_to_a_group_that_it_had_left_does_not_act_on_its_old_membership() {
    let mut cluster = Cluster::found(&[2], LogSettings::default()).await;
    let large = "x".repeat(400_000);
    for _ in 0..20 {
        cluster.produce(batch(&large, 1)).await;
    }
    for replica in [0, 1] {
        cluster.start(replica).await;
    }
    reconfigure(&cluster, &voters(&[0, 1, 2])).await;
    reconfigure(&cluster, &voters(&[0, 1])).await;
    cluster.caught_up(20).await;
    cluster.crash(2).await;
    cluster.start_wiped(2).await;
    // It gets the first entries, and then nothing more.
    let [is_closed, is_open] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let (closes, opens) = (is_closed.clone(), is_open.clone());
    let passed = AtomicUsize::new(0);
    cluster.network.alter(move |_, to, request| {
        if to != ReplicaId::new(2) || opens.load(Ordering::Relaxed) {
            return;
        }
        let bytes = request.entries.iter().map(bytes::Bytes::len).sum();
        let before = passed.fetch_add(bytes, Ordering::Relaxed);
        if closes.fetch_or(before + bytes > 3 << 20, Ordering::Relaxed) || before + bytes > 3 << 20
        {
            request.head = bytes::Bytes::new();
            request.entries.clear();
        }
    });
    let mut wanted = voters(&[0, 1]);
    wanted.learners.insert(ReplicaId::new(2));
    let leader = cluster.leader().await;
    let stepped = cluster.group(leader).reconfigure(&wanted).await;
    assert_eq!(stepped, Ok(Reconfigured::Stepped));
    until(|| cluster.group(2).log().ends().last.is_some()).await;
    until(|| is_closed.load(Ordering::Relaxed)).await;
    // Three election timeouts, and a restart between: it stands for no election.
    tokio::time::sleep(Duration::from_secs(2)).await;
    cluster.stop(2).await;
    cluster.start(2).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let status = cluster.group(2).status();
    assert!(
        !status.serves && status.leader != Some(ReplicaId::new(2)),
        "{status:?}"
    );
    assert!(status.high_watermark < Offset::new(20), "{status:?}");
    is_open.store(true, Ordering::Relaxed);
    reconfigure(&cluster, &voters(&[0, 1, 2])).await;
    cluster.produce(batch("with it", 1)).await;
    cluster.caught_up(21).await;
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn no_voters_are_made_that_are_no_quorum_until_one_of_them_keeps_up_again() {
    let mut cluster = Cluster::of_three().await;
    cluster.fill(3).await;
    cluster.caught_up(3).await;
    let leader = cluster.leader().await;
    let [down, up] = [(leader + 1) % 3, (leader + 2) % 3];
    cluster.stop(down).await;
    let group = cluster.group(leader);
    let is_out = || {
        let followers = group.followers().into_iter();
        let mut in_sync = followers.filter(|one| one.is_in_sync);
        in_sync.all(|one| one.replica == ReplicaId::new(up))
    };
    until(is_out).await;
    let before = group.members();
    for wanted in [voters(&[leader, down]), voters(&[down])] {
        let stepped = tokio::time::timeout(PATIENCE, group.reconfigure(&wanted)).await;
        let expected = ReplicaId::new(down);
        assert!(
            matches!(stepped, Ok(Ok(Reconfigured::CatchingUp { replica, .. })) if replica == expected),
            "{stepped:?}"
        );
        assert_eq!(group.members(), before);
    }
    assert_eq!(cluster.produce(batch("goes on", 1)).await, 3);
    cluster.start(down).await;
    let wanted = voters(&[leader, down]);
    reconfigure(&cluster, &wanted).await;
    let leader = cluster.leader().await;
    assert_eq!(cluster.group(leader).members(), wanted);
    cluster.stop_all().await;
}

#[tokio::test]
async fn a_learner_gets_everything_and_says_that_it_is_one() {
    let mut cluster = Cluster::found(&[0], small_segments()).await;
    cluster.start(1).await;
    let wanted = Members {
        voters: BTreeSet::from([ReplicaId::new(0)]),
        learners: BTreeSet::from([ReplicaId::new(1)]),
    };
    reconfigure(&cluster, &wanted).await;
    cluster.produce(batch("value", 1)).await;
    cluster.caught_up(1).await;
    until(|| cluster.group(1).status().is_learner).await;
    let status = cluster.group(0).status();
    assert_eq!(status.voters, [ReplicaId::new(0)]);
    assert_eq!(status.in_sync, [ReplicaId::new(0)]);
    let followers = cluster.group(0).followers();
    assert_eq!(followers.len(), 1);
    assert!(!followers[0].is_voter);
    reconfigure(&cluster, &voters(&[0])).await;
    assert_eq!(cluster.group(0).members(), voters(&[0]));
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learner_that_has_fallen_behind_is_made_no_voter_until_it_keeps_up_again() {
    let limit = replication::ReplicationSettings::new(ReplicaId::new(0)).in_sync_lag_max;
    let mut cluster = Cluster::found(&[0, 1, 2], LogSettings::default()).await;
    cluster.start(3).await;
    let with_learner = Members {
        learners: BTreeSet::from([ReplicaId::new(3)]),
        ..voters(&[0, 1, 2])
    };
    reconfigure(&cluster, &with_learner).await;
    cluster.produce(batch("value", 1)).await;
    cluster.caught_up(1).await;
    takes_no_entries(&cluster, 3);
    let leader = cluster.leader().await;
    let batches = (0..limit + 100).map(|n| batch(&format!("{n}"), 1));
    let _proposed = cluster.propose_all(leader, batches).await;
    let group = cluster.group(leader);
    until(|| group.status().high_watermark > Offset::new(limit + 100)).await;
    let wanted = voters(&[0, 1, 2, 3]);
    for _ in 0..20 {
        let stepped = group.reconfigure(&wanted).await;
        let is_behind = matches!(
            stepped,
            Ok(Reconfigured::CatchingUp { replica, lag }) if replica.get() == 3 && lag > limit
        );
        assert!(is_behind, "{stepped:?}");
        assert_eq!(group.members(), with_learner);
    }
    cluster.network.alter(|_, _, _| ());
    reconfigure(&cluster, &wanted).await;
    assert_eq!(cluster.group(cluster.leader().await).members(), wanted);
    cluster.same_logs().await;
    cluster.stop_all().await;
}

/// A replica answers heartbeats from now on, and takes no entries.
fn takes_no_entries(cluster: &Cluster, replica: u64) {
    cluster.network.alter(move |_, to, request| {
        let is_append = request.kind == RequestKind::Append && !request.entries.is_empty();
        if is_append && to.get() == replica {
            request.head = bytes::Bytes::new();
        }
    });
}

#[tokio::test]
async fn leadership_goes_to_who_is_named_and_nothing_is_lost_on_the_way() {
    let cluster = Cluster::of_three().await;
    let mut next = 0;
    for round in 0..6 {
        let leader = cluster.leader().await;
        let to = (leader + 1) % 3;
        let proposed = cluster
            .propose_all(leader, (next..next + 5).map(|n| stamped(9, 0, n, 1)))
            .await;
        let moved = cluster
            .group(leader)
            .transfer_leadership(ReplicaId::new(to))
            .await;
        assert_eq!(moved, Ok(()), "round {round}");
        until(|| cluster.serving() == Some(to)).await;
        drop(proposed);
        for n in next..next + 5 {
            assert_eq!(cluster.produce(stamped(9, 0, n, 1)).await, n as u64);
        }
        next += 5;
    }
    cluster.caught_up(30).await;
    assert_eq!(read_all(cluster.group(0), Offset::ZERO).len(), 30);
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn a_handover_that_nobody_takes_up_ends_and_the_group_goes_on() {
    let cluster = Cluster::of_three().await;
    cluster.produce(batch("before", 1)).await;
    cluster.caught_up(1).await;
    let leader = cluster.leader().await;
    let to = (leader + 1) % 3;
    // It is told, and cannot ask anybody for a vote.
    cluster.network.alter(move |from, _, request| {
        use RequestKind::{PreVote, TransferLeader, Vote};
        let is_lost = match request.kind {
            Vote | PreVote => from.get() == to,
            TransferLeader => true,
            _ => false,
        };
        if is_lost {
            request.head = bytes::Bytes::new();
        }
    });
    let moved = cluster
        .group(leader)
        .transfer_leadership(ReplicaId::new(to))
        .await;
    assert!(
        matches!(moved, Err(TransferError::Failed { .. })),
        "{moved:?}"
    );
    assert_eq!(cluster.produce(batch("after", 1)).await, 1);
    cluster.caught_up(2).await;
    for replica in 0..3 {
        assert_eq!(cluster.group(replica).status().stopped, None);
    }
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn only_a_voter_that_keeps_up_is_handed_leadership() {
    let cluster = Cluster::of_three().await;
    let leader = cluster.leader().await;
    let stranger = ReplicaId::new(77);
    let moved = cluster.group(leader).transfer_leadership(stranger).await;
    assert_eq!(moved, Err(TransferError::NotVoter { to: stranger }));
    let follower = (leader + 1) % 3;
    let moved = cluster
        .group(follower)
        .transfer_leadership(ReplicaId::new(leader))
        .await;
    assert!(
        matches!(moved, Err(TransferError::NotLeader { .. })),
        "{moved:?}"
    );
    let none = cluster.group(leader).reconfigure(&Members::default()).await;
    assert_eq!(none, Err(ReconfigureError::NoVoters));
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_further_behind_than_the_bound_is_not_in_sync_and_is_not_handed_leadership() {
    let limit = replication::ReplicationSettings::new(ReplicaId::new(0)).in_sync_lag_max;
    let cluster = Cluster::found(&[0, 1, 2], LogSettings::default()).await;
    let leader = cluster.leader().await;
    let slow = (leader + 1) % 3;
    takes_no_entries(&cluster, slow);
    let batches = (0..limit + 100).map(|n| batch(&format!("{n}"), 1));
    let _proposed = cluster.propose_all(leader, batches).await;
    let group = cluster.group(leader);
    until(|| group.status().high_watermark >= Offset::new(limit + 100)).await;
    let to = ReplicaId::new(slow);
    let handed = group.transfer_leadership(to).await;
    let lag = match handed {
        Err(TransferError::TooFarBehind { lag, .. }) => lag,
        other => panic!("{other:?}"),
    };
    assert!(lag > limit, "{lag}");
    assert!(!group.status().in_sync.contains(&to));
    cluster.network.alter(|_, _, _| ());
    cluster.hand_over(slow).await;
    cluster.caught_up(limit + 100).await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn a_voter_that_is_cut_off_is_not_in_sync() {
    let cluster = Cluster::of_three().await;
    cluster.produce(batch("value", 1)).await;
    let leader = cluster.leader().await;
    let in_sync = || cluster.group(leader).status().in_sync.len();
    until(|| in_sync() == 3).await;
    let lost = (leader + 1) % 3;
    cluster.network.cut(leader, lost);
    cluster.network.cut((leader + 2) % 3, lost);
    until(|| in_sync() == 2).await;
    cluster.network.heal();
    until(|| in_sync() == 3).await;
    cluster.same_logs().await;
    cluster.stop_all().await;
}
