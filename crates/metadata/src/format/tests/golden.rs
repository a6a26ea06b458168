//! Bytes written once and for all: a change here is a change of the format.

use model::TopicId;

use super::*;
use crate::apply::tests::register_as;
use crate::command::FormCluster;
use crate::refusal::Refusal;

/// Letters and texts as they are, other bytes as `.`, so that the layout can be seen.
fn readable(bytes: &[u8]) -> String {
    let shown = |byte: &u8| match byte {
        b' '..=b'~' => char::from(*byte),
        _ => '.',
    };
    bytes.iter().map(shown).collect()
}

#[test]
fn a_command_has_these_bytes() {
    let command = Command::FormCluster(FormCluster {
        cluster: cluster_id(),
        initial_brokers: 3,
        limits: Limits {
            partitions_per_topic: 1,
            partitions: 2,
            topics: 0x0102_0304,
            brokers: 4,
        },
    });
    let mut wanted = b"SMC\x05".to_vec();
    wanted.extend(b"l\x02\0\0\0n\x01\0\0\0\0\0\0\0"); // variant 1: FormCluster
    wanted.extend(b"l\x03\0\0\0"); // its three fields
    wanted.extend(b"b\x10\0\0\0");
    wanted.extend([0xc1; 16]);
    wanted.extend(b"n\x03\0\0\0\0\0\0\0");
    wanted.extend(b"l\x04\0\0\0");
    wanted.extend(b"n\x01\0\0\0\0\0\0\0n\x02\0\0\0\0\0\0\0");
    wanted.extend(b"n\x04\x03\x02\x01\0\0\0\0n\x04\0\0\0\0\0\0\0");
    assert_eq!(command.encode().unwrap(), wanted);
    assert_eq!(Command::decode(&wanted), Ok(command));
}

#[test]
fn an_absent_rack_is_one_byte() {
    let bytes = register(7, 0, 1).encode().unwrap();
    assert_eq!(
        readable(&bytes),
        "SMC.l....n........l....n........b....................n........\
         t....broker-7:7700t....broker-7:7701-n........l....n........n........"
    );
}

#[test]
fn a_refusal_has_these_bytes() {
    let id = TopicId::from_bytes([7; 16]);
    let refusal = Err(Refusal::TopicExists {
        name: name("ab"),
        id,
    });
    let mut wanted = b"SMA\x05".to_vec();
    wanted.extend(b"l\x02\0\0\0n\x01\0\0\0\0\0\0\0"); // refused
    wanted.extend(b"l\x03\0\0\0n\x0d\0\0\0\0\0\0\0"); // variant 13 with two fields
    wanted.extend(b"t\x02\0\0\0ab");
    wanted.extend(b"b\x10\0\0\0");
    wanted.extend([7; 16]);
    assert_eq!(encode_answer(&refusal), wanted);
    assert_eq!(decode_answer(&wanted), Ok(refusal));
}

fn number(n: u64) -> Vec<u8> {
    [&b"n"[..], &n.to_le_bytes()].concat()
}

fn id(byte: u8) -> Vec<u8> {
    [&b"b\x10\0\0\0"[..], &[byte; 16]].concat()
}

fn text(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap().to_le_bytes();
    [&b"t"[..], &length, text.as_bytes()].concat()
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let count = u32::try_from(items.len()).unwrap().to_le_bytes();
    [&b"l"[..], &count, &items.concat()].concat()
}

/// What versions have added to a partition, one after the other, of one that has never moved: nothing removed, epoch 0,
/// settled epoch 0, nothing moved from, one replica on the broker, no doubts.
fn unmoved() -> [Vec<u8>; 6] {
    [
        list(&[]),
        number(0),
        number(0),
        list(&[]),
        number(1),
        list(&[]),
    ]
}

/// The epoch that brokers of these tests present at their first start.
fn first_epoch() -> Vec<u8> {
    list(&[number(1), number(1)])
}

/// A registration as versions have written it that know no epochs.
fn registration_without_epoch(version: u8) -> (Vec<u8>, Command) {
    let epoch = list(&[number(2), number(2)]);
    let mut command = register(0, 0, 2).encode().unwrap().to_vec();
    command[3] = version;
    command[19] = 7;
    command.truncate(command.len() - epoch.len());
    let read = register_as(0, 0, 2, model::DiskEpoch::default());
    (command, read)
}

/// The snapshot of a cluster of one broker with one topic of one partition; `broker_rest` is what versions have added
/// to a broker.
fn snapshot(version: u8, broker_rest: &[Vec<u8>], moves: &[Vec<u8>]) -> Vec<u8> {
    let limits = [10_000, 200_000, 100_000, 100].map(number);
    let broker = [
        number(0),
        id(0),
        number(0),
        number(1),
        text("broker-0:7700"),
        text("broker-0:7701"),
        b"-".to_vec(),
    ];
    let broker = [&broker[..], broker_rest].concat();
    let partition = [&[list(&[number(0)])][..], moves].concat();
    let topic = [
        id(5),
        text("t"),
        number(1),
        list(&[list(&partition)]),
        list(&[]),
    ];
    let state = list(&[
        list(&[id(0xc1), number(1), list(&limits)]),
        list(&[list(&broker)]),
        list(&[]),
        number(1),
        list(&[list(&topic)]),
        list(&[]),
        number(0),
    ]);
    [&[b'S', b'M', b'S', version][..], &state].concat()
}

