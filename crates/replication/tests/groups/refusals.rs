//! What a replica refuses of what it is sent: the group goes on, and nothing of it is in the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::Offset;
use replication::peer::{CallError, PeerRequest, RequestKind};

use crate::harness::{TOPIC, batch, read_all};
use crate::trio::Cluster;

/// How many requests of each test are altered.
const ALTERED: usize = 3;
const HEADER_BYTES: usize = 61;

/// Alters the first appends with entries, and sees the group go on as if nothing had been.
async fn goes_on_after(alter: impl Fn(&mut PeerRequest) + Send + Sync + 'static) {
    let cluster = Cluster::of_three().await;
    for n in 0..5 {
        cluster.produce(batch(&format!("value {n}"), 1)).await;
    }
    cluster.caught_up(5).await;
    let altered = Arc::new(AtomicUsize::new(0));
    let count = altered.clone();
    cluster.network.alter(move |_, to, request| {
        let is_one = request.kind == RequestKind::Append && !request.entries.is_empty();
        if is_one && to.get() == 2 && count.load(Ordering::Relaxed) < ALTERED {
            count.fetch_add(1, Ordering::Relaxed);
            alter(request);
        }
    });
    for n in 5..20 {
        cluster.produce(batch(&format!("value {n}"), 1)).await;
    }
    cluster.caught_up(20).await;
    assert_eq!(altered.load(Ordering::Relaxed), ALTERED);
    assert_eq!(cluster.group(2).status().stopped, None);
    let sound = read_all(cluster.group(0), Offset::ZERO);
    assert_eq!(sound.len(), 20);
    assert_eq!(read_all(cluster.group(2), Offset::ZERO), sound);
    cluster.stop_all().await;
}

/// Changes the header of every batch in an append.
fn change_headers(request: &mut PeerRequest, change: impl Fn(&mut [u8])) {
    let mut head = request.head.to_vec();
    let headers = head.len() - request.entries.len() * HEADER_BYTES;
    head[headers..].chunks_mut(HEADER_BYTES).for_each(change);
    request.head = head.into();
}

#[tokio::test]
async fn a_flipped_bit() {
    goes_on_after(|request| {
        let mut records = request.entries[0].to_vec();
        *records.last_mut().unwrap() ^= 1;
        request.entries[0] = records.into();
    })
    .await;
}

#[tokio::test]
async fn offsets_that_do_not_adjoin_the_log() {
    // The base offset is outside the batch's checksum.
    goes_on_after(|request| change_headers(request, |header| header[7] += 1)).await;
}

#[tokio::test]
async fn a_term_that_the_leader_is_not_in() {
    goes_on_after(|request| change_headers(request, |header| header[15] += 1)).await;
}

#[tokio::test]
async fn a_missing_entry() {
    goes_on_after(|request| drop(request.entries.pop())).await;
}

#[tokio::test]
async fn a_head_that_makes_no_sense() {
    goes_on_after(|request| request.head = request.head.slice(..9)).await;
}

#[tokio::test]
async fn an_append_of_somebody_who_does_not_lead() {
    let cluster = Cluster::of_three().await;
    let caught = Arc::new(parking_lot::Mutex::new(None));
    let keep = caught.clone();
    cluster.network.alter(move |_, to, request| {
        if request.kind == RequestKind::Append && to.get() == 2 {
            *keep.lock() = Some(request.clone());
        }
    });
    cluster.produce(batch("value", 1)).await;
    cluster.caught_up(1).await;
    let leader = cluster.leader().await;
    let append = caught.lock().clone().expect("something was sent");
    let refused = cluster.network.send(1, 2, append.clone()).await;
    assert!(
        matches!(refused, Err(CallError::Refused { .. })),
        "{refused:?}"
    );
    // From its sender it is only a repetition.
    assert!(cluster.network.send(leader, 2, append).await.is_ok());
    cluster.stop_all().await;
}

#[tokio::test]
async fn nothing_gets_from_one_incarnation_of_a_topic_to_another() {
    let cluster = Cluster::of_three().await;
    cluster.produce(batch("value", 1)).await;
    let request = PeerRequest {
        group: replication::peer::GroupId::Log {
            topic: model::TopicId::from_bytes([8; 16]),
            partition: model::PartitionIndex::new(0),
        },
        kind: RequestKind::Append,
        head: bytes::Bytes::new(),
        entries: Vec::new(),
    };
    assert_ne!(TOPIC.as_bytes(), &[8; 16]);
    let refused = cluster.network.send(0, 2, request).await;
    assert!(
        matches!(refused, Err(CallError::NoSuchGroup { .. })),
        "{refused:?}"
    );
    cluster.stop_all().await;
}

#[tokio::test]
async fn a_replica_that_holds_nothing_votes_for_nobody() {
    let mut cluster = Cluster::of_three().await;
    cluster.produce(batch("value", 1)).await;
    let caught = Arc::new(parking_lot::Mutex::new(None));
    let keep = caught.clone();
    cluster.network.alter(move |_, _, request| {
        if request.kind == RequestKind::Vote {
            *keep.lock() = Some(request.clone());
        }
    });
    let leader = cluster.leader().await;
    cluster.crash(leader).await;
    let next = cluster.leader().await;
    let vote = caught.lock().clone().expect("somebody stood for election");
    // A replica that waits to be added.
    cluster.start(9).await;
    let refused = cluster.network.send(next, 9, vote).await;
    assert!(
        matches!(refused, Err(CallError::Refused { .. })),
        "{refused:?}"
    );
    cluster.stop_all().await;
}

#[tokio::test]
async fn a_leader_that_is_cut_off_acknowledges_nothing_and_its_batches_are_cut_off() {
    let cluster = Cluster::of_three().await;
    cluster.produce(batch("before", 1)).await;
    let old = cluster.leader().await;
    let others: Vec<_> = [0, 1, 2]
        .into_iter()
        .filter(|other| *other != old)
        .collect();
    cluster.cut_off(old);
    let lost = cluster.propose(old, batch("lost", 1)).await;
    cluster.successor_of(old).await;
    assert_eq!(cluster.produce(batch("after", 1)).await, 1);
    assert!(!lost.is_acknowledged(), "{lost:?}");
    cluster.network.heal();
    cluster.caught_up(2).await;
    let everywhere = read_all(cluster.group(others[0]), Offset::ZERO);
    assert_eq!(everywhere.len(), 2);
    assert_eq!(read_all(cluster.group(old), Offset::ZERO), everywhere);
    assert!(!lost.is_acknowledged(), "{lost:?}");
    cluster.stop_all().await;
}
