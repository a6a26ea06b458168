use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::test_seed::seeded_properties;

fn candidates(racks: &[Option<&str>]) -> Vec<Candidate> {
    (0..)
        .zip(racks)
        .map(|(id, rack)| Candidate {
            replica: ReplicaId::new(id),
            is_avoided: false,
            rack: rack.map(str::to_owned),
            leaders: 0,
            replicas: 0,
        })
        .collect()
}

fn factor(replicas: u16) -> ReplicationFactor {
    ReplicationFactor::new(replicas).unwrap()
}

/// (leaders, replicas) by replica id.
fn load(placed: &[Placement]) -> BTreeMap<ReplicaId, (u64, u64)> {
    let mut load = BTreeMap::new();
    for partition in placed {
        for (place, replica) in partition.replicas.iter().enumerate() {
            let (leaders, replicas): &mut (u64, u64) = load.entry(*replica).or_default();
            *leaders += u64::from(place == 0);
            *replicas += 1;
        }
    }
    load
}

#[test]
fn one_broker_bears_everything() {
    let placed = place(candidates(&[None]), 3, ReplicationFactor::ONE).unwrap();
    assert_eq!(placed.len(), 3);
    assert!(placed.iter().all(|p| p.replicas == [ReplicaId::new(0)]));
}

#[test]
fn fewer_brokers_than_replicas_cannot_be_placed_on() {
    assert_eq!(place(candidates(&[None, None]), 1, factor(3)), None);
    assert_eq!(place(Vec::new(), 1, ReplicationFactor::ONE), None);
}

#[test]
fn each_rack_gets_one_replica_where_there_are_enough_racks() {
    let racks = [
        Some("a"),
        Some("a"),
        Some("b"),
        Some("b"),
        Some("c"),
        Some("c"),
    ];
    let brokers = candidates(&racks);
    for partition in place(brokers.clone(), 100, factor(3)).unwrap() {
        let mut racks: Vec<_> = partition
            .replicas
            .iter()
            .map(|replica| {
                let bearer = brokers.iter().find(|b| b.replica == *replica).unwrap();
                bearer.rack.clone().unwrap()
            })
            .collect();
        racks.sort();
        assert_eq!(racks, ["a", "b", "c"]);
    }
}

#[test]
fn a_loaded_broker_is_spared() {
    let mut brokers = candidates(&[None, None]);
    brokers[0].leaders = 10;
    brokers[0].replicas = 10;
    let placed = place(brokers, 10, ReplicationFactor::ONE).unwrap();
    assert!(placed.iter().all(|p| p.replicas == [ReplicaId::new(1)]));
}

proptest! {
    #![proptest_config(seeded_properties())]

    #[test]
    fn replicas_are_distinct_and_spread_evenly(
        brokers in 1usize..12,
        partitions in 1u32..200,
        replicas in 1u16..6,
    ) {
        prop_assume!(usize::from(replicas) <= brokers);
        let placed = place(candidates(&vec![None; brokers]), partitions, factor(replicas)).unwrap();
        prop_assert_eq!(placed.len() as u32, partitions);
        for partition in &placed {
            let mut distinct = partition.replicas.clone();
            distinct.sort_unstable();
            distinct.dedup();
            prop_assert_eq!(distinct.len(), usize::from(replicas));
        }
        let load = load(&placed);
        let of = |id: u64| load.get(&ReplicaId::new(id)).copied().unwrap_or_default();
        let each: Vec<_> = (0..brokers as u64).map(of).collect();
        let leaders = each.iter().map(|(leaders, _)| *leaders);
        let borne = each.iter().map(|(_, replicas)| *replicas);
        prop_assert!(leaders.clone().max().unwrap() - leaders.min().unwrap() <= 1);
        prop_assert!(borne.clone().max().unwrap() - borne.min().unwrap() <= 2, "{:?}", each);
    }
}
