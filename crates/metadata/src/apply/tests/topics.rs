//! Creating and deleting topics, changing their configs.

use super::*;
use crate::config::ConfigError;

fn update(topic: u8, set: &[(&str, &str)], remove: &[&str]) -> Command {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Command::UpdateTopicConfigs(UpdateTopicConfigs {
        topic: topic_id(topic),
        set: set.iter().map(owned).collect(),
        remove: remove.iter().map(|name| (*name).to_owned()).collect(),
    })
}

#[test]
fn a_created_topic_is_found_by_name_and_by_id() {
    let mut state = cluster_of(1);
    let outcome = create(&mut state, 1, "orders", 3).unwrap();
    let topic = topic_id(1);
    assert_eq!(outcome.effects, [Effect::TopicCreated { topic }]);
    assert_eq!(state.topic_named(&name("orders")), state.topic(topic));
    let found = state.topic(topic).unwrap();
    assert_eq!(found.partition_count(), 3);
    assert_eq!(found.replication_factor(), ReplicationFactor::ONE);
    assert_eq!(state.partition_count(), 3);
    assert!(found.partition(PartitionIndex::new(2)).is_some());
    assert_eq!(found.partition(PartitionIndex::new(3)), None);
}

#[test]
fn creating_a_topic_again_by_its_id_changes_nothing() {
    let mut state = cluster_of(1);
    let plan = state.plan_topic(topic_id(1), &new_topic("a", 1)).unwrap();
    let first = state.apply(&plan.command).unwrap().answer;
    assert_eq!(repeated(&mut state, &plan.command), first);
}

#[test]
fn a_taken_name_or_id_is_refused() {
    let mut state = cluster_of(1);
    let same_name = state.plan_topic(topic_id(2), &new_topic("a", 1)).unwrap();
    let same_id = state.plan_topic(topic_id(1), &new_topic("b", 1)).unwrap();
    create(&mut state, 1, "a", 1).unwrap();
    let (name, id) = (name("a"), topic_id(1));
    assert_eq!(
        refused(&mut state, &same_name.command),
        Refusal::TopicExists {
            name: name.clone(),
            id
        }
    );
    assert_eq!(
        refused(&mut state, &same_id.command),
        Refusal::TopicIdTaken { id, name }
    );
}

#[test]
fn a_deleted_topic_is_gone_and_a_late_retry_does_not_bring_it_back() {
    let mut state = cluster_of(1);
    let creation = state.plan_topic(topic_id(1), &new_topic("a", 2)).unwrap();
    state.apply(&creation.command).unwrap();
    let deletion = state.plan_deletion(&name("a")).unwrap();
    let effect = Effect::TopicDeleted {
        topic: topic_id(1),
        name: name("a"),
        partitions: 2,
    };
    assert_eq!(state.apply(&deletion).unwrap().effects, [effect]);
    assert_eq!((state.topic_count(), state.partition_count()), (0, 0));
    assert_eq!(
        repeated(&mut state, &deletion),
        Answer::TopicDeleted {
            topic: topic_id(1),
            existed: false
        }
    );
    assert_eq!(
        refused(&mut state, &creation.command),
        Refusal::TopicDeletedSince { id: topic_id(1) }
    );
    assert!(create(&mut state, 2, "a", 1).is_ok());
}

#[test]
fn deleting_an_unknown_name_is_refused() {
    let state = cluster_of(1);
    let name = name("nothing");
    assert_eq!(
        state.plan_deletion(&name),
        Err(Refusal::UnknownTopic { name: name.clone() })
    );
}

#[test]
fn the_memory_of_deleted_topics_is_bounded() {
    let mut state = cluster_of(1);
    for number in 0..=crate::limits::DELETED_TOPICS_REMEMBERED as u128 {
        let id = TopicId::from_bytes(number.to_be_bytes());
        let plan = state.plan_topic(id, &new_topic("a", 1)).unwrap();
        state.apply(&plan.command).unwrap();
        state.apply(&Command::DeleteTopic(id)).unwrap();
    }
    let remembered = crate::limits::DELETED_TOPICS_REMEMBERED;
    assert_eq!(state.deleted_topics.len(), remembered);
    let oldest = TopicId::from_bytes([0; 16]);
    assert!(!state.deleted_topics.contains(&oldest));
}

#[test]
fn topics_beyond_the_limit_are_refused() {
    let limits = Limits {
        topics: 1,
        ..Limits::default()
    };
    let mut state = cluster_with(1, limits);
    create(&mut state, 1, "a", 1).unwrap();
    assert_eq!(
        create(&mut state, 2, "b", 1),
        Err(Refusal::TooManyTopics { limit: 1 })
    );
}

#[test]
fn configs_are_set_and_removed() {
    let mut state = cluster_of(1);
    create(&mut state, 1, "a", 1).unwrap();
    let settings = [("retention.ms", "-1"), ("segment.bytes", "65536")];
    let set = update(1, &settings, &[]);
    let topic = topic_id(1);
    assert_eq!(
        state.apply(&set).unwrap().effects,
        [Effect::TopicConfigsChanged { topic }]
    );
    repeated(&mut state, &set);
    let config = state.topic(topic).unwrap().config();
    assert_eq!((config.retention, config.segment_bytes), (None, 65536));
    let removal = update(1, &[], &["retention.ms", "flush.ms"]);
    state.apply(&removal).unwrap();
    let changed = state.topic(topic).unwrap();
    assert!(changed.config().retention.is_some());
    assert_eq!(changed.overrides().len(), 1);
    assert_eq!(state.partition_count(), 1);
}

#[test]
fn bad_config_changes_are_refused() {
    let mut state = cluster_of(1);
    create(&mut state, 1, "a", 1).unwrap();
    let refusal = refused(&mut state, &update(1, &[("retention.mss", "1")], &[]));
    let Refusal::Config(ConfigError::Unknown { closest, .. }) = refusal else {
        panic!("{refusal}");
    };
    assert_eq!(closest.as_deref(), Some("retention.ms"));
    assert!(matches!(
        refused(&mut state, &update(1, &[], &["colour"])),
        Refusal::Config(ConfigError::Unknown { closest: None, .. })
    ));
    assert!(matches!(
        refused(&mut state, &update(1, &[("segment.bytes", "5")], &[])),
        Refusal::Config(ConfigError::OutOfBounds { .. })
    ));
    assert_eq!(
        refused(&mut state, &update(1, &[("min.insync.replicas", "2")], &[])),
        Refusal::Config(ConfigError::AboveQuorum {
            wanted: 2,
            quorum: 1,
            replicas: 1
        })
    );
    let both = update(1, &[("flush.ms", "1")], &["flush.ms"]);
    assert!(matches!(
        refused(&mut state, &both),
        Refusal::ConfigSetAndRemoved { .. }
    ));
    assert_eq!(
        refused(&mut state, &update(9, &[], &[])),
        Refusal::UnknownTopicId { id: topic_id(9) }
    );
}

#[test]
fn topics_are_paged_in_the_order_of_their_names() {
    let mut state = cluster_of(1);
    for (id, topic) in (1..).zip(["d", "b", "a", "e", "c"]) {
        create(&mut state, id, topic, 1).unwrap();
    }
    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let page = state.topics_page(after.as_ref(), 2);
        let names: String = page.topics.iter().map(|t| t.name().as_str()).collect();
        pages.push(names);
        after = page.next_after;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, ["ab", "cd", "e"]);
    assert_eq!(state.topics_page(Some(&name("e")), 2).topics, []);
    assert_eq!(state.topics_page(None, 0).topics.len(), 1);
}
