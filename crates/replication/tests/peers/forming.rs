//! A cluster forms once, whatever the order of starts.

use futures_util::future::join_all;
use model::ReplicaId;

use crate::cluster::brokers;

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
