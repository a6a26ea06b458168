//! Writes frames, in pieces: what prost writes, and between it the large entries as they are.

use std::collections::VecDeque;
use std::mem;

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use rpc::internal as wire;
use rpc::internal::frame::Body;

use super::{Answer, COPIED_BYTES_MAX, Message, PREFIX_BYTES};
use crate::peer::forming::Round;
use crate::peer::{GroupId, Hello, Leadership, PeerReply, PeerRequest, Standing};

/// `entries` of Request and of Reply.
const ENTRIES_FIELD: u32 = 5;
/// `request` of Frame.
const REQUEST_FIELD: u32 = 3;
/// `reply` of Frame.
const REPLY_FIELD: u32 = 4;

/// Gathers frames into pieces of bytes.
#[derive(Default)]
pub(in crate::peer) struct Writer {
    pieces: VecDeque<Bytes>,
    head: BytesMut,
    bytes: usize,
    frames: usize,
}

impl Writer {
    /// The bytes written so far.
    pub(in crate::peer) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The frames written so far.
    pub(in crate::peer) fn frames(&self) -> usize {
        self.frames
    }

    /// What was written.
    pub(in crate::peer) fn finish(mut self) -> VecDeque<Bytes> {
        if !self.head.is_empty() {
            self.pieces.push_back(self.head.freeze());
        }
        self.pieces
    }

    /// Writes a frame.
    pub(in crate::peer) fn write(&mut self, message: Message) {
        match message {
            Message::Request(correlation, mut request) => {
                let entries = mem::take(&mut request.entries);
                let request = to_request(correlation, request);
                self.with_entries(REQUEST_FIELD, &request, &entries);
            }
            Message::Reply(correlation, Answer::Reply(mut reply)) => {
                let entries = mem::take(&mut reply.entries);
                let reply = to_reply(correlation, Answer::Reply(reply));
                self.with_entries(REPLY_FIELD, &reply, &entries);
            }
            other => {
                let frame = wire::Frame {
                    body: Some(to_body(other)),
                };
                self.begin(frame.encoded_len());
                frame.encode_raw(&mut self.head);
            }
        }
    }

    /// A frame whose body, in this field, is a message without its entries, and its entries.
    fn with_entries(&mut self, field: u32, message: &impl prost::Message, entries: &[Bytes]) {
        let of_entries: usize = entries
            .iter()
            .map(|entry| field_bytes(ENTRIES_FIELD, entry.len()))
            .sum();
        let body = message.encoded_len() + of_entries;
        self.begin(field_bytes(field, body));
        put_field_head(&mut self.head, field, body);
        message.encode_raw(&mut self.head);
        for entry in entries {
            put_field_head(&mut self.head, ENTRIES_FIELD, entry.len());
            if entry.len() <= COPIED_BYTES_MAX {
                self.head.put_slice(entry);
            } else {
                let head = self.head.split().freeze();
                self.pieces.push_back(head);
                self.pieces.push_back(entry.clone());
            }
        }
    }

    fn begin(&mut self, bytes: usize) {
        self.frames += 1;
        self.bytes += PREFIX_BYTES + bytes;
        self.head.put_u8(0);
        // Frames are bounded far below 4 GiB before they come here.
        self.head.put_u32(u32::try_from(bytes).unwrap_or(u32::MAX));
    }
}

fn field_bytes(field: u32, content: usize) -> usize {
    key_len(field) + encoded_len_varint(content as u64) + content
}

fn put_field_head(buffer: &mut BytesMut, field: u32, content: usize) {
    encode_key(field, WireType::LengthDelimited, buffer);
    encode_varint(content as u64, buffer);
}

