//! A cluster forms once, whatever the order of starts.

use futures_util::future::join_all;
use model::{BrokerId, ClusterId, DiskId, ReplicaId};
use replication::peer::{Promise, Seeds, Standing};

use crate::cluster::{broker, brokers, free_address, until};

#[tokio::test]
async fn a_broker_alone_founds_a_cluster_at_once() {
    let mut brokers = brokers(1);
    let running = brokers[0].start();
    let member = running.form(&brokers[0]).await.unwrap();
    assert_eq!(member.cluster, brokers[0].fresh);
    assert_eq!(member.initial_brokers, Some(1));
    running.stop().await;
}

#[tokio::test]
async fn three_empty_brokers_form_one_cluster_and_are_its_members_after_a_restart() {
    let mut brokers = brokers(3);
    for start in 1..=2 {
        let running: Vec<_> = brokers.iter_mut().map(|broker| broker.start()).collect();
        let forming = running.iter().zip(&brokers).map(|(r, b)| r.form(b));
        let members = join_all(forming).await;
        for (number, member) in members.into_iter().enumerate() {
            let member = member.unwrap();
            assert_eq!(member.cluster, brokers[0].fresh, "start {start}");
            assert_eq!(member.replica, ReplicaId::new(number as u64));
            assert_eq!(member.initial_brokers, Some(3));
        }
        join_all(running.into_iter().map(|running| running.stop())).await;
    }
}

#[tokio::test]
async fn another_cluster_s_broker_of_the_same_number_and_name_that_has_come_and_gone_does_not_keep_one_from_forming()
 {
    let mut brokers = brokers(3);
    let mut last = brokers.pop().unwrap();
    let founder = brokers[0].start();
    let second = brokers[1].start();
    let come_and_gone = async {
        let known = || {
            let peers = founder.network.peers().into_iter();
            let mut disks = peers.filter(|peer| peer.hello.broker == BrokerId::new(1));
            disks.next().map(|peer| peer.hello.disk)
        };
        let own = brokers[1].settings.disk;
        until("the founder knows its broker 1", || known() == Some(own)).await;
        let mut foreign = broker(1, 3, &[free_address(), free_address(), free_address()]);
        foreign.settings.disk = DiskId::from_bytes([0xf0; 16]);
        foreign.settings.seeds = Seeds::List(vec![brokers[0].settings.advertised_peer.clone()]);
        foreign.memory.set(Standing::Promised(Promise {
            cluster: ClusterId::from_bytes([0xf1; 16]),
            initial_brokers: 3,
        }));
        let dials_in = foreign.start();
        let other = foreign.settings.disk;
        until("it has met the other one", || known() == Some(other)).await;
        dials_in.stop().await;
    };
    let third = async {
        come_and_gone.await;
        let running = last.start();
        let member = running.form(&last).await;
        (running, member)
    };
    let (first, second_member, (third, third_member)) =
        tokio::join!(founder.form(&brokers[0]), second.form(&brokers[1]), third);
    for member in [first, second_member, third_member] {
        assert_eq!(member.unwrap().cluster, brokers[0].fresh);
    }
    join_all([founder, second, third].map(|running| running.stop())).await;
}