#[test]
fn a_snapshot_has_these_bytes() {
    let mut state = cluster_of(1);
    create(&mut state, 5, "t", 1).unwrap();
    let active = list(&[number(1)]);
    let moves = unmoved();
    let rest = [active, first_epoch()];
    assert_eq!(state.encode_snapshot(), snapshot(5, &rest, &moves));
}

/// What versions have stored that know no epochs.
fn without_epochs(mut state: ClusterState) -> ClusterState {
    let brokers = state.brokers.values_mut();
    brokers.for_each(|broker| broker.epoch = model::DiskEpoch::default());
    state
}

/// The state in that snapshot, as versions know it that do not say among how many others a partition was created.
fn without_neighbours() -> ClusterState {
    let mut state = cluster_of(1);
    create(&mut state, 5, "t", 1).unwrap();
    let mut topic = state.remove_topic(topic_id(5)).unwrap().as_ref().clone();
    topic.partitions_mut().for_each(|one| one.neighbours = 0);
    state.insert_topic(topic);
    without_epochs(state)
}

#[test]
fn what_version_2_has_written_is_read() {
    let active = list(&[number(1)]);
    assert_eq!(
        ClusterState::decode_snapshot(&snapshot(2, &[active], &unmoved()[..4])),
        Ok(without_neighbours())
    );
}

#[test]
fn what_version_3_has_written_is_read() {
    let mut state = cluster_of(1);
    create(&mut state, 5, "t", 1).unwrap();
    let active = list(&[number(1)]);
    let stored = snapshot(3, &[active], &unmoved()[..5]);
    let state = without_epochs(state);
    assert_eq!(ClusterState::decode_snapshot(&stored), Ok(state));
    let (command, read) = registration_without_epoch(3);
    assert_eq!(Command::decode(&command), Ok(read));
}

#[test]
fn what_version_4_has_written_is_read() {
    let mut state = cluster_of(1);
    create(&mut state, 5, "t", 1).unwrap();
    let active = list(&[number(1)]);
    let moves = unmoved();
    let stored = snapshot(4, &[active], &moves);
    let mut state = without_epochs(state);
    assert_eq!(ClusterState::decode_snapshot(&stored), Ok(state.clone()));
    let (command, read) = registration_without_epoch(4);
    assert_eq!(Command::decode(&command), Ok(read));
    // A disk whose epochs were not counted goes on with the first one that is.
    state.apply(&register(0, 0, 2)).unwrap();
}

#[test]
fn a_doubt_has_these_bytes() {
    let mut state = cluster_of(1);
    create(&mut state, 5, "t", 1).unwrap();
    let doubt = crate::command::NotedDoubt {
        topic: topic_id(5),
        partition: model::PartitionIndex::new(0),
        since: 7,
    };
    let command = Command::NoteDoubts(crate::command::NoteDoubts {
        replica: model::ReplicaId::new(0),
        arisen: vec![doubt],
        ended: Vec::new(),
    });
    let noted = list(&[id(5), number(0), number(7)]);
    let fields = [number(0), list(&[noted]), list(&[])];
    let item = list(&[number(15), list(&fields)]);
    assert_eq!(command.encode().unwrap(), [&b"SMC\x05"[..], &item].concat());
    state.apply(&command).unwrap();
    let active = list(&[number(1)]);
    let open = list(&[number(0), number(7), list(&[number(1)])]);
    let moves = [
        list(&[]),
        number(0),
        number(0),
        list(&[]),
        number(1),
        list(&[open]),
    ];
    let rest = [active, first_epoch()];
    assert_eq!(state.encode_snapshot(), snapshot(5, &rest, &moves));
}

#[test]
fn what_version_1_has_written_is_read() {
    let state = without_neighbours();
    assert_eq!(
        ClusterState::decode_snapshot(&snapshot(1, &[], &[])),
        Ok(state.clone())
    );
    let (mut command, read) = registration_without_epoch(1);
    // One field less: the replica id that the disk bears.
    command[19] = 6;
    command.truncate(command.len() - number(0).len());
    assert_eq!(Command::decode(&command), Ok(read));
    let planned = state.plan_partitions(&name("t"), 3).unwrap();
    let mut command = planned.encode().unwrap().to_vec();
    command[3] = 1;
    assert_eq!(Command::decode(&command), Ok(planned));
}

#[test]
fn a_move_has_these_bytes() {
    let mut state = cluster_of(2);
    let wanted = crate::command::Reassignment {
        topic: topic_id(5),
        partition: model::PartitionIndex::new(0),
        epoch: 0,
        replicas: vec![model::ReplicaId::new(1)],
    };
    let mut topic = crate::apply::tests::new_topic("t", 1);
    topic.replication_factor = Some(1);
    let plan = state.plan_topic(topic_id(5), &topic).unwrap();
    state.apply(&plan.command).unwrap();
    let moves = vec![wanted];
    let command = Command::ReassignPartitions(crate::command::ReassignPartitions { moves });
    let fields = [id(5), number(0), number(0), list(&[number(1)])];
    let item = list(&[number(9), list(&[list(&[list(&fields)])])]);
    assert_eq!(command.encode().unwrap(), [&b"SMC\x05"[..], &item].concat());
    state.apply(&command).unwrap();
    // Replica 1 shall have it, 0 goes, epoch 1, none settled, moved from 0; one replica for two brokers.
    let partition = list(&[
        list(&[number(1)]),
        list(&[number(0)]),
        number(1),
        number(0),
        list(&[number(0)]),
        number(1),
        list(&[]),
    ]);
    let bytes = state.encode_snapshot();
    assert!(bytes.windows(partition.len()).any(|at| at == partition));
}