fn to_body(message: Message) -> Body {
    match message {
        Message::Hello(hello) => Body::Hello(to_hello(hello)),
        Message::Refusal { reason } => Body::Refusal(wire::Refusal { reason, by: None }),
        Message::Request(correlation, request) => Body::Request(to_request(correlation, request)),
        Message::Reply(correlation, answer) => Body::Reply(to_reply(correlation, answer)),
        Message::Heartbeats(requests) => Body::Heartbeats(wire::Heartbeats {
            requests: requests
                .into_iter()
                .map(|(correlation, request)| to_request(correlation, request))
                .collect(),
        }),
        Message::HeartbeatReplies(replies) => Body::HeartbeatReplies(wire::HeartbeatReplies {
            replies: replies
                .into_iter()
                .map(|(correlation, answer)| to_reply(correlation, answer))
                .collect(),
        }),
        Message::Standing { standing, round } => Body::Standing(wire::StandingTold {
            standing: Some(to_standing(standing)),
            round: round.map(to_round),
        }),
        Message::PromiseAsked { promise, round } => Body::PromiseAsked(wire::PromiseAsked {
            cluster: Bytes::copy_from_slice(promise.cluster.as_bytes()),
            initial_brokers: promise.initial_brokers,
            round: Some(to_round(round)),
        }),
        Message::Leaders { begins, leaders } => Body::Leaders(wire::Leaders {
            begins,
            leaders: leaders.into_iter().map(to_leader).collect(),
        }),
        Message::Numbers(numbers) => Body::Numbers(wire::BrokerNumbers {
            disk_bytes: numbers.disk_bytes,
            replicas: numbers.replicas,
            leaders: numbers.leaders,
            draining: numbers.draining,
        }),
    }
}

fn to_request(correlation: u64, request: PeerRequest) -> wire::Request {
    wire::Request {
        correlation,
        group: group_bytes(request.group),
        kind: request.kind.number().into(),
        head: request.head,
        entries: request.entries,
    }
}

fn to_reply(correlation: u64, answer: Answer) -> wire::Reply {
    let (outcome, reason, reply) = match answer {
        Answer::Reply(reply) => (wire::Outcome::Reply, String::new(), reply),
        Answer::Refused(reason) => (
            wire::Outcome::Refused,
            reason.to_string(),
            PeerReply::default(),
        ),
        Answer::NoSuchGroup => (
            wire::Outcome::NoSuchGroup,
            String::new(),
            PeerReply::default(),
        ),
        Answer::Dropped => (wire::Outcome::Dropped, String::new(), PeerReply::default()),
        Answer::TooLarge(bytes) => (
            wire::Outcome::TooLarge,
            bytes.to_string(),
            PeerReply::default(),
        ),
    };
    wire::Reply {
        correlation,
        outcome: outcome.into(),
        reason,
        head: reply.head,
        entries: reply.entries,
    }
}

fn to_hello(hello: Hello) -> wire::Hello {
    wire::Hello {
        protocol: hello.protocol,
        cluster_name: hello.cluster_name,
        broker: hello.broker.get(),
        disk: Bytes::copy_from_slice(hello.disk.as_bytes()),
        start_counter: hello.start_counter,
        epoch: hello.epoch.number,
        nonce: hello.epoch.nonce,
        standing: Some(to_standing(hello.standing)),
        initial_brokers: hello.initial_brokers,
        advertised_peer: hello.advertised_peer,
        advertised_grpc: hello.advertised_grpc,
    }
}

fn to_standing(standing: Standing) -> wire::Standing {
    let cluster = standing
        .cluster()
        .map(|cluster| Bytes::copy_from_slice(cluster.as_bytes()));
    let (replica, initial_brokers) = match standing {
        Standing::Empty => (None, None),
        Standing::Promised(promise) => (None, Some(promise.initial_brokers)),
        Standing::Member(member) => (Some(member.replica.get()), member.initial_brokers),
    };
    wire::Standing {
        cluster: cluster.unwrap_or_default(),
        replica,
        initial_brokers,
    }
}

fn to_round(round: Round) -> wire::Round {
    wire::Round {
        sitting: round.sitting,
        number: round.number,
    }
}

fn to_leader((group, leadership): (GroupId, Leadership)) -> wire::Leader {
    wire::Leader {
        group: group_bytes(group),
        term: leadership.term,
        replica: leadership.leader.map(|leader| leader.get()),
        in_sync: leadership.in_sync.iter().map(|r| r.get()).collect(),
    }
}

fn group_bytes(group: GroupId) -> Bytes {
    Bytes::copy_from_slice(&group.encode())
}
