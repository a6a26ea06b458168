//! Partition counts, their growth, and checks of where they were placed.

use super::*;
use crate::command::{CompleteMoves, CompletedMove, ReassignPartitions, Reassignment};

fn replicas(ids: &[u64]) -> Placement {
    Placement {
        replicas: ids.iter().copied().map(ReplicaId::new).collect(),
    }
}

fn placed(replication_factor: u16, partitions: Vec<Placement>) -> Command {
    Command::CreateTopic(CreateTopic {
        id: topic_id(1),
        name: name("a"),
        replication_factor: ReplicationFactor::new(replication_factor).unwrap(),
        partitions,
        configs: BTreeMap::new(),
    })
}

#[test]
fn a_partition_count_outside_of_the_limit_is_refused() {
    let mut state = cluster_of(1);
    for wanted in [0, 10_001] {
        let refusal = Refusal::BadPartitionCount {
            wanted: u64::from(wanted),
            limit: 10_000,
        };
        assert_eq!(create(&mut state, 1, "a", wanted), Err(refusal.clone()));
        let unplanned = placed(1, vec![replicas(&[0]); wanted as usize]);
        assert_eq!(refused(&mut state, &unplanned), refusal);
    }
    assert!(create(&mut state, 1, "a", 10_000).is_ok());
}

#[test]
fn partitions_beyond_the_clusters_limit_are_refused() {
    let limits = Limits {
        partitions: 5,
        ..Limits::default()
    };
    let mut state = cluster_with(1, limits);
    create(&mut state, 1, "a", 3).unwrap();
    let refusal = Refusal::TooManyPartitions {
        wanted: 3,
        have: 3,
        limit: 5,
    };
    assert_eq!(create(&mut state, 2, "b", 3), Err(refusal.clone()));
    assert_eq!(state.plan_partitions(&name("a"), 6), Err(refusal));
    assert!(create(&mut state, 2, "b", 2).is_ok());
}

#[test]
fn partitions_are_added_once_however_often_the_command_comes() {
    let mut state = cluster_of(3);
    create(&mut state, 1, "a", 2).unwrap();
    let command = state.plan_partitions(&name("a"), 5).unwrap();
    let topic = topic_id(1);
    assert_eq!(
        state.apply(&command).unwrap(),
        Outcome {
            answer: Answer::PartitionsAdded { topic, total: 5 },
            effects: vec![Effect::PartitionsAdded {
                topic,
                first: PartitionIndex::new(2),
                end: PartitionIndex::new(5)
            }]
        }
    );
    assert_eq!(
        repeated(&mut state, &command),
        Answer::PartitionsAdded { topic, total: 5 }
    );
    assert_eq!(state.partition_count(), 5);
}

#[test]
fn partitions_may_only_grow() {
    let mut state = cluster_of(1);
    create(&mut state, 1, "a", 2).unwrap();
    for wanted in [0, 1, 2] {
        assert_eq!(
            state.plan_partitions(&name("a"), wanted),
            Err(Refusal::PartitionsMayOnlyGrow { have: 2, wanted })
        );
    }
    let nothing = Command::AddPartitions(AddPartitions {
        topic: topic_id(1),
        first: PartitionIndex::new(2),
        partitions: Vec::new(),
    });
    assert_eq!(
        refused(&mut state, &nothing),
        Refusal::PartitionsMayOnlyGrow { have: 2, wanted: 2 }
    );
}

#[test]
fn the_slower_of_two_who_add_partitions_is_told() {
    let mut state = cluster_of(1);
    create(&mut state, 1, "a", 1).unwrap();
    let slower = state.plan_partitions(&name("a"), 3).unwrap();
    let faster = state.plan_partitions(&name("a"), 2).unwrap();
    state.apply(&faster).unwrap();
    assert_eq!(
        refused(&mut state, &slower),
        Refusal::PartitionsChanged {
            expected: 1,
            have: 2
        }
    );
}

#[test]
fn a_placement_that_cannot_be_is_refused() {
    let mut state = cluster_of(2);
    for (command, refusal) in [
        (
            placed(2, vec![replicas(&[0, 1]), replicas(&[0])]),
            Refusal::WrongReplicaCount {
                partition: 1,
                replicas: 1,
                wanted: 2,
            },
        ),
        (
            placed(2, vec![replicas(&[0, 2])]),
            Refusal::UnknownReplica {
                partition: 0,
                replica: ReplicaId::new(2),
            },
        ),
        (
            placed(2, vec![replicas(&[1, 1])]),
            Refusal::ReplicaTwice {
                partition: 0,
                replica: ReplicaId::new(1),
            },
        ),
        (
            placed(3, vec![replicas(&[0, 1, 2])]),
            Refusal::ReplicationFactorTooLarge {
                wanted: 3,
                brokers: 2,
            },
        ),
    ] {
        assert_eq!(refused(&mut state, &command), refusal);
    }
}

