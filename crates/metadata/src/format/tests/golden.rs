//! Bytes written once and for all: a change here is a change of the format.

use model::TopicId;

use super::*;
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
    let mut wanted = b"SMC\x01".to_vec();
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
         t....broker-7:7700t....broker-7:7701-"
    );
}

#[test]
fn a_refusal_has_these_bytes() {
    let id = TopicId::from_bytes([7; 16]);
    let refusal = Err(Refusal::TopicExists {
        name: name("ab"),
        id,
    });
    let mut wanted = b"SMA\x01".to_vec();
    wanted.extend(b"l\x02\0\0\0n\x01\0\0\0\0\0\0\0"); // refused
    wanted.extend(b"l\x03\0\0\0n\x0d\0\0\0\0\0\0\0"); // variant 13 with two fields
    wanted.extend(b"t\x02\0\0\0ab");
    wanted.extend(b"b\x10\0\0\0");
    wanted.extend([7; 16]);
    assert_eq!(encode_answer(&refusal), wanted);
    assert_eq!(decode_answer(&wanted), Ok(refusal));
}

#[test]
fn a_snapshot_has_these_bytes() {
    let mut state = cluster_of(1);
    create(&mut state, 5, "t", 1).unwrap();
    let number = |n: u64| [&b"n"[..], &n.to_le_bytes()].concat();
    let id = |byte: u8| [&b"b\x10\0\0\0"[..], &[byte; 16]].concat();
    let text = |text: &str| {
        let length = u32::try_from(text.len()).unwrap().to_le_bytes();
        [&b"t"[..], &length, text.as_bytes()].concat()
    };
    let list = |items: &[Vec<u8>]| {
        let count = u32::try_from(items.len()).unwrap().to_le_bytes();
        [&b"l"[..], &count, &items.concat()].concat()
    };
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
    let partition = list(&[list(&[number(0)])]);
    let topic = [id(5), text("t"), number(1), list(&[partition]), list(&[])];
    let wanted = list(&[
        list(&[id(0xc1), number(1), list(&limits)]),
        list(&[list(&broker)]),
        list(&[]),
        number(1),
        list(&[list(&topic)]),
        list(&[]),
        number(0),
    ]);
    assert_eq!(state.encode_snapshot(), [&b"SMS\x01"[..], &wanted].concat());
}
