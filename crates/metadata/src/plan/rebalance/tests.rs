use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::apply::tests::{cluster_of, form, new_topic, register, topic_id};
use crate::command::{Command, CompleteMoves, CompletedMove, ReassignPartitions};
use crate::limits::Limits;
use crate::test_seed::seeded_properties;

fn nobody() -> BTreeSet<BrokerId> {
    BTreeSet::new()
}

/// A cluster of these brokers, in these racks.
fn cluster_in(racks: &[Option<u8>]) -> ClusterState {
    let mut state = ClusterState::new();
    let brokers = u32::try_from(racks.len()).unwrap();
    state.apply(&form(brokers, Limits::default())).unwrap();
    for (broker, rack) in (0..).zip(racks) {
        add(&mut state, broker, *rack);
    }
    state
}

fn add(state: &mut ClusterState, broker: u32, rack: Option<u8>) {
    let Command::RegisterBroker(mut command) = register(broker, broker as u8, 1) else {
        panic!("register builds another command");
    };
    command.rack = rack.map(|rack| format!("rack-{rack}"));
    state.apply(&Command::RegisterBroker(command)).unwrap();
}

fn create(state: &mut ClusterState, id: u8, partitions: u32, replicas: u16) {
    let mut topic = new_topic(&format!("t{id}"), partitions);
    topic.replication_factor = Some(replicas);
    let plan = state.plan_topic(topic_id(id), &topic).unwrap();
    state.apply(&plan.command).unwrap();
}

/// Applies the moves and completes them.
fn carry_out(state: &mut ClusterState, moves: Vec<Reassignment>) {
    let completed = moves.iter().map(|wanted| CompletedMove {
        topic: wanted.topic,
        partition: wanted.partition,
        epoch: wanted.epoch + 1,
    });
    let completed = CompleteMoves {
        moves: completed.collect(),
    };
    let reassign = Command::ReassignPartitions(ReassignPartitions { moves });
    state.apply(&reassign).unwrap();
    state.apply(&Command::CompleteMoves(completed)).unwrap();
}

/// (leaders, replicas) of each broker.
fn loads(state: &ClusterState) -> Vec<(u64, u64)> {
    let bearers = state.placement_candidates(&nobody());
    bearers.iter().map(|b| (b.leaders, b.replicas)).collect()
}

fn spread(counts: impl Iterator<Item = u64> + Clone) -> u64 {
    counts.clone().max().unwrap_or(0) - counts.min().unwrap_or(0)
}

fn distinct_racks(state: &ClusterState, replicas: &[ReplicaId]) -> usize {
    let racks = replicas.iter().filter_map(|replica| {
        let broker = state.broker_of_replica(*replica)?;
        // Brokers without one are each a rack of their own.
        Some(broker.rack.clone().unwrap_or(format!("of {}", broker.id)))
    });
    racks.collect::<BTreeSet<_>>().len()
}

#[test]
fn an_even_cluster_is_left_alone() {
    let mut state = cluster_of(3);
    create(&mut state, 1, 6, 3);
    assert_eq!(state.plan_rebalance(&nobody()), Ok(vec![]));
}

#[test]
fn a_new_broker_gets_its_share_and_no_more_is_moved_than_that() {
    let mut state = cluster_of(3);
    create(&mut state, 1, 40, 3);
    add(&mut state, 3, None);
    let moves = state.plan_rebalance(&nobody()).unwrap();
    let new = ReplicaId::new(3);
    let copied = moves.iter().filter(|m| m.replicas.contains(&new)).count();
    assert_eq!(copied, 30);
    carry_out(&mut state, moves);
    assert!(loads(&state).iter().all(|load| *load == (10, 30)));
    assert_eq!(state.plan_rebalance(&nobody()), Ok(vec![]));
}

