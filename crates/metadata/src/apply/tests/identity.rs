//! The cluster's identity, limits and producer ids.

use super::*;
use crate::broker::BrokerState;

#[test]
fn nothing_applies_before_the_cluster_is_formed() {
    let mut state = ClusterState::new();
    let producer_ids = AllocateProducerIds {
        broker: BrokerId::new(0),
        count: 1,
    };
    for command in [
        Command::SetLimits(Limits::default()),
        register(0, 0, 1),
        Command::DeleteTopic(topic_id(1)),
        Command::AllocateProducerIds(producer_ids),
    ] {
        assert_eq!(refused(&mut state, &command), Refusal::NotFormed);
    }
    let planned = state.plan_topic(topic_id(1), &new_topic("a", 1));
    assert_eq!(planned, Err(Refusal::NotFormed));
}

#[test]
fn a_cluster_forms_once_and_keeps_its_id() {
    let mut state = ClusterState::new();
    let outcome = state.apply(&form(3, Limits::default())).unwrap();
    assert_eq!(outcome.effects, [Effect::ClusterFormed]);
    assert_eq!(state.cluster(), Some(cluster_id()));
    repeated(&mut state, &form(3, Limits::default()));
    let theirs = ClusterId::from_bytes([9; 16]);
    let other = Command::FormCluster(FormCluster {
        cluster: theirs,
        initial_brokers: 1,
        limits: Limits::default(),
    });
    let ours = cluster_id();
    assert_eq!(
        refused(&mut state, &other),
        Refusal::OtherCluster { ours, theirs }
    );
}

#[test]
fn a_peer_is_judged_by_its_disk_its_start_and_whether_its_broker_has_left() {
    let mut state = cluster_of(4);
    state.apply(&register(1, 1, 7)).unwrap();
    let judge = |state: &ClusterState, broker: u32, disk: u8, start, replica| {
        let (broker, disk) = (BrokerId::new(broker), DiskId::from_bytes([disk; 16]));
        let epoch = DiskEpoch {
            number: start,
            nonce: start,
        };
        state.judge_peer(broker, disk, (start, epoch), ReplicaId::new(replica))
    };
    assert_eq!(judge(&state, 1, 1, 7, 1), Ok(()));
    let (broker, disk) = (BrokerId::new(1), DiskId::from_bytes([1; 16]));
    let epoch = DiskEpoch {
        number: 7,
        nonce: 0,
    };
    let copy = state.judge_peer(broker, disk, (8, epoch), ReplicaId::new(1));
    assert!(
        matches!(copy, Err(Refusal::OtherCopyOfDisk { .. })),
        "a copy of the start before"
    );
    assert_eq!(judge(&state, 1, 1, 8, 1), Ok(()), "not known here yet");
    let older = judge(&state, 1, 1, 6, 1);
    assert!(matches!(older, Err(Refusal::OlderCopyOfDisk { .. })));
    let foreign = judge(&state, 1, 2, 8, 1);
    assert!(matches!(foreign, Err(Refusal::DiskOfOtherBroker { .. })));
    let unknown = judge(&state, 1, 9, 1, 1);
    assert!(matches!(unknown, Err(Refusal::DiskWasReplaced { .. })));
    assert_eq!(judge(&state, 1, 9, 1, 4), Ok(()), "it may be the newer one");
    assert_eq!(judge(&state, 7, 7, 1, 7), Ok(()), "it may have joined");
    state.apply(&register(1, 9, 1)).unwrap();
    for broker in [1, 5] {
        let replaced = judge(&state, broker, 1, 8, 9);
        assert!(matches!(replaced, Err(Refusal::DiskWasReplaced { .. })));
    }
    let leaver = BrokerId::new(2);
    let start = state.broker(leaver).unwrap().start_counter;
    state.apply(&Command::DecommissionBroker(leaver)).unwrap();
    assert_eq!(
        state.broker(leaver).unwrap().state,
        BrokerState::Decommissioned
    );
    assert_eq!(judge(&state, 2, 2, start, 2), Ok(()), "it runs still");
    let back = judge(&state, 2, 2, start + 1, 2);
    assert!(matches!(back, Err(Refusal::IsLeaving { .. })));
}

#[test]
fn a_cluster_of_no_or_too_many_brokers_is_refused() {
    let mut state = ClusterState::new();
    for wanted in [0, 101] {
        assert_eq!(
            refused(&mut state, &form(wanted, Limits::default())),
            Refusal::BadInitialBrokers { wanted, limit: 100 }
        );
    }
}

#[test]
fn a_limit_of_zero_or_above_its_ceiling_is_refused() {
    let mut state = cluster_of(1);
    for wanted in [0, Limits::CEILING.topics + 1] {
        let limits = Limits {
            topics: wanted,
            ..Limits::default()
        };
        assert_eq!(
            refused(&mut state, &Command::SetLimits(limits)),
            Refusal::LimitOutOfBounds {
                name: "topics".to_owned(),
                wanted,
                ceiling: Limits::CEILING.topics
            }
        );
    }
    state.apply(&Command::SetLimits(Limits::CEILING)).unwrap();
    assert_eq!(state.limits(), Limits::CEILING);
}

#[test]
fn producer_id_blocks_never_overlap() {
    let mut state = cluster_of(1);
    let mut next = 0;
    for count in [1, 1000, 7] {
        let command = AllocateProducerIds {
            broker: BrokerId::new(0),
            count,
        };
        let outcome = state.apply(&Command::AllocateProducerIds(command)).unwrap();
        let first = model::ProducerId::new(next);
        assert_eq!(outcome.answer, Answer::ProducerIds { first, count });
        next += count;
    }
}

#[test]
fn bad_producer_id_blocks_are_refused() {
    let mut state = cluster_of(1);
    let allocate = |broker, count| {
        Command::AllocateProducerIds(AllocateProducerIds {
            broker: BrokerId::new(broker),
            count,
        })
    };
    for wanted in [0, 1_000_001] {
        let limit = 1_000_000;
        assert_eq!(
            refused(&mut state, &allocate(0, wanted)),
            Refusal::BadProducerIdCount { wanted, limit }
        );
    }
    let broker = BrokerId::new(5);
    assert_eq!(
        refused(&mut state, &allocate(5, 1)),
        Refusal::UnknownBroker { broker }
    );
    state.next_producer = crate::limits::PRODUCER_ID_END - 3;
    assert_eq!(
        refused(&mut state, &allocate(0, 4)),
        Refusal::ProducerIdsExhausted { wanted: 4, left: 3 }
    );
    assert!(state.apply(&allocate(0, 3)).is_ok());
}

#[test]
fn an_empty_disk_never_gets_the_replica_id_with_which_the_cluster_formed() {
    let mut state = ClusterState::new();
    state.apply(&form(3, Limits::default())).unwrap();
    let Command::RegisterBroker(mut command) = register(1, 1, 1) else {
        panic!("register builds another command");
    };
    // The disk that promised to be replica 1 may have voted; then it was lost, before it was registered.
    command.bears = None;
    let command = Command::RegisterBroker(command);
    let issued = Answer::BrokerRegistered {
        replica: ReplicaId::new(3),
        replaced: None,
    };
    assert_eq!(state.apply(&command).unwrap().answer, issued);
    assert_eq!(state.apply(&command).unwrap().answer, issued);
}
