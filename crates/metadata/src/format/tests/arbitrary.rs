//! Commands and answers of every kind with any content, and states reached by random commands.

use std::collections::BTreeMap;

use model::{
    BrokerId, ClusterId, DiskId, PartitionIndex, ProducerId, ReplicaId, TopicId, TopicName,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use rand::Rng;
use rand::rngs::StdRng;

use crate::apply::tests::{form, new_topic, register, topic_id};
use crate::command::{
    AddPartitions, AllocateProducerIds, Command, CreateTopic, FormCluster, RegisterBroker,
    UpdateTopicConfigs,
};
use crate::config::ConfigError;
use crate::limits::Limits;
use crate::outcome::Answer;
use crate::refusal::Refusal;
use crate::replication_factor::ReplicationFactor;
use crate::state::ClusterState;
use crate::topic::Partition;

/// A state after so many random commands, most of them sensible.
pub(super) fn run(rng: &mut StdRng, commands: u8) -> ClusterState {
    let mut state = ClusterState::new();
    state
        .apply(&form(rng.random_range(1..=3), Limits::default()))
        .unwrap();
    for number in 0..commands {
        let command = next_command(rng, &state, number);
        let before = state.clone();
        if state.apply(&command).is_err() {
            assert_eq!(state, before, "a refused command changed the state");
        }
    }
    state
}

/// A command that may well be accepted; `number` makes its ids unlike those of others.
pub(super) fn next_command(rng: &mut StdRng, state: &ClusterState, number: u8) -> Command {
    let topic = rng.random_range(0..=number);
    let name = TopicName::new(&format!("topic-{}", topic % 7)).unwrap();
    let planned = match rng.random_range(0..8) {
        0 => Ok(register(
            rng.random_range(0..5),
            rng.random_range(0..9),
            number.into(),
        )),
        1..=3 => state
            .plan_topic(
                topic_id(number),
                &new_topic(name.as_str(), rng.random_range(1..9)),
            )
            .map(|plan| plan.command),
        4 => state.plan_partitions(&name, rng.random_range(1..20)),
        5 => Ok(Command::DeleteTopic(topic_id(topic))),
        6 => Ok(Command::AllocateProducerIds(AllocateProducerIds {
            broker: BrokerId::new(0),
            count: rng.random_range(1..1000),
        })),
        _ => Ok(Command::UpdateTopicConfigs(UpdateTopicConfigs {
            topic: topic_id(topic),
            set: BTreeMap::from([("retention.ms".to_owned(), number.to_string())]),
            remove: [String::from("flush.ms")].into(),
        })),
    };
    planned.unwrap_or_else(|_| register(0, 0, number.into()))
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z.]{0,12}", ".{0,8}"]
}

fn texts() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map(text(), text(), 0..5)
}

fn topic() -> impl Strategy<Value = TopicId> {
    any::<[u8; 16]>().prop_map(TopicId::from_bytes)
}

fn cluster() -> impl Strategy<Value = ClusterId> {
    any::<[u8; 16]>().prop_map(ClusterId::from_bytes)
}

fn disk() -> impl Strategy<Value = DiskId> {
    any::<[u8; 16]>().prop_map(DiskId::from_bytes)
}

fn broker() -> impl Strategy<Value = BrokerId> {
    any::<u32>().prop_map(BrokerId::new)
}

fn replica() -> impl Strategy<Value = ReplicaId> {
    any::<u64>().prop_map(ReplicaId::new)
}

fn name() -> impl Strategy<Value = TopicName> {
    "[a-zA-Z0-9_-]{1,20}".prop_map(|text| TopicName::new(&text).unwrap())
}

fn partitions() -> impl Strategy<Value = Vec<Partition>> {
    vec(
        vec(replica(), 0..4).prop_map(|replicas| Partition { replicas }),
        0..5,
    )
}

fn limits() -> impl Strategy<Value = Limits> {
    any::<[u32; 4]>().prop_map(
        |[partitions_per_topic, partitions, topics, brokers]| Limits {
            partitions_per_topic,
            partitions,
            topics,
            brokers,
        },
    )
}

fn register_broker() -> impl Strategy<Value = RegisterBroker> {
    let texts = (text(), text(), proptest::option::of(text()));
    (broker(), disk(), any::<u64>(), texts).prop_map(
        |(broker, disk, start_counter, (grpc_address, peer_address, rack))| RegisterBroker {
            broker,
            disk,
            start_counter,
            grpc_address,
            peer_address,
            rack,
        },
    )
}