#[test]
fn brokers_that_drain_or_cannot_be_reached_neither_give_nor_get() {
    let mut state = cluster_of(3);
    create(&mut state, 1, 9, 2);
    add(&mut state, 3, None);
    let three = BTreeSet::from([BrokerId::new(3)]);
    assert_eq!(state.plan_rebalance(&three), Ok(vec![]));
    let drain = crate::command::DrainBroker {
        broker: BrokerId::new(3),
        start_counter: 1,
    };
    state.apply(&Command::DrainBroker(drain)).unwrap();
    assert_eq!(state.plan_rebalance(&nobody()), Ok(vec![]));
}

#[test]
fn preferred_leaders_are_evened_by_reordering_alone() {
    let mut state = cluster_of(3);
    create(&mut state, 1, 6, 3);
    let all_on_0: Vec<_> = (0..6)
        .map(|index| Reassignment {
            topic: topic_id(1),
            partition: PartitionIndex::new(index),
            epoch: 0,
            replicas: [0, 1, 2].map(ReplicaId::new).to_vec(),
        })
        .filter(|wanted| {
            let topic = state.topic(wanted.topic).unwrap();
            topic.partition(wanted.partition).unwrap().replicas != wanted.replicas
        })
        .collect();
    carry_out(&mut state, all_on_0);
    let moves = state.plan_rebalance(&nobody()).unwrap();
    assert_eq!(moves.len(), 4);
    carry_out(&mut state, moves);
    assert!(loads(&state).iter().all(|load| *load == (2, 6)));
}

proptest! {
    #![proptest_config(seeded_properties())]

    #[test]
    fn whatever_there_was_is_even_afterwards_on_as_many_racks_and_in_one_go(
        racks in prop::collection::vec(prop::option::of(0u8..3), 2..7),
        topics in prop::collection::vec((1u32..30, 1u16..4), 1..5),
        late in 0usize..3,
    ) {
        let mut state = cluster_in(&racks);
        for (id, (partitions, replicas)) in (1..).zip(topics) {
            create(&mut state, id, partitions, replicas.min(racks.len() as u16));
        }
        for broker in 0..late {
            add(&mut state, (racks.len() + broker) as u32, racks[0]);
        }
        let before: BTreeMap<_, _> = state
            .topics()
            .flat_map(|topic| (0..).zip(topic.partitions()).map(|(i, p)| ((topic.id(), i), distinct_racks(&state, &p.replicas))))
            .collect();
        let moves = state.plan_rebalance(&nobody()).unwrap();
        carry_out(&mut state, moves);
        for topic in state.topics() {
            for (index, partition) in (0..).zip(topic.partitions()) {
                prop_assert!(distinct_racks(&state, &partition.replicas) >= before[&(topic.id(), index)]);
            }
        }
        let loads = loads(&state);
        if racks.iter().all(Option::is_none) {
            prop_assert!(spread(loads.iter().map(|load| load.1)) <= 1, "{:?}", loads);
        }
        prop_assert_eq!(state.plan_rebalance(&nobody()), Ok(vec![]));
    }

    #[test]
    fn a_broker_that_leaves_is_emptied_and_racks_stay_apart(
        brokers in 3u8..7,
        partitions in 1u32..40,
        replicas in 1u16..3,
        at_a_time in 1usize..10,
    ) {
        let racks: Vec<_> = (0..brokers).map(|broker| Some(broker % 3)).collect();
        let mut state = cluster_in(&racks);
        create(&mut state, 1, partitions, replicas);
        let leaves = BrokerId::new(1);
        state.apply(&Command::DecommissionBroker(leaves)).unwrap();
        let mut rounds = 0;
        loop {
            let moves = state.plan_decommission(leaves, &nobody(), at_a_time);
            if moves.is_empty() {
                break;
            }
            prop_assert!(moves.len() <= at_a_time);
            carry_out(&mut state, moves);
            rounds += 1;
            prop_assert!(rounds <= 100);
        }
        let state_after = state.broker(leaves).unwrap().state;
        prop_assert_eq!(state_after, crate::BrokerState::Decommissioned);
        let wanted = usize::from(replicas).min(if brokers == 3 { 2 } else { 3 });
        for partition in state.topic(topic_id(1)).unwrap().partitions() {
            prop_assert_eq!(distinct_racks(&state, &partition.replicas), wanted);
        }
    }
}
