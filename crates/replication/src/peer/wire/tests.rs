use bytes::{Bytes, BytesMut};
use model::{BrokerId, ClusterId, DiskEpoch, DiskId, PartitionIndex, ReplicaId, TopicId};

use super::*;
use crate::peer::{Membership, RequestKind};

const LIMIT: usize = 1 << 20;

fn request(head: usize, entries: &[usize]) -> PeerRequest {
    PeerRequest {
        group: GroupId::Log {
            topic: TopicId::from_bytes([3; 16]),
            partition: PartitionIndex::new(4),
        },
        kind: RequestKind::Append,
        head: Bytes::from(vec![1; head]),
        entries: entries
            .iter()
            .map(|length| Bytes::from(vec![2; *length]))
            .collect(),
    }
}

fn messages() -> Vec<Message> {
    let cluster = ClusterId::from_bytes([9; 16]);
    let promise = Promise {
        cluster,
        initial_brokers: 3,
    };
    let member = |initial_brokers| {
        Standing::Member(Membership {
            cluster,
            replica: ReplicaId::new(7),
            initial_brokers,
        })
    };
    let round = Round {
        sitting: 4,
        number: 2,
    };
    let hello = Hello {
        protocol: 1,
        cluster_name: "sea".to_owned(),
        broker: BrokerId::new(2),
        disk: DiskId::from_bytes([8; 16]),
        start_counter: 5,
        epoch: DiskEpoch {
            number: 4,
            nonce: 0x0123_4567_89ab_cdef,
        },
        standing: member(None),
        initial_brokers: 3,
        advertised_peer: "a:1".to_owned(),
        advertised_grpc: "b:2".to_owned(),
    };
    let reply = PeerReply {
        head: Bytes::from_static(b"head"),
        entries: vec![Bytes::from(vec![5; 9_000]), Bytes::new()],
    };
    let leadership = Leadership {
        term: 3,
        leader: Some(ReplicaId::new(0)),
        in_sync: vec![ReplicaId::new(0), ReplicaId::new(300)],
    };
    let no_leader = Leadership {
        term: 4,
        leader: None,
        in_sync: Vec::new(),
    };
    vec![
        Message::Hello(hello),
        Message::Refusal {
            reason: "no".to_owned(),
        },
        Message::Request(1, request(0, &[])),
        Message::Request(u64::MAX, request(40, &[10, 5_000, 4_096, 4_097, 0])),
        Message::Reply(2, Answer::Reply(reply)),
        Message::Reply(3, Answer::Refused("because".into())),
        Message::Reply(4, Answer::NoSuchGroup),
        Message::Reply(5, Answer::Dropped),
        Message::Reply(6, Answer::TooLarge(77)),
        Message::Heartbeats(vec![(1, request(10, &[])), (2, request(0, &[]))]),
        Message::HeartbeatReplies(vec![(1, Answer::NoSuchGroup), (2, Answer::Dropped)]),
        Message::Standing {
            standing: Standing::Empty,
            round: None,
        },
        Message::Standing {
            standing: Standing::Promised(promise),
            round: Some(round),
        },
        Message::Standing {
            standing: member(Some(3)),
            round: None,
        },
        Message::PromiseAsked { promise, round },
        Message::Leaders {
            begins: true,
            leaders: vec![
                (GroupId::METADATA, leadership),
                (GroupId::State(1), no_leader),
            ],
        },
        Message::Numbers(BrokerNumbers {
            disk_bytes: 1,
            replicas: 2,
            leaders: 3,
            draining: true,
        }),
    ]
}

fn written(messages: Vec<Message>) -> Bytes {
    let mut writer = Writer::default();
    messages
        .into_iter()
        .for_each(|message| writer.write(message));
    let bytes = writer.bytes();
    let pieces: BytesMut = writer.finish().into_iter().flatten().collect();
    assert_eq!(pieces.len(), bytes);
    pieces.freeze()
}

#[test]
fn every_message_reads_back_wherever_the_stream_is_cut() {
    let stream = written(messages());
    for part in [1, 2, 3, 5, 7, 1_000, 5_000, stream.len()] {
        let (mut framing, mut found) = (Framing::new(LIMIT), Vec::new());
        for part in stream.chunks(part) {
            framing.feed(Bytes::copy_from_slice(part));
            while let Some(frame) = framing.take().unwrap() {
                found.push(decode(frame).unwrap());
            }
        }
        assert_eq!(found, messages(), "parts of {part} bytes");
    }
}

#[test]
fn no_cut_and_no_flipped_bit_of_a_frame_panics() {
    for message in messages() {
        let frame = written(vec![message]).slice(PREFIX_BYTES..);
        for cut in 0..frame.len().min(300) {
            let _ = decode(frame.slice(..cut));
        }
        for bit in 0..frame.len().min(200) * 8 {
            let mut flipped = frame.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let _ = decode(flipped.into());
        }
    }
}

#[test]
fn large_entries_leave_and_arrive_without_a_copy() {
    let request = request(10, &[100_000]);
    let entry = request.entries[0].clone();
    let mut writer = Writer::default();
    writer.write(Message::Request(1, request));
    let pieces = writer.finish();
    assert!(pieces.iter().any(|piece| piece.as_ptr() == entry.as_ptr()));

    let stream: BytesMut = pieces.into_iter().flatten().collect();
    let stream = stream.freeze();
    let mut framing = Framing::new(LIMIT);
    framing.feed(stream.clone());
    let frame = framing.take().unwrap().unwrap();
    let Ok(Message::Request(_, arrived)) = decode(frame) else {
        panic!("no request");
    };
    let range = stream.as_ptr_range();
    assert!(range.contains(&arrived.entries[0].as_ptr()));
}

#[test]
fn a_frame_above_the_limit_or_of_too_many_parts_is_refused_before_it_takes_memory() {
    let mut framing = Framing::new(8);
    framing.feed(Bytes::from_static(&[0, 0, 0, 0, 9]));
    assert!(framing.take().is_err());
    let mut framing = Framing::new(8);
    framing.feed(Bytes::from_static(&[1, 0, 0, 0, 1, 0]));
    assert!(framing.take().is_err());

    // Request, entries of no bytes: two bytes each, and far more in memory.
    let many = written(vec![Message::Request(1, request(0, &vec![0; 300_000]))]);
    assert_eq!(
        decode(many.slice(PREFIX_BYTES..)),
        Err(Malformed::TooManyParts)
    );
    // The same inside of a heartbeat.
    let many_request = request(0, &vec![0; 300_000]);
    let nested = written(vec![Message::Heartbeats(vec![(1, many_request)])]);
    assert_eq!(
        decode(nested.slice(PREFIX_BYTES..)),
        Err(Malformed::TooManyParts)
    );
    // Behind a group, which prost steps over.
    let inside = many.slice(PREFIX_BYTES..);
    let grouped: Vec<u8> = [0xa3, 0x06, 0xa4, 0x06].into_iter().chain(inside).collect();
    assert_eq!(decode(grouped.into()), Err(Malformed::TooManyParts));
}
