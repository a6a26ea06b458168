use std::collections::{BTreeMap, BTreeSet};

use broker::{ChangeError, CreateTopic, PartitionError};
use metadata::{ConfigError, ConfigSource, Refusal};
use model::{BrokerId, Offset, PartitionIndex};
use segment_log::disk::SimulatedDisk;

use crate::harness::{Node, batch, name, numbered, start};

async fn node() -> Node {
    start(SimulatedDisk::new(1).mount()).await
}

fn wanted(topic: &str) -> CreateTopic {
    CreateTopic {
        name: name(topic),
        partitions: Some(3),
        replication_factor: None,
        configs: BTreeMap::new(),
        validate_only: false,
    }
}

#[tokio::test]
async fn a_topic_is_created_described_listed_and_deleted() {
    let node = node().await;
    let created = node.broker.create_topic(wanted("t")).await.unwrap();
    assert_eq!(created.warning, None);
    assert_eq!(created.topic.partitions.len(), 3);
    for partition in &created.topic.partitions {
        assert_eq!(partition.leader, Some(BrokerId::new(0)));
        assert_eq!(partition.replicas, [BrokerId::new(0)]);
        assert_eq!(partition.in_sync, [BrokerId::new(0)]);
        assert_eq!(partition.problem, None);
    }
    let again = node.broker.create_topic(wanted("t")).await.unwrap_err();
    assert!(matches!(
        again,
        ChangeError::Refused(Refusal::TopicExists { .. })
    ));
    node.produce_values("t", numbered("v", 5)).await;
    let described = node.broker.topic(&name("t")).unwrap();
    assert_eq!(described.partitions[0].high_watermark, Offset::new(5));
    assert!(described.partitions[0].bytes > 0);
    let deleted = node.broker.delete_topic(&name("t")).await.unwrap();
    assert_eq!(Some(deleted), described.id);
    let gone = node.broker.topic(&name("t")).unwrap_err();
    assert!(matches!(
        gone,
        ChangeError::Refused(Refusal::UnknownTopic { .. })
    ));
    assert!(node.broker.delete_topic(&name("t")).await.is_err());
    node.stop().await;
}

#[tokio::test]
async fn what_is_only_checked_is_not_created() {
    let node = node().await;
    let check = CreateTopic {
        validate_only: true,
        ..wanted("t")
    };
    let checked = node.broker.create_topic(check.clone()).await.unwrap();
    assert_eq!(checked.topic.id, None);
    assert_eq!(checked.topic.partitions.len(), 3);
    assert!(node.broker.topic(&name("t")).is_err());
    let none = CreateTopic {
        partitions: Some(0),
        ..check
    };
    let refused = node.broker.create_topic(none).await.unwrap_err();
    assert!(matches!(
        refused,
        ChangeError::Refused(Refusal::BadPartitionCount { .. })
    ));
    node.stop().await;
}

#[tokio::test]
async fn topics_are_listed_page_by_page_and_by_prefix() {
    let node = node().await;
    for topic in ["a.1", "a.2", "a.3", "b.1"] {
        node.create(topic, 1, &[]).await;
    }
    let names = |listing: &broker::TopicListing| -> Vec<String> {
        listing
            .topics
            .iter()
            .map(|topic| topic.name.to_string())
            .collect()
    };
    let first = node.broker.topics(None, "", 3);
    assert_eq!(names(&first), ["a.1", "a.2", "a.3"]);
    let second = node.broker.topics(first.next_after.as_ref(), "", 3);
    assert_eq!(
        (names(&second), second.next_after),
        (vec!["b.1".to_owned()], None)
    );
    let prefixed = node.broker.topics(Some(&name("a.1")), "a.", 10);
    assert_eq!(names(&prefixed), ["a.2", "a.3"]);
    assert_eq!(prefixed.next_after, None);
    let some = node.broker.describe_topics(Some(&[name("b.1"), name("c")]));
    assert_eq!((some.topics.len(), some.unknown), (1, vec![name("c")]));
    assert_eq!(node.broker.describe_topics(None).topics.len(), 4);
    node.stop().await;
}

