//! Commands and answers of every kind with any content, and states reached by random commands.

use std::collections::BTreeMap;

use model::{
    BrokerId, ClusterId, DiskEpoch, DiskId, PartitionIndex, ProducerId, ReplicaId, TopicId,
    TopicName,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};

use crate::apply::tests::{form, new_topic, register, topic_id};
use crate::broker::BrokerState;
use crate::command::{
    AcceptLoss, AcceptedDoubt, AddPartitions, AllocateProducerIds, Command, CompleteMoves,
    CompletedMove, ConfirmRemoved, CreateTopic, DrainBroker, EndedDoubt, FormCluster, NoteDoubts,
    NotedDoubt, PartitionPlace, ReassignPartitions, Reassignment, RegisterBroker,
    UpdateTopicConfigs,
};
use crate::config::ConfigError;
use crate::limits::Limits;
use crate::outcome::Answer;
use crate::refusal::Refusal;
use crate::replication_factor::ReplicationFactor;
use crate::state::ClusterState;
use crate::topic::{Partition, Placement};

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
    let planned = match rng.random_range(0..14) {
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
        7 | 8 => Ok(next_reassignment(rng, state)),
        9 => Ok(next_completion(rng, state)),
        12 | 13 => Ok(next_doubt(rng, state, number)),
        10 => Ok(match rng.random_range(0..4) {
            0 => Command::DecommissionBroker(BrokerId::new(rng.random_range(0..5))),
            1 => Command::UndrainBroker(BrokerId::new(rng.random_range(0..5))),
            _ => Command::DrainBroker(DrainBroker {
                broker: BrokerId::new(rng.random_range(0..5)),
                start_counter: number.into(),
            }),
        }),
        _ => Ok(Command::UpdateTopicConfigs(UpdateTopicConfigs {
            topic: topic_id(topic),
            set: BTreeMap::from([("retention.ms".to_owned(), number.to_string())]),
            remove: [String::from("flush.ms")].into(),
        })),
    };
    planned.unwrap_or_else(|_| register(0, 0, number.into()))
}

/// Some partition's replicas in another order, or on other brokers.
fn next_reassignment(rng: &mut StdRng, state: &ClusterState) -> Command {
    let moves = some_partition(rng, state).map(|(place, partition)| {
        let mut borne: Vec<_> = state.brokers().map(|broker| broker.replica).collect();
        borne.shuffle(rng);
        borne.truncate(partition.replicas.len());
        Reassignment {
            topic: place.topic,
            partition: place.partition,
            epoch: partition.epoch,
            replicas: borne,
        }
    });
    Command::ReassignPartitions(ReassignPartitions {
        moves: moves.into_iter().collect(),
    })
}

fn next_completion(rng: &mut StdRng, state: &ClusterState) -> Command {
    let moves = some_partition(rng, state).map(|(place, partition)| CompletedMove {
        topic: place.topic,
        partition: place.partition,
        epoch: partition.epoch,
    });
    Command::CompleteMoves(CompleteMoves {
        moves: moves.into_iter().collect(),
    })
}

/// A doubt of some partition's replica arises, ends, or is accepted.
fn next_doubt(rng: &mut StdRng, state: &ClusterState, number: u8) -> Command {
    let found = some_partition(rng, state);
    let doubtful = found.and_then(|(place, partition)| {
        let replica = *partition.replicas.choose(rng)?;
        Some((place, replica, partition.doubts.first().copied()))
    });
    let Some((place, replica, known)) = doubtful else {
        return Command::DeleteTopic(topic_id(number));
    };
    let accepted = known.map(|doubt| AcceptedDoubt {
        partition: place.partition,
        replica: doubt.replica,
        since: doubt.since,
    });
    let arisen = NotedDoubt {
        topic: place.topic,
        partition: place.partition,
        since: rng.random_range(0..9),
    };
    match rng.random_range(0..3) {
        0 => Command::AcceptLoss(AcceptLoss {
            topic: place.topic,
            doubts: accepted.into_iter().collect(),
        }),
        1 => Command::NoteDoubts(NoteDoubts {
            replica,
            arisen: Vec::new(),
            ended: vec![EndedDoubt {
                topic: place.topic,
                partition: place.partition,
                is_lost: rng.random(),
            }],
        }),
        _ => Command::NoteDoubts(NoteDoubts {
            replica,
            arisen: vec![arisen],
            ended: Vec::new(),
        }),
    }
}

