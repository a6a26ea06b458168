use std::collections::BTreeMap;

use metadata::command::{Command, FormCluster, RegisterBroker, UpdateTopicConfigs};
use metadata::{ClusterState, Limits, NewTopic};
use model::{BrokerId, ClusterId, DiskId, PartitionIndex, ReplicaId, TopicId, TopicName};

use super::{Plan, plan};
use crate::partitions::TopicMap;

const HERE: ReplicaId = ReplicaId::new(0);

fn name(text: &str) -> TopicName {
    TopicName::new(text).unwrap()
}

fn id(number: u8) -> TopicId {
    TopicId::from_bytes([number; 16])
}

/// A cluster of this many brokers.
fn cluster(brokers: u8) -> ClusterState {
    let mut state = ClusterState::new();
    let form = FormCluster {
        cluster: ClusterId::from_bytes([9; 16]),
        initial_brokers: u32::from(brokers),
        limits: Limits::default(),
    };
    state.apply(&Command::FormCluster(form)).unwrap();
    for broker in 0..brokers {
        let register = RegisterBroker {
            broker: BrokerId::new(u32::from(broker)),
            disk: DiskId::from_bytes([broker; 16]),
            start_counter: 1,
            epoch: model::DiskEpoch::default(),
            bears: Some(ReplicaId::new(u64::from(broker))),
            grpc_address: String::new(),
            peer_address: String::new(),
            rack: None,
        };
        state.apply(&Command::RegisterBroker(register)).unwrap();
    }
    state
}

fn create(state: &mut ClusterState, number: u8, topic: &str, partitions: u32) {
    let wanted = NewTopic {
        name: name(topic),
        partitions,
        replication_factor: Some(1),
        configs: BTreeMap::new(),
    };
    let planned = state.plan_topic(id(number), &wanted).unwrap();
    state.apply(&planned.command).unwrap();
}

fn step(current: &TopicMap, state: &ClusterState) -> Plan {
    plan(current, state.topics().cloned().collect(), HERE)
}

fn wanting(plan: &Plan, topic: &str) -> usize {
    let slots = &plan.topics[&name(topic)].slots;
    slots.iter().filter(|slot| slot.wants_opening()).count()
}

#[test]
fn a_new_topic_is_opened_and_a_known_one_left_alone() {
    let mut state = cluster(1);
    create(&mut state, 1, "a", 3);
    let first = step(&TopicMap::new(), &state);
    assert_eq!(wanting(&first, "a"), 3);
    assert!(first.close.is_empty() && first.configure.is_empty());
    let again = step(&first.topics, &state);
    for (old, new) in first.topics[&name("a")]
        .slots
        .iter()
        .zip(&again.topics[&name("a")].slots)
    {
        assert!(std::sync::Arc::ptr_eq(old, new));
    }
}

#[test]
fn a_topic_created_anew_under_its_old_name_gets_new_slots_and_the_old_ones_are_closed() {
    let mut state = cluster(1);
    create(&mut state, 1, "a", 2);
    let first = step(&TopicMap::new(), &state);
    state
        .apply(&state.plan_deletion(&name("a")).unwrap())
        .unwrap();
    create(&mut state, 2, "a", 1);
    let second = step(&first.topics, &state);
    let closed = [0, 1].map(|index| (id(1), PartitionIndex::new(index)));
    assert_eq!(second.close, closed);
    assert_eq!(second.topics[&name("a")].topic.id(), id(2));
    assert_eq!(wanting(&second, "a"), 1);
}

#[test]
fn added_partitions_are_opened_beside_those_there_are() {
    let mut state = cluster(1);
    create(&mut state, 1, "a", 2);
    let first = step(&TopicMap::new(), &state);
    state
        .apply(&state.plan_partitions(&name("a"), 5).unwrap())
        .unwrap();
    let second = step(&first.topics, &state);
    let (old, new) = (
        &first.topics[&name("a")].slots,
        &second.topics[&name("a")].slots,
    );
    assert_eq!(new.len(), 5);
    assert!(
        old.iter()
            .zip(new)
            .all(|(old, new)| std::sync::Arc::ptr_eq(old, new))
    );
    assert!(second.configure.is_empty() && second.close.is_empty());
}

#[test]
fn changed_configs_are_put_into_force() {
    let mut state = cluster(1);
    create(&mut state, 1, "a", 1);
    create(&mut state, 2, "b", 1);
    let first = step(&TopicMap::new(), &state);
    let update = UpdateTopicConfigs {
        topic: id(1),
        set: BTreeMap::from([("retention.ms".to_owned(), "5".to_owned())]),
        remove: Default::default(),
    };
    state.apply(&Command::UpdateTopicConfigs(update)).unwrap();
    let second = step(&first.topics, &state);
    let changed: Vec<_> = second
        .configure
        .iter()
        .map(|open| open.topic.name().as_str())
        .collect();
    assert_eq!(changed, ["a"]);
}

#[test]
fn partitions_of_other_brokers_are_not_opened_here() {
    let mut state = cluster(2);
    create(&mut state, 1, "a", 4);
    let first = step(&TopicMap::new(), &state);
    assert_eq!(wanting(&first, "a"), 2);
    state
        .apply(&state.plan_deletion(&name("a")).unwrap())
        .unwrap();
    assert_eq!(step(&first.topics, &state).close.len(), 2);
}
