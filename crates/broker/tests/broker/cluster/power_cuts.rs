//! Power cuts under topics on `page-cache`.

use std::collections::BTreeMap;

use broker::{ChangeError, CreateTopic, DoubtState, Refusal};
use model::PartitionIndex;

use super::stage::Stage;
use crate::harness::{eventually, name, numbered};

async fn create_lax(stage: &Stage) {
    let configs = [("durability".to_owned(), "page-cache".to_owned())];
    let wanted = CreateTopic {
        name: name("lax"),
        partitions: Some(1),
        replication_factor: Some(3),
        configs: BTreeMap::from(configs),
        validate_only: false,
    };
    stage.broker(0).create_topic(wanted).await.expect("created");
    stage.all_ready().await;
}

fn doubts(stage: &Stage, via: u32) -> Vec<(u32, DoubtState)> {
    let topic = stage.broker(via).topic(&name("lax")).unwrap();
    let doubts = topic.partitions[0].doubts.iter();
    doubts
        .map(|doubt| (doubt.broker.get(), doubt.state))
        .collect()
}

#[tokio::test]
async fn after_a_power_cut_of_one_its_replica_comes_back_by_itself() {
    let mut stage = Stage::of(3).await;
    create_lax(&stage).await;
    let values = numbered("v", 60);
    for some in values.chunks(3) {
        stage.produce_values("lax", some.to_vec()).await;
    }
    stage.cut_power(1).await;
    stage.start(1).await;
    stage.all_ready().await;
    assert_eq!(stage.values("lax").await, values);
    eventually("the doubt is over for everybody", async || {
        (0..3).all(|via| doubts(&stage, via).is_empty())
    })
    .await;
    // It votes again: without another one the two of them go on.
    stage.kill(2).await;
    stage.produce_values("lax", numbered("w", 3)).await;
}

#[tokio::test]
async fn after_a_power_cut_of_all_an_operator_accepts_the_loss_of_page_cache_topics_only() {
    let mut stage = Stage::of(3).await;
    create_lax(&stage).await;
    stage.create(0, "strict", 1, 3).await;
    stage.all_ready().await;
    let values = numbered("v", 60);
    for some in values.chunks(3) {
        stage.produce_values("lax", some.to_vec()).await;
        stage.produce_values("strict", some.to_vec()).await;
    }
    for broker in 0..3 {
        stage.cut_power(broker).await;
    }
    stage.start_all(&[0, 1, 2]).await;
    eventually("everybody knows all doubts", async || {
        (0..3).all(|via| doubts(&stage, via).len() == 3)
    })
    .await;
    // What was synced goes on, whatever the other topic waits for.
    assert_eq!(stage.values("strict").await, values);
    let readiness = stage.broker(2).readiness();
    let reason = readiness.not_ready[0].reason.to_string();
    let remedy = "strand topic accept-loss lax --partition 0";
    assert!(reason.contains(remedy), "{reason}");
    assert_eq!(stage.broker(0).describe_cluster().in_doubt, 1);
    assert_eq!(stage.broker(0).figures().in_doubt, 1);
    let (lax, strict) = (name("lax"), name("strict"));
    let refused = stage.broker(0).accept_loss(&strict, None, false);
    assert!(matches!(
        refused.await,
        Err(ChangeError::Refused(Refusal::NothingInDoubt { .. }))
    ));
    // Asked only, nothing is accepted.
    let partition = Some(PartitionIndex::new(0));
    for validate_only in [true, false] {
        let broker = stage.broker(1);
        let accepted = broker.accept_loss(&lax, partition, validate_only);
        let accepted = accepted.await.unwrap();
        assert_eq!(accepted[0].brokers.len(), 3);
        if validate_only {
            let open = |(_, state): &(u32, DoubtState)| *state == DoubtState::Open;
            assert!(doubts(&stage, 1).iter().all(open));
        }
    }
    stage.all_ready().await;
    let left = stage.values("lax").await;
    assert_eq!(left, values[..left.len()]);
    stage.produce_values("lax", vec!["new".to_owned()]).await;
    assert_eq!(stage.values("lax").await.len(), left.len() + 1);
    eventually("the loss is reported", async || {
        let cluster = stage.broker(0).describe_cluster();
        cluster.in_doubt == 0 && cluster.lossy == 1
    })
    .await;
    let lost = doubts(&stage, 0);
    assert!(lost.iter().any(|(_, state)| *state == DoubtState::Lost));
    // The next power cut is asked about anew.
    stage.cut_power(1).await;
    stage.start(1).await;
    stage.all_ready().await;
    assert_eq!(stage.values("lax").await.len(), left.len() + 1);
}