fn some_partition<'a>(
    rng: &mut StdRng,
    state: &'a ClusterState,
) -> Option<(PartitionPlace, &'a Partition)> {
    let all: Vec<_> = state
        .topics()
        .flat_map(|topic| {
            (0..)
                .zip(topic.partitions())
                .map(|found| (topic.id(), found))
        })
        .collect();
    let (topic, (index, partition)) = all.choose(rng)?;
    let partition_index = PartitionIndex::new(*index);
    Some((
        PartitionPlace {
            topic: *topic,
            partition: partition_index,
        },
        partition,
    ))
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

fn partitions() -> impl Strategy<Value = Vec<Placement>> {
    vec(
        vec(replica(), 0..4).prop_map(|replicas| Placement { replicas }),
        0..5,
    )
}

fn place() -> impl Strategy<Value = PartitionPlace> {
    (topic(), any::<u32>()).prop_map(|(topic, partition)| PartitionPlace {
        topic,
        partition: PartitionIndex::new(partition),
    })
}

fn broker_state() -> impl Strategy<Value = BrokerState> {
    prop_oneof![
        Just(BrokerState::Active),
        any::<u64>().prop_map(|start_counter| BrokerState::Draining { start_counter }),
        Just(BrokerState::Decommissioning),
        Just(BrokerState::Decommissioned),
    ]
}

fn any_move() -> impl Strategy<Value = Command> {
    let reassigned = (place(), any::<u64>(), vec(replica(), 0..4));
    let reassigned = reassigned.prop_map(|(place, epoch, replicas)| Reassignment {
        topic: place.topic,
        partition: place.partition,
        epoch,
        replicas,
    });
    let completed = (place(), any::<u64>()).prop_map(|(place, epoch)| CompletedMove {
        topic: place.topic,
        partition: place.partition,
        epoch,
    });
    prop_oneof![
        vec(reassigned, 0..4)
            .prop_map(|moves| Command::ReassignPartitions(ReassignPartitions { moves })),
        vec(completed, 0..4).prop_map(|moves| Command::CompleteMoves(CompleteMoves { moves })),
        (replica(), vec(place(), 0..4)).prop_map(|(replica, partitions)| {
            Command::ConfirmRemoved(ConfirmRemoved {
                replica,
                partitions,
            })
        }),
        (broker(), any::<u64>()).prop_map(|(broker, start_counter)| {
            Command::DrainBroker(DrainBroker {
                broker,
                start_counter,
            })
        }),
        broker().prop_map(Command::UndrainBroker),
        (
            replica(),
            vec((place(), any::<u64>()), 0..4),
            vec((place(), any::<bool>()), 0..4)
        )
            .prop_map(|(replica, arisen, ended)| {
                let ended = ended.into_iter().map(|(place, is_lost)| EndedDoubt {
                    topic: place.topic,
                    partition: place.partition,
                    is_lost,
                });
                let arisen = arisen.into_iter().map(|(place, since)| NotedDoubt {
                    topic: place.topic,
                    partition: place.partition,
                    since,
                });
                Command::NoteDoubts(NoteDoubts {
                    replica,
                    arisen: arisen.collect(),
                    ended: ended.collect(),
                })
            }),
        (place(), replica(), any::<u64>()).prop_map(|(place, replica, since)| {
            Command::AcceptLoss(AcceptLoss {
                topic: place.topic,
                doubts: vec![AcceptedDoubt {
                    partition: place.partition,
                    replica,
                    since,
                }],
            })
        }),
        broker().prop_map(Command::DecommissionBroker),
    ]
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
    let bears = proptest::option::of(any::<u64>().prop_map(ReplicaId::new));
    let start = (any::<u64>(), any::<u64>(), any::<u64>());
    (broker(), disk(), start, bears, texts).prop_map(
        |(broker, disk, start, bears, (grpc_address, peer_address, rack))| RegisterBroker {
            broker,
            disk,
            start_counter: start.0,
            epoch: DiskEpoch {
                number: start.1,
                nonce: start.2,
            },
            bears,
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
        any_move(),
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
        any::<u64>().prop_map(|changed| Answer::PartitionsReassigned { changed }),
        any::<u64>().prop_map(|completed| Answer::MovesCompleted { completed }),
        vec(place(), 0..4).prop_map(|partitions| Answer::RemovalConfirmed { partitions }),
        broker_state().prop_map(|state| Answer::BrokerStateSet { state }),
        any::<u64>().prop_map(|changed| Answer::DoubtsNoted { changed }),
        any::<u64>().prop_map(|accepted| Answer::LossAccepted { accepted }),
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
        (broker(), disk(), any::<u64>(), any::<u64>()).prop_map(
            |(broker, disk, known, presented)| Refusal::OtherCopyOfDisk {
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
        (name(), any::<u32>(), any::<u64>(), any::<u64>()).prop_map(
            |(topic, partition, expected, have)| Refusal::MoveSuperseded {
                topic,
                partition,
                expected,
                have
            }
        ),
        (broker(), broker_state()).prop_map(|(broker, state)| Refusal::IsLeaving { broker, state }),
        (name(), proptest::option::of(any::<u32>()))
            .prop_map(|(topic, partition)| Refusal::NothingInDoubt { topic, partition }),
    ]
}

pub(super) fn any_answer() -> impl Strategy<Value = Result<Answer, Refusal>> {
    prop_oneof![any_done().prop_map(Ok), any_refusal().prop_map(Err)]
}
