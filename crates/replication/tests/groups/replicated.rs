//! Three replicas: what is acknowledged is on all of them, and survives any one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::Offset;

use replication::ProduceOutcome;
use replication::peer::RequestKind;

use crate::harness::{batch, read_all, stamped, until};
use crate::trio::Cluster;

#[tokio::test]
async fn what_is_acknowledged_is_read_from_every_replica_byte_for_byte() {
    let cluster = Cluster::of_three().await;
    for n in 0..50 {
        assert_eq!(
            cluster.produce(batch(&format!("value {n}"), 2)).await,
            2 * n
        );
    }
    cluster.caught_up(100).await;
    let first = read_all(cluster.group(0), Offset::ZERO);
    assert_eq!(first.len(), 50);
    for replica in [1, 2] {
        assert_eq!(read_all(cluster.group(replica), Offset::ZERO), first);
    }
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn how_far_a_partition_is_committed_is_told_with_the_next_batch_or_heartbeat() {
    let cluster = Cluster::of_three().await;
    cluster.produce(batch("first", 1)).await;
    cluster.caught_up(1).await;
    let bare = Arc::new(AtomicUsize::new(0));
    let counted = bare.clone();
    cluster.network.alter(move |_, _, request| {
        if request.kind == RequestKind::Append && request.entries.is_empty() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    for n in 0..50 {
        cluster.produce(batch(&format!("value {n}"), 1)).await;
    }
    cluster.caught_up(51).await;
    let bare = bare.load(Ordering::Relaxed);
    assert!(bare < 10, "{bare} appends without a batch");
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn the_first_voter_of_a_new_group_leads_it() {
    let cluster = Cluster::of_three().await;
    assert_eq!(cluster.leader().await, 0);
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn when_the_leader_dies_another_serves_and_knows_every_batch() {
    let mut cluster = Cluster::of_three().await;
    for n in 0..20 {
        cluster.produce(stamped(7, 0, n, 1)).await;
    }
    let leader = cluster.leader().await;
    cluster.crash(leader).await;
    let next = cluster.leader().await;
    assert_ne!(next, leader);
    // Retried, the newest ones are answered with the offsets that they have.
    for n in 15..20 {
        assert_eq!(cluster.produce(stamped(7, 0, n, 1)).await, n as u64);
    }
    assert_eq!(cluster.produce(stamped(7, 0, 20, 1)).await, 20);
    cluster.start(leader).await;
    cluster.caught_up(21).await;
    assert_eq!(read_all(cluster.group(leader), Offset::ZERO).len(), 21);
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn a_replica_that_hears_no_leader_asks_before_it_votes_and_unseats_nobody_when_it_is_back() {
    let cluster = Cluster::of_three().await;
    cluster.produce(batch("before", 1)).await;
    cluster.caught_up(1).await;
    let leader = cluster.leader().await;
    let term = cluster.group(leader).status().term;
    let deaf = (leader + 1) % 3;
    let (asked, voted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (asks, votes) = (asked.clone(), voted.clone());
    cluster.network.alter(move |from, _, request| {
        let counter = match request.kind {
            RequestKind::PreVote if from.get() == deaf => &asks,
            RequestKind::Vote if from.get() == deaf => &votes,
            _ => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    });
    cluster.network.cut(leader, deaf);
    until(|| asked.load(Ordering::Relaxed) >= 5).await;
    assert_eq!(voted.load(Ordering::Relaxed), 0, "the third hears a leader");
    cluster.network.heal();
    assert_eq!(cluster.produce(batch("after", 1)).await, 1);
    cluster.caught_up(2).await;
    for replica in 0..3 {
        assert_eq!(cluster.group(replica).status().term, term);
    }
    assert_eq!(cluster.leader().await, leader);
    cluster.stop_all().await;
}

#[tokio::test]
async fn a_new_leader_serves_only_once_an_entry_of_its_own_term_is_applied() {
    let cluster = Cluster::of_three().await;
    cluster.produce(stamped(7, 0, 0, 1)).await;
    cluster.caught_up(1).await;
    let old = cluster.leader().await;
    let [next, other] = [(old + 1) % 3, (old + 2) % 3];
    // `next` is elected with the vote of `other`, which takes no entries from it.
    cluster.cut_off(old);
    cluster.network.alter(move |from, to, request| {
        let is_append = request.kind == RequestKind::Append && !request.entries.is_empty();
        let is_campaign = matches!(request.kind, RequestKind::Vote | RequestKind::PreVote);
        let is_lost = match from.get() {
            from if from == next => is_append,
            from if from == other => is_campaign && to.get() == next,
            _ => false,
        };
        if is_lost {
            request.head = bytes::Bytes::new();
        }
    });
    let leads = || cluster.group(next).status().leader == Some(model::ReplicaId::new(next));
    until(leads).await;
    for _ in 0..20 {
        let status = cluster.group(next).status();
        assert!(!status.serves, "{status:?}");
        let refused = cluster.try_produce(next, stamped(7, 0, 1, 1)).await;
        assert!(refused.is_none(), "{refused:?}");
        assert!(cluster.group(next).latest().await.is_err());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    cluster.network.alter(|_, _, _| ());
    until(|| cluster.group(next).status().serves || cluster.group(other).status().serves).await;
    cluster.network.heal();
    // What was acknowledged by the leader before is known to the one after.
    assert_eq!(cluster.produce(stamped(7, 0, 0, 1)).await, 0);
    assert_eq!(cluster.produce(stamped(7, 0, 1, 1)).await, 1);
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn a_leader_that_is_cut_off_answers_what_it_was_given_within_a_bound() {
    let cluster = Cluster::of_three().await;
    cluster.produce(stamped(7, 0, 0, 1)).await;
    let leader = cluster.leader().await;
    cluster.cut_off(leader);
    // Its lease runs still.
    let proposed = cluster.propose(leader, stamped(7, 0, 1, 1)).await;
    assert_eq!(proposed.outcome(), None);
    until(|| proposed.outcome().is_some()).await;
    assert_eq!(proposed.outcome(), Some(ProduceOutcome::Unknown));
    // Now it knows that it hears from nobody: what comes is certainly not written.
    let refused = cluster.try_produce(leader, stamped(7, 0, 2, 1)).await;
    let is_certain = matches!(
        refused,
        None | Some(ProduceOutcome::NoQuorum | ProduceOutcome::NotLeader { .. })
    );
    assert!(is_certain, "{refused:?}");
    cluster.network.heal();
    for n in 1..3 {
        assert_eq!(cluster.produce(stamped(7, 0, n, 1)).await, n as u64);
    }
    cluster.same_logs().await;
    cluster.stop_all().await;
}

#[tokio::test]
async fn every_election_that_was_decided_is_counted() {
    let mut cluster = Cluster::of_three().await;
    let leader = cluster.leader().await;
    let other = (leader + 1) % 3;
    until(|| cluster.group(other).status().elections == 1).await;
    cluster.stop(leader).await;
    cluster.leader().await;
    until(|| cluster.group(other).status().elections >= 2).await;
    cluster.stop_all().await;
}