fn create_topic() -> impl Strategy<Value = CreateTopic> {
    (topic(), name(), 1u16.., partitions(), texts()).prop_map(
        |(id, name, factor, partitions, configs)| CreateTopic {
            id,
            name,
            replication_factor: ReplicationFactor::new(factor).unwrap(),
            partitions,
            configs,
        },
    )
}

pub(super) fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (cluster(), any::<u32>(), limits()).prop_map(|(cluster, initial_brokers, limits)| {
            Command::FormCluster(FormCluster {
                cluster,
                initial_brokers,
                limits,
            })
        }),
        limits().prop_map(Command::SetLimits),
        register_broker().prop_map(Command::RegisterBroker),
        create_topic().prop_map(Command::CreateTopic),
        topic().prop_map(Command::DeleteTopic),
        (topic(), texts(), btree_set(text(), 0..4)).prop_map(|(topic, set, remove)| {
            Command::UpdateTopicConfigs(UpdateTopicConfigs { topic, set, remove })
        }),
        (topic(), any::<u32>(), partitions()).prop_map(|(topic, first, partitions)| {
            Command::AddPartitions(AddPartitions {
                topic,
                first: PartitionIndex::new(first),
                partitions,
            })
        }),
        (broker(), any::<u64>()).prop_map(|(broker, count)| {
            Command::AllocateProducerIds(AllocateProducerIds { broker, count })
        }),
    ]
}

fn any_done() -> impl Strategy<Value = Answer> {
    prop_oneof![
        cluster().prop_map(|cluster| Answer::ClusterFormed { cluster }),
        Just(Answer::LimitsSet),
        (replica(), proptest::option::of(replica()))
            .prop_map(|(replica, replaced)| Answer::BrokerRegistered { replica, replaced }),
        (topic(), any::<u32>())
            .prop_map(|(topic, partitions)| Answer::TopicCreated { topic, partitions }),
        (topic(), any::<bool>())
            .prop_map(|(topic, existed)| Answer::TopicDeleted { topic, existed }),
        topic().prop_map(|topic| Answer::ConfigsUpdated { topic }),
        (topic(), any::<u32>()).prop_map(|(topic, total)| Answer::PartitionsAdded { topic, total }),
        (any::<u64>(), any::<u64>()).prop_map(|(first, count)| Answer::ProducerIds {
            first: ProducerId::new(first),
            count
        }),
    ]
}

fn any_config_error() -> impl Strategy<Value = ConfigError> {
    let three = || (text(), text(), text());
    prop_oneof![
        (text(), proptest::option::of(text()))
            .prop_map(|(name, closest)| ConfigError::Unknown { name, closest }),
        three().prop_map(|(name, value, bounds)| ConfigError::OutOfBounds {
            name,
            value,
            bounds
        }),
        three().prop_map(|(name, value, reason)| ConfigError::Refused {
            name,
            value,
            reason
        }),
        (text(), any::<i64>(), text(), any::<i64>()).prop_map(
            |(smaller, smaller_value, larger, larger_value)| ConfigError::Conflict {
                smaller,
                smaller_value,
                larger,
                larger_value
            }
        ),
    ]
}

fn any_refusal() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        any_config_error().prop_map(Refusal::Config),
        Just(Refusal::NotFormed),
        (cluster(), cluster()).prop_map(|(ours, theirs)| Refusal::OtherCluster { ours, theirs }),
        (broker(), disk(), any::<u64>(), any::<u64>()).prop_map(
            |(broker, disk, known, presented)| Refusal::OlderCopyOfDisk {
                broker,
                disk,
                known,
                presented
            }
        ),
        (name(), topic()).prop_map(|(name, id)| Refusal::TopicExists { name, id }),
        (any::<u32>(), replica())
            .prop_map(|(partition, replica)| Refusal::ReplicaTwice { partition, replica }),
        (any::<u64>(), any::<u32>())
            .prop_map(|(wanted, limit)| Refusal::BadPartitionCount { wanted, limit }),
    ]
}

pub(super) fn any_answer() -> impl Strategy<Value = Result<Answer, Refusal>> {
    prop_oneof![any_done().prop_map(Ok), any_refusal().prop_map(Err)]
}
