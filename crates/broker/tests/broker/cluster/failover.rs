//! The leader dies, and the next one serves everything that was acknowledged.

use broker::{FetchError, ListOffsetsError, OffsetAt, OffsetQuery, PartitionError, ProduceError};
use model::{BrokerId, Timestamp};

use super::stage::{Stage, partition};
use crate::harness::{batch, eventually, name, numbered};

#[tokio::test]
async fn three_brokers_form_a_cluster_and_any_of_them_creates_topics() {
    let stage = Stage::of(3).await;
    for via in 0..3 {
        stage.create(via, &format!("t{via}"), 3, 3).await;
    }
    for via in 0..3 {
        let cluster = stage.broker(via).describe_cluster();
        assert_eq!(cluster.cluster, Some(super::stage::CLUSTER));
        assert_eq!(cluster.brokers.len(), 3);
        assert_eq!(cluster.partitions, 9);
        eventually("all is led and in sync", async || {
            let cluster = stage.broker(via).describe_cluster();
            let leaders: u64 = cluster.brokers.iter().map(|broker| broker.leaders).sum();
            leaders == 9 && cluster.leaderless == 0 && cluster.under_replicated == 0
        })
        .await;
    }
}

#[tokio::test]
async fn who_does_not_lead_says_who_does() {
    let stage = Stage::of(3).await;
    stage.create(0, "t", 1, 2).await;
    let leader = stage.leader("t").await;
    for other in (0..3).filter(|broker| *broker != leader) {
        let known = || stage.broker(other).leader_of(&name("t"), partition(0));
        eventually("the leader is known", async || {
            known() == Some(BrokerId::new(leader))
        })
        .await;
        let refused = stage.node(other).produce("t", batch(&["v"])).await;
        let hint = Some(BrokerId::new(leader));
        let Err(ProduceError::Partition(PartitionError::NotLeader { leader, .. })) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(leader, hint);
        let answer = stage.node(other).fetch("t", 0).await;
        let error = answer.partitions[0].as_ref().unwrap_err();
        assert!(matches!(
            error,
            FetchError::Partition(PartitionError::NotLeader { leader, .. }) if *leader == hint
        ));
    }
}