#[tokio::test]
async fn configs_are_set_removed_checked_and_in_force() {
    let node = node().await;
    node.create("t", 1, &[]).await;
    node.set("t", "max.message.bytes", "100").await;
    let value = "x".repeat(200);
    assert!(node.produce("t", batch(&[&value])).await.is_err());
    let remove = BTreeSet::from(["max.message.bytes".to_owned()]);
    let topic = name("t");
    let removed = node
        .broker
        .update_topic(&topic, BTreeMap::new(), remove, false);
    let described = removed.await.unwrap();
    let config = described
        .configs
        .iter()
        .find(|c| c.name == "max.message.bytes")
        .unwrap();
    assert_eq!(config.source, ConfigSource::Default);
    node.produce("t", batch(&[&value])).await.unwrap();
    let bad = BTreeMap::from([("retention.mss".to_owned(), "1".to_owned())]);
    for validate_only in [true, false] {
        let refused = node
            .broker
            .update_topic(&topic, bad.clone(), BTreeSet::new(), validate_only);
        assert!(matches!(
            refused.await.unwrap_err(),
            ChangeError::Refused(Refusal::Config(ConfigError::Unknown { .. }))
        ));
    }
    let good = BTreeMap::from([("retention.ms".to_owned(), "1".to_owned())]);
    let checked = node
        .broker
        .update_topic(&topic, good, BTreeSet::new(), true)
        .await
        .unwrap();
    let of = |topic: &broker::TopicDescription| {
        topic
            .configs
            .iter()
            .find(|c| c.name == "retention.ms")
            .unwrap()
            .value
            .clone()
    };
    assert_eq!(of(&checked), "1");
    assert_eq!(of(&node.broker.topic(&topic).unwrap()), "604800000");
    node.stop().await;
}

#[tokio::test]
async fn added_partitions_take_batches_at_once() {
    let node = node().await;
    node.create("t", 1, &[]).await;
    let grown = node.broker.create_partitions(&name("t"), 4).await.unwrap();
    assert_eq!(grown.partitions.len(), 4);
    assert!(
        grown
            .partitions
            .iter()
            .all(|partition| partition.problem.is_none())
    );
    let fewer = node
        .broker
        .create_partitions(&name("t"), 2)
        .await
        .unwrap_err();
    assert!(matches!(
        fewer,
        ChangeError::Refused(Refusal::PartitionsMayOnlyGrow { .. })
    ));
    node.stop().await;
}

#[tokio::test]
async fn a_topic_created_anew_never_meets_old_records_or_files() {
    let disk = SimulatedDisk::new(1);
    let node = start(disk.mount()).await;
    node.produce_values("t", numbered("old", 20)).await;
    let old = node.broker.topic(&name("t")).unwrap().id.unwrap();
    node.broker.delete_topic(&name("t")).await.unwrap();
    let disk_now = disk.mount();
    let directory = format!("partitions/{old}/0");
    assert!(!disk_now.exists(directory.as_ref()).unwrap());
    node.produce_values("t", numbered("new", 3)).await;
    assert_ne!(node.broker.topic(&name("t")).unwrap().id, Some(old));
    assert_eq!(node.values("t").await, numbered("new", 3));
    node.stop().await;
    let node = start(disk.mount()).await;
    assert_eq!(node.values("t").await, numbered("new", 3));
    node.stop().await;
}

#[tokio::test]
async fn records_are_deleted_up_to_the_high_watermark_and_no_further() {
    let node = node().await;
    node.produce_values("t", numbered("v", 10)).await;
    let (topic, partition) = (name("t"), PartitionIndex::new(0));
    let delete = |before| node.broker.delete_records(&topic, partition, before);
    assert_eq!(delete(Some(Offset::new(3))).await, Ok(Offset::new(3)));
    assert_eq!(node.values("t").await, numbered("v", 10)[3..]);
    // Nothing comes back.
    assert_eq!(delete(Some(Offset::new(1))).await, Ok(Offset::new(3)));
    assert!(delete(Some(Offset::new(11))).await.is_err());
    assert_eq!(delete(None).await, Ok(Offset::new(10)));
    assert!(node.values("t").await.is_empty());
    let produced = node.produce("t", batch(&["next"])).await.unwrap();
    assert_eq!(produced.base_offset, Offset::new(10));
    let missing = node
        .broker
        .delete_records(&name("none"), partition, None)
        .await;
    assert_eq!(
        missing,
        Err(PartitionError::UnknownTopic {
            topic: name("none")
        }
        .into())
    );
    node.stop().await;
}

#[tokio::test]
async fn the_cluster_describes_itself() {
    let node = node().await;
    node.create("t", 3, &[]).await;
    let described = node.broker.describe_cluster();
    assert!(described.cluster.is_some());
    assert_eq!((described.topics, described.partitions), (1, 3));
    assert_eq!(described.brokers.len(), 1);
    assert_eq!(described.brokers[0].grpc_address, "127.0.0.1:7700");
    assert!(
        node.broker.readiness().is_ready(),
        "{:?}",
        node.broker.readiness()
    );
    assert_eq!(node.broker.readiness().partitions, 3);
    node.stop().await;
}
