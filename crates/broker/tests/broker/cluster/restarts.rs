//! Brokers that start again, alone or all at once.

use broker::{PartitionError, ProduceError};

use super::stage::{Stage, partition};
use crate::harness::{batch, eventually, name, numbered};

#[tokio::test]
async fn a_broker_that_finds_nobody_starts_and_says_what_it_waits_for() {
    let mut stage = Stage::of(3).await;
    stage.create(0, "t", 2, 3).await;
    let values = numbered("v", 30);
    stage.produce_values("t", values.clone()).await;
    for broker in 0..3 {
        stage.kill(broker).await;
    }
    stage.start(1).await;
    let readiness = stage.broker(1).readiness();
    assert!(!readiness.is_ready());
    let reason = readiness.metadata.unwrap();
    assert!(reason.contains("no leader"), "{reason}");
    stage.start_all(&[0, 2]).await;
    stage.all_ready().await;
    assert_eq!(stage.values("t").await, values);
}

#[tokio::test]
async fn all_brokers_stop_and_start_and_nothing_is_lost() {
    let mut stage = Stage::of(3).await;
    stage.create(0, "t", 2, 3).await;
    let mut expected = Vec::new();
    for round in 0..3 {
        let values = numbered(&format!("round {round} "), 20);
        stage.produce_values("t", values.clone()).await;
        expected.extend(values);
        for broker in 0..3 {
            match round {
                1 => stage.kill(broker).await,
                _ => stage.stop(broker).await,
            }
        }
        stage.start_all(&[2, 0, 1]).await;
        stage.all_ready().await;
        assert_eq!(stage.values("t").await, expected);
    }
}

#[tokio::test]
async fn a_partition_whose_only_disk_was_replaced_says_so_and_what_can_be_done() {
    let mut stage = Stage::of(3).await;
    stage.create(0, "t", 1, 1).await;
    stage.produce("t", batch(&["v"])).await;
    let holder = stage.leader("t").await;
    let other = (holder + 1) % 3;
    stage.kill(holder).await;
    let away = stage.broker(other).why_leaderless(&name("t"), partition(0));
    assert_eq!(away, None, "its broker may come back");
    stage.join(holder).await;
    eventually("the loss is told", async || {
        let why = stage.broker(other).why_leaderless(&name("t"), partition(0));
        matches!(why, Some(PartitionError::Lost { gone: 1, of: 1, .. }))
    })
    .await;
    let shown = stage.broker(holder).topic(&name("t")).unwrap();
    let problem = shown.partitions[0].problem.as_ref().unwrap().to_string();
    assert!(problem.contains("delete the topic"), "{problem}");
    stage.broker(other).delete_topic(&name("t")).await.unwrap();
}

#[tokio::test]
async fn the_only_replica_of_a_partition_takes_nothing_before_its_broker_knows_what_the_cluster_has_decided()
 {
    let mut stage = Stage::of(3).await;
    stage.create(0, "t", 1, 1).await;
    let holder = stage.leader("t").await;
    let [one, other] = [(holder + 1) % 3, (holder + 2) % 3];
    // It notes that the topic is committed with its next vote: for who leads the metadata once one of the others is gone.
    for broker in [holder, one, other] {
        stage.stop(broker).await;
        stage.start(broker).await;
        stage.all_ready().await;
    }
    stage.kill(holder).await;
    stage.broker(one).delete_topic(&name("t")).await.unwrap();
    stage.create(one, "t", 1, 1).await;
    stage.kill(one).await;
    stage.kill(other).await;
    stage.start(holder).await;
    // It leads what was deleted: what it took would be gone as soon as it heard of that.
    eventually("it knows that it has not joined", async || {
        let produced = stage.node(holder).produce("t", batch(&["lost"])).await;
        assert!(produced.is_err(), "{produced:?}");
        matches!(
            produced,
            Err(ProduceError::Partition(PartitionError::NotJoined(_)))
        )
    })
    .await;
    stage.start_all(&[one, other]).await;
    stage.all_ready().await;
    stage.produce("t", batch(&["kept"])).await;
    assert_eq!(stage.values("t").await, ["kept"]);
}

#[tokio::test]
async fn a_topic_deleted_while_a_broker_was_away_leaves_no_files_on_it() {
    let mut stage = Stage::of(3).await;
    stage.create(0, "t", 1, 3).await;
    stage.create(0, "stays", 1, 3).await;
    stage.produce("t", batch(&["v"])).await;
    stage.stop(2).await;
    let id = stage.broker(0).delete_topic(&name("t")).await.unwrap();
    stage.start(2).await;
    stage.all_ready().await;
    let path = format!("partitions/{id}");
    crate::harness::eventually("the files are gone", async || !stage.has_path(2, &path)).await;
    assert!(stage.has_files(2, "stays"));
}

#[tokio::test]
async fn a_rolling_restart_loses_nothing_and_keeps_serving() {
    let mut stage = Stage::of(3).await;
    stage.create(0, "t", 3, 3).await;
    let mut expected = Vec::new();
    for broker in 0..3 {
        stage.stop(broker).await;
        let value = format!("without {broker}");
        stage.produce("t", batch(&[&value])).await;
        expected.push(value);
        stage.start(broker).await;
        stage.all_ready().await;
    }
    assert_eq!(stage.values("t").await, expected);
}