#[tokio::test]
async fn a_fetch_that_waits_is_answered_when_its_leader_leads_no_more_or_is_cut_off() {
    let stage = Stage::of(3).await;
    stage.create(0, "t", 1, 3).await;
    stage.produce("t", batch(&["v"])).await;
    let leader = stage.leader("t").await;
    let waiting = stage.node(leader).fetch_waiting("t", 1);
    let moving = async {
        // It waits by now, or will be told at once.
        tokio::task::yield_now().await;
        let topic = name("t");
        let moved = stage
            .broker(leader)
            .transfer_leadership(&topic, partition(0), None);
        moved.await.unwrap();
    };
    let (answer, ()) = tokio::join!(waiting, moving);
    let error = answer.partitions[0].as_ref().unwrap_err();
    assert!(
        matches!(
            error,
            FetchError::Partition(PartitionError::NotLeader { .. })
        ),
        "{error}"
    );
    let leader = stage.leader("t").await;
    let waiting = stage.node(leader).fetch_waiting("t", 1);
    let cutting = async {
        tokio::task::yield_now().await;
        stage.cut_off(leader);
    };
    let (answer, ()) = tokio::join!(waiting, cutting);
    let error = answer.partitions[0].as_ref().unwrap_err();
    assert!(
        matches!(
            error,
            FetchError::Partition(
                PartitionError::NotLeader { .. } | PartitionError::NoQuorum { .. }
            )
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_leader_that_is_cut_off_tells_no_offset() {
    let stage = Stage::of(3).await;
    stage.create(0, "t", 1, 3).await;
    stage.produce("t", batch(&["v"])).await;
    let leader = stage.leader("t").await;
    stage.cut_off(leader);
    // It leads still, for all it knows.
    let early = OffsetAt::Timestamp(Timestamp::from_millis(0));
    let all = [OffsetAt::Earliest, OffsetAt::Latest, early];
    let query = |at| OffsetQuery {
        topic: name("t"),
        partition: partition(0),
        at,
    };
    let answers = stage.broker(leader).list_offsets(all.map(query).into());
    for (at, answer) in all.into_iter().zip(answers.await) {
        let error = answer.expect_err(&format!("{at:?}"));
        assert!(
            matches!(
                error,
                ListOffsetsError::Read(FetchError::Partition(
                    PartitionError::NotLeader { .. } | PartitionError::NoQuorum { .. }
                ))
            ),
            "{at:?}: {error}"
        );
    }
}

#[tokio::test]
async fn a_leader_that_is_cut_off_does_not_say_that_an_offset_lies_above_the_end() {
    let stage = Stage::of(3).await;
    stage.create(0, "t", 1, 3).await;
    stage.produce("t", batch(&["v"])).await;
    let leader = stage.leader("t").await;
    let fetch = async || stage.node(leader).fetch("t", 9).await.partitions.remove(0);
    let error = fetch().await.unwrap_err();
    assert!(matches!(error, FetchError::AboveLogEnd { .. }), "{error}");
    stage.cut_off(leader);
    // It leads still, for all it knows; others may have read that far from the next one.
    let error = fetch().await.unwrap_err();
    assert!(
        matches!(
            error,
            FetchError::Partition(
                PartitionError::NotLeader { .. } | PartitionError::NoQuorum { .. }
            )
        ),
        "{error}"
    );
}

#[tokio::test]
async fn the_next_leader_serves_what_the_last_one_acknowledged() {
    let mut stage = Stage::of(3).await;
    stage.create(1, "t", 1, 3).await;
    let mut expected = Vec::new();
    for round in 0..3 {
        let leader = stage.leader("t").await;
        let values = numbered(&format!("round {round} "), 20);
        stage.produce_values("t", values.clone()).await;
        expected.extend(values);
        stage.kill(leader).await;
        assert_ne!(stage.leader("t").await, leader);
        assert_eq!(stage.values("t").await, expected);
        stage.start(leader).await;
        stage.all_ready().await;
    }
}

#[tokio::test]
async fn a_broker_that_stops_in_good_order_hands_its_leaderships_on_first() {
    let mut stage = Stage::of(3).await;
    stage.create(0, "t", 4, 3).await;
    let leader = stage.leader("t").await;
    stage.broker(leader).leave().await;
    let cluster = stage.broker(leader).describe_cluster();
    let left = cluster
        .brokers
        .iter()
        .find(|b| b.id.get() == leader)
        .unwrap();
    assert_eq!(left.leaders, 0);
    let next = stage.leader("t").await;
    assert_ne!(next, leader);
    stage.stop(leader).await;
    stage.produce("t", batch(&["v"])).await;
    assert_eq!(stage.leader("t").await, next);
}

#[tokio::test]
async fn leadership_drifts_back_to_the_preferred_replica() {
    let mut stage = Stage::of(3).await;
    stage.create(0, "t", 1, 3).await;
    let preferred = stage.replicas(0, "t", 0)[0];
    stage.kill(preferred).await;
    assert_ne!(stage.leader("t").await, preferred);
    stage.start(preferred).await;
    eventually("the preferred one leads again", async || {
        stage.leader("t").await == preferred
    })
    .await;
}

#[tokio::test]
async fn producer_ids_are_never_given_twice_wherever_they_are_asked_for() {
    let stage = Stage::of(3).await;
    let mut given = Vec::new();
    for via in [0, 1, 2, 0, 1, 2] {
        given.push(stage.broker(via).init_producer().await.unwrap());
    }
    given.sort_unstable();
    assert!(given.is_sorted_by(|left, right| left < right), "{given:?}");
}
