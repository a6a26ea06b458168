//! Brokers that drain, go for good, or come back on another disk.

use broker::{BrokerState, ChangeError, Refusal, StartError};
use model::BrokerId;

use super::stage::{Stage, partition};
use crate::harness::{batch, eventually, name, numbered};

#[tokio::test]
async fn a_drained_broker_leads_nothing_until_it_starts_again() {
    let mut stage = Stage::of(3).await;
    stage.create(0, "t", 6, 3).await;
    stage.broker(0).drain(BrokerId::new(1)).await.unwrap();
    let led = |stage: &Stage| {
        let cluster = stage.broker(0).describe_cluster();
        cluster.brokers[1].leaders
    };
    eventually("broker 1 leads nothing", async || led(&stage) == 0).await;
    stage.stop(1).await;
    stage.start(1).await;
    stage.sees(1, BrokerState::Active).await;
    eventually("broker 1 leads again", async || led(&stage) > 0).await;
}

#[tokio::test]
async fn a_decommissioned_broker_is_emptied_and_does_not_come_back() {
    let mut stage = Stage::of(3).await;
    stage.create(0, "t", 4, 3).await;
    stage.create(0, "u", 1, 1).await;
    let values = numbered("v", 50);
    stage.produce_values("t", values.clone()).await;
    assert!(matches!(
        stage.broker(1).decommission(BrokerId::new(0)).await,
        Err(ChangeError::Refused(Refusal::TooFewBrokersRemain {
            remaining: 2,
            ..
        }))
    ));
    stage.join(3).await;
    stage.all_ready().await;
    let moves = stage
        .broker(1)
        .decommission(BrokerId::new(0))
        .await
        .unwrap();
    assert!(moves.len() >= 4, "{moves:?}");
    stage.sees(0, BrokerState::Decommissioned).await;
    stage.settled().await;
    eventually("its files are gone", async || !stage.has_files(0, "t")).await;
    assert_eq!(stage.values("t").await, values);
    for index in 0..4 {
        assert!(!stage.replicas(1, "t", index).contains(&0));
    }
    stage.stop(0).await;
    stage.produce("t", batch(&["more"])).await;
    let refused = refusal(&mut stage, 0).await;
    assert!(refused.contains("decommissioned"), "{refused}");
}

/// Why a broker that starts is not taken.
async fn refusal(stage: &mut Stage, broker: u32) -> String {
    match stage.try_start(broker).await {
        Err(error) => error.to_string(),
        Ok(()) => {
            let why: std::sync::Arc<StartError> = stage.broker(broker).cast_out().await;
            why.to_string()
        }
    }
}

#[tokio::test]
async fn a_broker_on_a_new_disk_comes_back_under_a_new_replica_id_and_catches_up() {
    let mut stage = Stage::of(3).await;
    stage.create(0, "t", 3, 3).await;
    let values = numbered("v", 50);
    stage.produce_values("t", values.clone()).await;
    for broker in [2, 0] {
        stage.kill(broker).await;
        stage.join(broker).await;
        assert!(stage.replica(broker) >= 3);
        stage.settled().await;
        stage.all_ready().await;
        assert_eq!(stage.values("t").await, values);
    }
    // The new ones count: with one of the old gone there is a quorum still.
    stage.kill(1).await;
    stage.produce("t", batch(&["more"])).await;
    assert_eq!(stage.values("t").await.len(), 51);
    let in_sync = stage.broker(0).topic(&name("t")).unwrap();
    assert!(in_sync.partitions.iter().all(|p| p.replicas.len() == 3));
    stage.create(0, "after", 1, 2).await;
}

#[tokio::test]
async fn a_new_broker_gets_its_share_when_the_cluster_is_rebalanced() {
    let mut stage = Stage::of(3).await;
    stage.create(0, "t", 8, 3).await;
    stage.join(3).await;
    let planned = stage.broker(3).rebalance(true).await.unwrap();
    assert_eq!(planned.moves.len(), 6);
    assert!(stage.broker(0).moves(None).is_empty());
    stage.broker(3).rebalance(false).await.unwrap();
    stage.settled().await;
    let cluster = stage.broker(0).describe_cluster();
    assert!(cluster.brokers.iter().all(|broker| broker.replicas == 6));
    eventually("leaders are even", async || {
        let cluster = stage.broker(0).describe_cluster();
        cluster.brokers.iter().all(|broker| broker.leaders == 2)
    })
    .await;
    let again = stage.broker(1).rebalance(true).await.unwrap();
    assert!(again.moves.is_empty(), "{again:?}");
    let _ = partition(0);
}
