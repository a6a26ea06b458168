//! Who is refused, who comes back, and what brokers tell each other.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use model::{BrokerId, ClusterId, DiskId, ReplicaId};
use replication::peer::{
    CallError, GroupId, GroupInbox, Hello, Leadership, PeerPolicy, PeerReply, PeerRequest, Peers,
    ReplySlot, RequestKind, Seeds, Standing,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cluster::{Broker, Memory, PATIENCE, Running, brokers, free_address, until};

const CLUSTER: ClusterId = ClusterId::from_bytes([1; 16]);

fn members(count: u32) -> Vec<Broker> {
    let mut brokers = brokers(count);
    brokers.iter_mut().for_each(|b| b.is_member(CLUSTER));
    brokers
}

fn is_connected(running: &Running, broker: u32) -> bool {
    let stats = running.network.stats();
    stats
        .iter()
        .any(|peer| peer.broker == BrokerId::new(broker) && peer.connected)
}

async fn connected(all: &[&Running]) {
    until("all are connected", || {
        all.iter().all(|running| {
            running
                .network
                .stats()
                .iter()
                .filter(|peer| peer.connected)
                .count()
                + 1
                == all.len()
        })
    })
    .await;
}

#[tokio::test]
async fn a_broker_of_another_cluster_name_is_refused() {
    let mut brokers = members(2);
    brokers[1].settings.cluster_name = "another".to_owned();
    let running: Vec<_> = brokers.iter_mut().map(Broker::start).collect();
    let waited = running[0].network.peers();
    assert!(waited.is_empty());
    until("the refusal is known", || {
        running.iter().all(|r| {
            let trouble = r.network.trouble();
            trouble.iter().any(|text| {
                text.contains("cluster name `another`") || text.contains("to `another`")
            })
        })
    })
    .await;
    assert!(!is_connected(&running[0], 1) && !is_connected(&running[1], 0));
    join_all(running.into_iter().map(Running::stop)).await;
}

#[tokio::test]
async fn an_empty_broker_does_not_take_the_number_of_one_that_runs_and_does_once_that_is_gone() {
    let mut brokers = members(3);
    let first = brokers[0].start();
    let second = brokers[1].start();
    let third = brokers[2].start();
    let _registration = second.network.register(GroupId::METADATA, Arc::new(Echo));
    connected(&[&first, &second, &third]).await;
    let mut empty = Broker {
        settings: brokers[1].settings.clone(),
        memory: Memory::default(),
        fresh: CLUSTER,
    };
    empty.settings.disk = DiskId::from_bytes([99; 16]);
    empty.settings.advertised_peer = free_address();
    let double = empty.start();
    until("it is refused by all", || {
        let trouble = double.network.trouble().join("\n");
        trouble.matches("runs already").count() == 2
    })
    .await;
    let answer = call(&first, 1, RequestKind::Append).await;
    assert!(answer.is_ok(), "the one that runs is reached: {answer:?}");
    second.stop().await;
    until("it is let in", || {
        let peers = first.network.peers();
        peers
            .iter()
            .any(|peer| peer.connected && peer.hello.disk == empty.settings.disk)
    })
    .await;
    join_all([first, third, double].map(Running::stop)).await;
}

/// Refuses start counters below a number.
struct Older(u64);

impl PeerPolicy for Older {
    fn judge(&self, peer: &Hello) -> Result<(), String> {
        if peer.start_counter < self.0 {
            return Err(format!(
                "broker {} runs on an older copy of its disk",
                peer.broker
            ));
        }
        Ok(())
    }
}

#[tokio::test]
async fn an_older_copy_of_a_disk_is_cut_off_once_the_metadata_knows_and_may_come_back_newer() {
    let mut brokers = members(2);
    let first = brokers[0].start();
    let second = brokers[1].start();
    connected(&[&first, &second]).await;
    let counter = brokers[1].settings.start_counter;
    first.network.set_policy(Arc::new(Older(counter + 1)));
    until("both ways are cut", || {
        !is_connected(&first, 1) && !is_connected(&second, 0)
    })
    .await;
    second.stop().await;
    let second = brokers[1].start();
    connected(&[&first, &second]).await;
    join_all([first.stop(), second.stop()]).await;
}

#[tokio::test]
async fn a_connection_on_which_nobody_says_who_it_is_is_closed() {
    let mut brokers = members(1);
    brokers[0].settings.limits.connect_timeout = Duration::from_millis(100);
    let running = brokers[0].start();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    for said in [&b""[..], &preface[..]] {
        let mut stranger = TcpStream::connect(brokers[0].address()).await.unwrap();
        stranger.write_all(said).await.unwrap();
        let closed = tokio::time::timeout(PATIENCE, async {
            let mut heard = [0; 1024];
            while let Ok(1..) = stranger.read(&mut heard).await {}
        });
        closed.await.expect("it is closed");
    }
    running.stop().await;
}

#[tokio::test]
async fn few_brokers_are_heard_that_the_cluster_does_not_know_and_those_that_are_gone_are_forgotten()
 {
    const HEARD: usize = 16;
    let mut all = brokers(20);
    let address = all[0].settings.advertised_peer.clone();
    for broker in &mut all {
        broker.settings.initial_brokers = 1;
        broker.settings.seeds = Seeds::List(vec![address.clone()]);
        broker.settings.limits.forget_after = Duration::from_millis(200);
    }
    all[0].is_member(CLUSTER);
    let known = all[0].start();
    let strangers: Vec<_> = all[1..19].iter_mut().map(Broker::start).collect();
    let refused = |running: &&Running| {
        let trouble = running.network.trouble();
        trouble
            .iter()
            .any(|text| text.contains("does not know broker"))
    };
    until("as many as may be are heard, the others refused", || {
        known.network.peers().len() == HEARD && strangers.iter().filter(refused).count() == 2
    })
    .await;
    join_all(strangers.into_iter().map(Running::stop)).await;
    until("they are forgotten", || known.network.stats().is_empty()).await;
    assert!(known.network.peers().is_empty());
    let last = all[19].start();
    until("the next one is heard", || is_connected(&known, 19)).await;
    join_all([known.stop(), last.stop()]).await;
}

struct Echo;

impl GroupInbox for Echo {
    fn deliver(&self, from: Option<ReplicaId>, request: PeerRequest, reply: ReplySlot) {
        assert!(from.is_some() || request.kind == RequestKind::Propose);
        reply.answer(PeerReply::of_head(request.head));
    }
}

async fn call(running: &Running, to: u64, kind: RequestKind) -> Result<PeerReply, CallError> {
    let request = PeerRequest {
        group: GroupId::METADATA,
        kind,
        head: Bytes::from_static(b"head"),
        entries: Vec::new(),
    };
    let timeout = Duration::from_secs(10);
    let called = running
        .network
        .call(ReplicaId::new(to), request, timeout)
        .await?;
    called.await
}

#[tokio::test]
async fn a_broker_that_comes_back_under_a_new_address_is_found_by_its_own_hello() {
    let mut brokers = members(2);
    let first = brokers[0].start();
    let second = brokers[1].start();
    let _registration = second.network.register(GroupId::METADATA, Arc::new(Echo));
    connected(&[&first, &second]).await;
    second.stop().await;
    brokers[1].settings.advertised_peer = free_address();
    let second = brokers[1].start();
    let _registration = second.network.register(GroupId::METADATA, Arc::new(Echo));
    connected(&[&first, &second]).await;
    let answer = call(&first, 1, RequestKind::Append).await;
    assert!(answer.is_ok(), "{answer:?}");
    join_all([first.stop(), second.stop()]).await;
}

#[tokio::test]
async fn a_broker_that_joins_is_given_a_replica_id_through_a_member_and_may_only_propose() {
    let mut brokers = members(2);
    let first = brokers[0].start();
    let _registration = first.network.register(GroupId::METADATA, Arc::new(Echo));
    brokers[1].memory.set(Standing::Empty);
    let second = brokers[1].start();
    connected(&[&first, &second]).await;
    let refused = call(&second, 0, RequestKind::Append).await;
    assert!(
        matches!(refused, Err(CallError::Refused { .. })),
        "{refused:?}"
    );
    // The member echoes the command, which is taken for the replica id.
    let member = second
        .form_saying(&brokers[1], "\0\0\0\0\0\0\0\x09")
        .await
        .unwrap();
    assert_eq!(member.replica, ReplicaId::new(9));
    assert_eq!(member.cluster, CLUSTER);
    assert_eq!(member.initial_brokers, None);
    // The standing has been told: the member calls it by its new id.
    let _registration = second.network.register(GroupId::METADATA, Arc::new(Echo));
    let mut answer = call(&first, 9, RequestKind::Append).await;
    for _ in 0..1_000 {
        if answer.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        answer = call(&first, 9, RequestKind::Append).await;
    }
    assert!(answer.is_ok(), "{answer:?}");
    join_all([first.stop(), second.stop()]).await;
}

#[tokio::test]
async fn leaders_are_told_to_everybody_whole_at_first_and_then_as_they_change() {
    let mut brokers = members(3);
    let first = brokers[0].start();
    let led = |term| Leadership {
        term,
        leader: Some(ReplicaId::new(0)),
        in_sync: vec![ReplicaId::new(0), ReplicaId::new(1)],
    };
    for group in 0..3_000 {
        first
            .network
            .leaders()
            .publish(GroupId::State(group), led(1));
    }
    let second = brokers[1].start();
    let third = brokers[2].start();
    let knows = |running: &Running, group, term| {
        let told = running.network.leaders().leader_of(GroupId::State(group));
        told.is_some_and(|told| told.leadership == led(term) && told.gone_for.is_none())
    };
    until("the whole table is known", || {
        [&second, &third]
            .iter()
            .all(|r| (0..3_000).all(|group| knows(r, group, 1)))
    })
    .await;
    first.network.leaders().publish(GroupId::State(7), led(2));
    until("a change is known", || {
        knows(&second, 7, 2) && knows(&third, 7, 2)
    })
    .await;
    first.stop().await;
    until("the teller is known to be gone", || {
        let told = second.network.leaders().leader_of(GroupId::State(7));
        told.is_some_and(|told| told.gone_for.is_some())
    })
    .await;
    join_all([second.stop(), third.stop()]).await;
}
