//! Registering brokers: replica ids, disks, start counters.

use super::*;

fn registered(outcome: Result<Outcome, Refusal>) -> (u64, Option<u64>) {
    match outcome.unwrap().answer {
        Answer::BrokerRegistered { replica, replaced } => {
            (replica.get(), replaced.map(ReplicaId::get))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn first_disks_get_their_brokers_numbers_in_whatever_order_they_come() {
    let mut state = ClusterState::new();
    state.apply(&form(3, Limits::default())).unwrap();
    for broker in [2, 0, 1] {
        let command = register(u32::from(broker), broker, 1);
        assert_eq!(registered(state.apply(&command)), (u64::from(broker), None));
    }
    assert_eq!(registered(state.apply(&register(7, 7, 1))), (3, None));
}

#[test]
fn a_new_disk_gets_a_new_replica_id_and_no_id_comes_twice() {
    let mut state = cluster_of(2);
    assert_eq!(registered(state.apply(&register(0, 10, 1))), (2, Some(0)));
    assert_eq!(registered(state.apply(&register(0, 11, 1))), (3, Some(2)));
    assert_eq!(registered(state.apply(&register(5, 12, 1))), (4, None));
    assert_eq!(state.broker_of_replica(ReplicaId::new(0)), None);
    let bearer = state.broker_of_replica(ReplicaId::new(3)).unwrap();
    assert_eq!(bearer.id, BrokerId::new(0));
}

#[test]
fn replacing_a_disk_retires_its_replica() {
    let mut state = cluster_of(1);
    let broker = BrokerId::new(0);
    assert_eq!(
        state.apply(&register(0, 10, 1)).unwrap().effects,
        [
            Effect::BrokerChanged { broker },
            Effect::ReplicaRetired {
                broker,
                replica: ReplicaId::new(0)
            }
        ]
    );
}

#[test]
fn a_replaced_disk_does_not_come_back() {
    let mut state = cluster_of(1);
    state.apply(&register(0, 10, 1)).unwrap();
    let disk = DiskId::from_bytes([0; 16]);
    for presenter in [0, 1] {
        assert_eq!(
            refused(&mut state, &register(presenter, 0, 99)),
            Refusal::DiskWasReplaced {
                disk,
                broker: BrokerId::new(0)
            }
        );
    }
}

#[test]
fn a_start_counter_that_goes_back_is_an_older_copy_of_the_disk() {
    let mut state = cluster_of(1);
    assert_eq!(registered(state.apply(&register(0, 0, 5))), (0, None));
    repeated(&mut state, &register(0, 0, 5));
    assert_eq!(
        refused(&mut state, &register(0, 0, 4)),
        Refusal::OlderCopyOfDisk {
            broker: BrokerId::new(0),
            disk: DiskId::from_bytes([0; 16]),
            known: 5,
            presented: 4
        }
    );
}

#[test]
fn an_older_copy_of_a_disk_is_refused_however_often_it_is_started() {
    let mut state = cluster_of(1);
    let epoch = |number, nonce| DiskEpoch { number, nonce };
    // A copy is taken while start 2 runs; the disk goes on with start 3.
    state.apply(&register_as(0, 0, 2, epoch(2, 20))).unwrap();
    state.apply(&register_as(0, 0, 3, epoch(3, 30))).unwrap();
    // The copy is started in its place, again and again: its start counter goes past the one that is known.
    for start in 3..6 {
        assert_eq!(
            refused(&mut state, &register_as(0, 0, start, epoch(3, 31))),
            Refusal::OtherCopyOfDisk {
                broker: BrokerId::new(0),
                disk: DiskId::from_bytes([0; 16]),
                known: 3,
                presented: 3
            }
        );
    }
    // The disk itself, whose start died before it heard that it was taken; and the start behind it.
    state.apply(&register_as(0, 0, 4, epoch(3, 30))).unwrap();
    state.apply(&register_as(0, 0, 5, epoch(4, 40))).unwrap();
    let old = refused(&mut state, &register_as(0, 0, 9, epoch(3, 30)));
    assert!(matches!(old, Refusal::OtherCopyOfDisk { .. }), "{old}");
}

#[test]
fn a_disk_of_another_broker_is_refused() {
    let mut state = cluster_of(2);
    assert_eq!(
        refused(&mut state, &register(0, 1, 9)),
        Refusal::DiskOfOtherBroker {
            disk: DiskId::from_bytes([1; 16]),
            owner: BrokerId::new(1),
            broker: BrokerId::new(0)
        }
    );
}

#[test]
fn late_brokers_leave_room_for_initial_ones() {
    let limits = Limits {
        brokers: 3,
        ..Limits::default()
    };
    let mut state = ClusterState::new();
    state.apply(&form(2, limits)).unwrap();
    state.apply(&register(7, 7, 1)).unwrap();
    assert_eq!(
        refused(&mut state, &register(8, 8, 1)),
        Refusal::TooManyBrokers {
            broker: BrokerId::new(8),
            limit: 3
        }
    );
    state.apply(&register(0, 0, 1)).unwrap();
    state.apply(&register(1, 1, 1)).unwrap();
    assert_eq!(state.brokers().len(), 3);
}

#[test]
fn an_endless_address_is_refused() {
    let mut state = cluster_of(1);
    let Command::RegisterBroker(mut command) = register(0, 0, 2) else {
        panic!("register builds another command");
    };
    command.rack = Some("r".repeat(513));
    assert_eq!(
        refused(&mut state, &Command::RegisterBroker(command)),
        Refusal::AddressTooLong {
            broker: BrokerId::new(0),
            what: "rack".to_owned(),
            bytes: 513,
            limit: 512
        }
    );
}