#[test]
fn a_placement_made_before_a_disk_was_replaced_is_refused() {
    let mut state = cluster_of(1);
    let plan = state.plan_topic(topic_id(1), &new_topic("a", 1)).unwrap();
    state.apply(&register(0, 10, 1)).unwrap();
    assert_eq!(
        refused(&mut state, &plan.command),
        Refusal::UnknownReplica {
            partition: 0,
            replica: ReplicaId::new(0)
        }
    );
}

#[test]
fn the_partitions_of_a_replica_are_listed() {
    let mut state = cluster_of(3);
    let mut one_replica = new_topic("b", 3);
    one_replica.replication_factor = Some(1);
    let plan = state.plan_topic(topic_id(2), &one_replica).unwrap();
    state.apply(&plan.command).unwrap();
    create(&mut state, 1, "a", 2).unwrap();
    for replica in 0..3 {
        let listed: Vec<_> = state
            .partitions_on(ReplicaId::new(replica))
            .map(|(topic, index, _)| (topic.name().to_string(), index.get()))
            .collect();
        assert_eq!(listed.len(), 3, "{listed:?}");
        assert_eq!(listed[..2], [("a".to_owned(), 0), ("a".to_owned(), 1)]);
        assert_eq!(listed[2].0, "b");
    }
}

#[test]
fn a_partition_knows_among_how_many_it_was_created_wherever_it_moves() {
    let mut state = cluster_of(3);
    create(&mut state, 1, "a", 6).unwrap();
    create(&mut state, 2, "b", 3).unwrap();
    let neighbours = |state: &ClusterState, topic: u8| -> Vec<u64> {
        let topic = state.topic(topic_id(topic)).unwrap();
        topic
            .partitions()
            .iter()
            .map(|one| one.neighbours)
            .collect()
    };
    let factor = u64::from(state.topic(topic_id(1)).unwrap().replication_factor().get());
    assert_eq!(neighbours(&state, 1), [6 * factor / 3; 6]);
    assert_eq!(neighbours(&state, 2), [9 * factor / 3; 3]);
    let more = state.plan_partitions(&name("a"), 9).unwrap();
    state.apply(&more).unwrap();
    let before = [2 * factor; 6].into_iter();
    let after = before.chain([4 * factor; 3]).collect::<Vec<_>>();
    assert_eq!(neighbours(&state, 1), after);
}

fn reassigned(epoch: u64, to: &[u64]) -> Command {
    Command::ReassignPartitions(ReassignPartitions {
        moves: vec![Reassignment {
            topic: topic_id(1),
            partition: PartitionIndex::new(0),
            epoch,
            replicas: replicas(to).replicas,
        }],
    })
}

#[test]
fn a_partition_is_founded_by_those_it_was_placed_on_wherever_it_is_moved_before() {
    let mut state = cluster_of(5);
    state.apply(&placed(3, vec![replicas(&[0, 1, 2])])).unwrap();
    let founders = |state: &ClusterState| state.topic(topic_id(1)).unwrap().partitions()[0].clone();
    let all = replicas(&[0, 1, 2]).replicas;
    assert_eq!(founders(&state).founders(), all);
    // Nobody has opened it yet, and it moves on and on; then the disk of a founder is replaced.
    state.apply(&reassigned(0, &[3, 4, 2])).unwrap();
    assert_eq!(founders(&state).founders(), all);
    state.apply(&reassigned(1, &[1, 3, 4])).unwrap();
    assert_eq!(founders(&state).founders(), all);
    state.apply(&register(1, 11, 1)).unwrap();
    let moving = founders(&state);
    assert_eq!((moving.epoch, moving.founders()), (3, &all[..]));
    // Two of three are there until the group has the members that it shall have: enough to found it.
    for founder in [0, 2] {
        assert!(moving.holds(ReplicaId::new(founder)), "{founder}");
    }
    let completed = Command::CompleteMoves(CompleteMoves {
        moves: vec![CompletedMove {
            topic: topic_id(1),
            partition: PartitionIndex::new(0),
            epoch: 3,
        }],
    });
    state.apply(&completed).unwrap();
    assert_eq!(founders(&state).founders(), []);
}
