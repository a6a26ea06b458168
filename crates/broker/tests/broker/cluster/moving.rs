//! Replicas and leaderships that move on request.

use std::collections::BTreeMap;

use broker::{ChangeError, CreateTopic, PartitionWish, Refusal, TransferLeadershipError};
use model::BrokerId;

use super::stage::{Stage, partition};
use crate::harness::{batch, eventually, name, numbered};

fn wish(topic: &str, index: u32, brokers: &[u32]) -> PartitionWish {
    PartitionWish {
        topic: name(topic),
        partition: partition(index),
        brokers: brokers.iter().copied().map(BrokerId::new).collect(),
    }
}

#[tokio::test]
async fn a_partition_moves_with_its_records_and_leaves_no_files_behind() {
    let stage = Stage::of(3).await;
    stage.create(0, "t", 1, 1).await;
    let values = numbered("v", 100);
    let mut at = stage.leader("t").await;
    stage.produce_values("t", values.clone()).await;
    for _ in 0..3 {
        let to = (at + 1) % 3;
        let decided = stage.broker(2).reassign(vec![wish("t", 0, &[to])], false);
        decided.await.remove(0).unwrap();
        stage.settled().await;
        eventually("the old files are gone", async || !stage.has_files(at, "t")).await;
        assert_eq!(stage.leader("t").await, to);
        assert_eq!(stage.values("t").await, values);
        at = to;
    }
}

#[tokio::test]
async fn a_partition_that_is_moved_before_any_of_its_replicas_has_opened_it_comes_up_where_it_was_moved_to()
 {
    let mut stage = Stage::of(4).await;
    // The broker hears of nothing, and is taken for being there.
    stage.cut_off(3);
    let mut topic = String::new();
    for number in 0..8 {
        topic = format!("t{number}");
        let wanted = CreateTopic {
            name: name(&topic),
            partitions: Some(1),
            replication_factor: Some(1),
            configs: BTreeMap::new(),
            validate_only: false,
        };
        stage.broker(0).create_topic(wanted).await.unwrap();
        if stage.replicas(0, &topic, 0) == [3] {
            break;
        }
    }
    let topic = topic.as_str();
    assert_eq!(stage.replicas(0, topic, 0), [3]);
    let decided = stage.broker(0).reassign(vec![wish(topic, 0, &[0])], false);
    decided.await.remove(0).unwrap();
    for broker in [3, 0, 1, 2] {
        stage.kill(broker).await;
    }
    stage.start_all(&[0, 1, 2, 3]).await;
    stage.settled().await;
    stage.produce(topic, batch(&["v"])).await;
    assert_eq!(stage.leader(topic).await, 0);
    assert_eq!(stage.values(topic).await, ["v"]);
}

#[tokio::test]
async fn replicas_stand_on_different_racks_also_after_a_broker_was_decommissioned() {
    let stage = Stage::on_racks(5, &["a", "b"]).await;
    stage.create(0, "t", 6, 2).await;
    let racks = |index| {
        let replicas = stage.replicas(0, "t", index);
        replicas.into_iter().map(|broker| broker % 2).sum::<u32>()
    };
    // Brokers of even number stand on one rack, the others on another.
    assert_eq!([0, 1, 2, 3, 4, 5].map(racks), [1; 6]);
    let decommissioned = stage.broker(0).decommission(BrokerId::new(4)).await;
    decommissioned.unwrap();
    let is_empty = async || {
        let mut all = (0..6).flat_map(|index| stage.replicas(0, "t", index));
        all.all(|broker| broker != 4)
    };
    eventually("nothing is left on the broker", is_empty).await;
    stage.settled().await;
    assert_eq!([0, 1, 2, 3, 4, 5].map(racks), [1; 6]);
}

