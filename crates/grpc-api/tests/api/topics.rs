//! The service Topic.

use std::collections::HashMap;

use rpc::v1;
use tonic::Code;

use crate::stage::{Stage, plain, reason};

fn named(name: &str) -> v1::CreateTopicRequest {
    v1::CreateTopicRequest {
        name: name.to_owned(),
        ..v1::CreateTopicRequest::default()
    }
}

#[tokio::test]
async fn a_topic_is_created_shown_changed_and_deleted() {
    let stage = Stage::open().await;
    let mut topics = stage.topics();
    let wanted = v1::CreateTopicRequest {
        partitions: Some(2),
        configs: HashMap::from([("retention.ms".to_owned(), "1000".to_owned())]),
        ..named("t")
    };
    let created = topics
        .create_topic(wanted.clone())
        .await
        .unwrap()
        .into_inner()
        .topic
        .unwrap();
    assert_eq!((created.partitions.len(), created.id.len()), (2, 32));
    assert_eq!(created.partitions[1].leader, Some(0));
    let again = topics.create_topic(wanted).await.unwrap_err();
    assert_eq!(again.code(), Code::AlreadyExists);

    let config = |topic: &v1::TopicInfo| {
        let retention = topic
            .configs
            .iter()
            .find(|config| config.name == "retention.ms")
            .unwrap();
        (retention.value.clone(), retention.is_set)
    };
    assert_eq!(config(&created), ("1000".to_owned(), true));
    let update = v1::UpdateTopicRequest {
        name: "t".to_owned(),
        remove: vec!["retention.ms".to_owned()],
        ..v1::UpdateTopicRequest::default()
    };
    let updated = topics
        .update_topic(update)
        .await
        .unwrap()
        .into_inner()
        .topic
        .unwrap();
    assert_eq!(config(&updated), ("604800000".to_owned(), false));
    let grow = v1::CreatePartitionsRequest {
        name: "t".to_owned(),
        total: 3,
    };
    let grown = topics
        .create_partitions(grow)
        .await
        .unwrap()
        .into_inner()
        .topic
        .unwrap();
    assert_eq!(grown.partitions.len(), 3);

    let delete = v1::DeleteTopicRequest {
        name: "t".to_owned(),
    };
    let deleted = topics
        .delete_topic(delete.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(deleted.id, created.id);
    assert_eq!(reason(topics.delete_topic(delete).await), "UNKNOWN_TOPIC");
}

#[tokio::test]
async fn checking_a_topic_creates_nothing() {
    let stage = Stage::open().await;
    let checked = v1::CreateTopicRequest {
        validate_only: true,
        ..named("t")
    };
    let topic = stage
        .topics()
        .create_topic(checked)
        .await
        .unwrap()
        .into_inner()
        .topic
        .unwrap();
    assert_eq!(topic.id, "");
    let get = v1::GetTopicRequest {
        name: "t".to_owned(),
    };
    assert_eq!(reason(stage.topics().get_topic(get).await), "UNKNOWN_TOPIC");
}

#[tokio::test]
async fn each_bad_topic_is_refused_by_its_reason() {
    let stage = Stage::open().await;
    stage.create("t", 2, &[]).await;
    let with = |name: &str, value: &str| v1::CreateTopicRequest {
        configs: HashMap::from([(name.to_owned(), value.to_owned())]),
        ..named("bad")
    };
    let parted = |partitions| v1::CreateTopicRequest {
        partitions: Some(partitions),
        ..named("bad")
    };
    let replicated = |replicas| v1::CreateTopicRequest {
        replication_factor: Some(replicas),
        ..named("bad")
    };
    let cases = [
        ("INVALID_TOPIC_NAME", named("")),
        ("INVALID_TOPIC_NAME", named(&"a".repeat(250))),
        ("INVALID_TOPIC_NAME", named("../a")),
        ("INVALID_TOPIC_NAME", named("a\0b")),
        ("INVALID_TOPIC_NAME", named("..")),
        ("TOPIC_EXISTS", named("t")),
        ("UNKNOWN_CONFIG", with("retention.mss", "1")),
        ("INVALID_CONFIG", with("retention.ms", "-2")),
        ("INVALID_CONFIG", with("retention.ms", "soon")),
        ("INVALID_FIELD", parted(-1)),
        ("INVALID_PARTITION_COUNT", parted(0)),
        ("INVALID_PARTITION_COUNT", parted(i32::MAX)),
        ("INVALID_REPLICATION_FACTOR", replicated(0)),
        ("INVALID_REPLICATION_FACTOR", replicated(2)),
        ("INVALID_FIELD", replicated(-1)),
    ];
    for (expected, request) in cases {
        let refused = stage.topics().create_topic(request).await;
        assert_eq!(reason(refused), expected);
    }
    let shrink = v1::CreatePartitionsRequest {
        name: "t".to_owned(),
        total: 1,
    };
    let refused = stage.topics().create_partitions(shrink).await;
    assert_eq!(reason(refused), "INVALID_PARTITION_COUNT");
    let nothing = v1::DeleteRecordsRequest::default();
    assert_eq!(
        reason(stage.topics().delete_records(nothing).await),
        "INVALID_FIELD"
    );
}

#[tokio::test]
async fn pages_of_topics_follow_each_other() {
    let stage = Stage::open().await;
    for name in ["a1", "a2", "a3", "b1"] {
        stage.create(name, 1, &[]).await;
    }
    let (mut names, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListTopicsRequest {
            page_size: 2,
            page_token,
            prefix: "a".to_owned(),
        };
        let page = stage
            .topics()
            .list_topics(request)
            .await
            .unwrap()
            .into_inner();
        assert!(page.topics.len() <= 2);
        names.extend(page.topics.into_iter().map(|topic| topic.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["a1", "a2", "a3"]);
}

#[tokio::test]
async fn records_are_deleted_up_to_the_high_watermark_and_no_further() {
    let stage = Stage::open().await;
    stage.produce(vec![plain("t", 0, &["a", "b"])]).await;
    let delete = |before_offset| {
        let request = v1::DeleteRecordsRequest {
            partitions: vec![v1::DeleteRecordsPartition {
                topic: "t".to_owned(),
                partition: 0,
                before_offset,
            }],
        };
        let mut topics = stage.topics();
        async move {
            topics
                .delete_records(request)
                .await
                .unwrap()
                .into_inner()
                .results
                .remove(0)
        }
    };
    let beyond = delete(Some(3)).await.error.unwrap();
    assert_eq!(beyond.reason, "OFFSET_ABOVE_LOG_END");
    assert_eq!(delete(None).await.log_start, 2);
    let retention = v1::ApplyRetentionRequest {
        name: "t".to_owned(),
    };
    let applied = stage
        .topics()
        .apply_retention(retention)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(applied.results[0].log_start, 2);
}