#[tokio::test]
async fn a_move_goes_on_after_its_leader_and_the_newcomer_were_killed() {
    let mut stage = Stage::of(4).await;
    stage.create(0, "t", 1, 3).await;
    let values = numbered("v", 100);
    stage.produce_values("t", values.clone()).await;
    let leader = stage.leader("t").await;
    let before = stage.replicas(0, "t", 0);
    let new = (0..4).find(|broker| !before.contains(broker)).unwrap();
    // The newcomer is away: the move waits.
    stage.kill(new).await;
    let wanted = [new, before[1], before[2]];
    let decided = stage
        .broker(leader)
        .reassign(vec![wish("t", 0, &wanted)], false);
    decided.await.remove(0).unwrap();
    let shown = stage.broker(leader).topic(&name("t")).unwrap();
    let shown = &shown.partitions[0];
    assert_eq!(shown.adding, [BrokerId::new(new)]);
    assert_eq!(shown.removing, [BrokerId::new(before[0])]);
    assert_eq!(shown.epoch, 1);
    // What has yet to come is no reason to worry; that it does not come is said.
    let moves = || stage.broker(leader).moves(None);
    eventually("it is said why it does not go on", async || {
        let problem = moves()[0].problem.clone().unwrap_or_default();
        problem.contains(&format!("broker {new} is not there"))
    })
    .await;
    assert_eq!((moves().len(), moves()[0].epoch), (1, 1));
    assert_eq!(under_replicated(&stage, leader), (0, 0));
    let other = *before.iter().find(|broker| **broker != leader).unwrap();
    stage.kill(other).await;
    eventually("one that was there is missed", async || {
        under_replicated(&stage, leader) == (1, 1)
    })
    .await;
    stage.start(other).await;
    eventually("it has caught up", async || {
        under_replicated(&stage, leader) == (0, 0)
    })
    .await;
    stage.kill(leader).await;
    stage.produce("t", batch(&["more"])).await;
    stage.start_all(&[new, leader]).await;
    stage.settled().await;
    stage.all_ready().await;
    assert_eq!(stage.values("t").await.len(), 101);
    assert_eq!(stage.replicas(leader, "t", 0), wanted);
    let shown = stage.broker(leader).topic(&name("t")).unwrap();
    let shown = &shown.partitions[0];
    assert!(shown.adding.is_empty() && shown.removing.is_empty());
    eventually("the preferred one leads", async || {
        stage.leader("t").await == new
    })
    .await;
}

/// How many partitions lack replicas, as a leader describes and counts them.
fn under_replicated(stage: &Stage, leader: u32) -> (u64, u64) {
    let broker = stage.broker(leader);
    let counted = broker.figures().sums().under_replicated;
    (broker.describe_cluster().under_replicated, counted)
}

#[tokio::test]
async fn a_leadership_is_handed_over_on_request() {
    let stage = Stage::of(3).await;
    stage.create(0, "t", 1, 2).await;
    let leader = stage.leader("t").await;
    let replicas = stage.replicas(0, "t", 0);
    let other = *replicas.iter().find(|broker| **broker != leader).unwrap();
    let stranger = (0..3).find(|broker| !replicas.contains(broker)).unwrap();
    let (topic, to) = (name("t"), Some(BrokerId::new(other)));
    let refused = stage
        .broker(other)
        .transfer_leadership(&topic, partition(0), to)
        .await;
    assert!(matches!(
        refused,
        Err(TransferLeadershipError::Partition(_)) | Ok(_)
    ));
    let refused = stage
        .broker(leader)
        .transfer_leadership(&topic, partition(0), Some(BrokerId::new(stranger)))
        .await;
    assert!(matches!(
        refused,
        Err(TransferLeadershipError::NoReplica { .. })
    ));
    let transferred = stage
        .broker(leader)
        .transfer_leadership(&topic, partition(0), to)
        .await;
    assert_eq!(transferred, Ok(BrokerId::new(other)));
    assert_eq!(stage.leader("t").await, other);
}

#[tokio::test]
async fn a_reassignment_that_cannot_be_is_refused() {
    let stage = Stage::of(3).await;
    stage.create(0, "t", 2, 2).await;
    let wishes = vec![
        wish("t", 0, &[0, 9]),
        wish("t", 7, &[0, 1]),
        wish("none", 0, &[0]),
    ];
    let answers = stage.broker(0).reassign(wishes, false).await;
    assert!(matches!(
        answers[0],
        Err(ChangeError::Refused(Refusal::UnknownBroker { .. }))
    ));
    assert!(matches!(
        answers[1],
        Err(ChangeError::Refused(Refusal::UnknownPartition {
            partitions: 2,
            ..
        }))
    ));
    assert!(matches!(
        answers[2],
        Err(ChangeError::Refused(Refusal::UnknownTopic { .. }))
    ));
    let too_few = stage
        .broker(1)
        .reassign(vec![wish("t", 0, &[0])], true)
        .await;
    assert!(matches!(
        too_few[0],
        Err(ChangeError::Refused(Refusal::WrongReplicaCount { .. }))
    ));
    // All partitions together may have another number of replicas.
    let all = vec![wish("t", 0, &[0, 1, 2]), wish("t", 1, &[1, 2, 0])];
    for answer in stage.broker(1).reassign(all, false).await {
        answer.unwrap();
    }
    stage.settled().await;
    let described = stage.broker(2).topic(&name("t")).unwrap();
    assert_eq!(described.replication_factor, 3);
}
