//! Reads frames. Everything is checked: whoever reaches the port can send anything.

use bytes::{Buf, Bytes};
use model::{BrokerId, ClusterId, DiskEpoch, DiskId, ReplicaId};
use prost::Message as _;
use prost::encoding::decode_varint;
use rpc::internal as wire;
use rpc::internal::frame::Body;
use thiserror::Error;

use super::{Answer, Message};
use crate::peer::forming::Round;
use crate::peer::{
    BrokerNumbers, GroupId, Hello, Leadership, Membership, PeerReply, PeerRequest, Promise,
    RequestKind, Standing,
};

/// Most entries, heartbeats or leaders of one frame: each takes more memory than it has bytes.
const ELEMENTS_MAX: usize = 1 << 18;

/// Why bytes are no frame.
#[derive(Debug, Error, PartialEq, Eq)]
pub(in crate::peer) enum Malformed {
    #[error("the frame is no message: {0}")]
    Protobuf(#[from] prost::DecodeError),
    #[error("the frame has more than {ELEMENTS_MAX} parts")]
    TooManyParts,
    #[error("the frame's {0} is missing or malformed")]
    Field(&'static str),
    #[error("the frame is of a kind that this version does not know")]
    Unknown,
}

/// Reads a frame.
pub(in crate::peer) fn decode(bytes: Bytes) -> Result<Message, Malformed> {
    if has_too_many_parts(&bytes) {
        return Err(Malformed::TooManyParts);
    }
    let body = wire::Frame::decode(bytes)?.body.ok_or(Malformed::Unknown)?;
    Ok(match body {
        Body::Hello(hello) => Message::Hello(of_hello(hello)?),
        Body::Refusal(refusal) => Message::Refusal {
            reason: refusal.reason,
        },
        Body::Request(request) => {
            let (correlation, request) = of_request(request)?;
            Message::Request(correlation, request)
        }
        Body::Reply(reply) => {
            let (correlation, answer) = of_reply(reply)?;
            Message::Reply(correlation, answer)
        }
        Body::Heartbeats(all) => {
            let requests = all.requests.into_iter().map(of_request);
            Message::Heartbeats(requests.collect::<Result<_, _>>()?)
        }
        Body::HeartbeatReplies(all) => {
            let replies = all.replies.into_iter().map(of_reply);
            Message::HeartbeatReplies(replies.collect::<Result<_, _>>()?)
        }
        Body::Standing(told) => Message::Standing {
            standing: of_standing(told.standing)?,
            round: told.round.map(of_round),
        },
        Body::PromiseAsked(asked) => Message::PromiseAsked {
            promise: Promise {
                cluster: cluster(&asked.cluster)?,
                initial_brokers: asked.initial_brokers,
            },
            round: asked.round.map(of_round).ok_or(Malformed::Field("round"))?,
        },
        Body::Leaders(told) => {
            let leaders = told.leaders.into_iter().map(of_leader);
            Message::Leaders {
                begins: told.begins,
                leaders: leaders.collect::<Result<_, _>>()?,
            }
        }
        Body::Numbers(numbers) => Message::Numbers(BrokerNumbers {
            disk_bytes: numbers.disk_bytes,
            replicas: numbers.replicas,
            leaders: numbers.leaders,
            draining: numbers.draining,
        }),
    })
}

/// Heartbeats, their replies, leaders: messages of messages.
const NESTED_FIELDS: [u64; 3] = [5, 6, 9];

/// Counts the fields of the frame's bodies, and of the messages in them, by their bytes: before anything is allocated
/// for them.
fn has_too_many_parts(mut frame: &[u8]) -> bool {
    let mut parts = 0;
    while let Some((field, mut body)) = next_field(&mut frame) {
        parts += 1;
        while let Some((_, mut inner)) = next_field(&mut body) {
            parts += 1;
            while NESTED_FIELDS.contains(&field) && next_field(&mut inner).is_some() {
                parts += 1;
                if parts > ELEMENTS_MAX {
                    return true;
                }
            }
            if parts > ELEMENTS_MAX {
                return true;
            }
        }
    }
    false
}

/// Steps over a field: its number, and its content where it has a length, else nothing. `None` at the end, and for what is malformed:
/// decoding will tell. prost refuses nothing that ends this early and goes on behind it, but for groups, of which
/// there are none: they end it too, and what is behind them is no larger than the frame.
fn next_field<'a>(message: &mut &'a [u8]) -> Option<(u64, &'a [u8])> {
    if message.is_empty() {
        return None;
    }
    let key = decode_varint(message).ok()?;
    match key & 7 {
        0 => {
            decode_varint(message).ok()?;
        }
        1 => {
            message.try_get_u64().ok()?;
        }
        2 => {
            let length = usize::try_from(decode_varint(message).ok()?).ok()?;
            let (content, rest) = message.split_at_checked(length)?;
            *message = rest;
            return Some((key >> 3, content));
        }
        5 => {
            message.try_get_u32().ok()?;
        }
        // The begin and the end of a group: read on inside of it, as if it were not there.
        3 | 4 => {}
        _ => return None,
    }
    Some((key >> 3, &[]))
}

fn of_hello(hello: wire::Hello) -> Result<Hello, Malformed> {
    let disk = <[u8; 16]>::try_from(&hello.disk[..]).map_err(|_| Malformed::Field("disk"))?;
    Ok(Hello {
        protocol: hello.protocol,
        cluster_name: hello.cluster_name,
        broker: BrokerId::new(hello.broker),
        disk: DiskId::from_bytes(disk),
        start_counter: hello.start_counter,
        epoch: DiskEpoch {
            number: hello.epoch,
            nonce: hello.nonce,
        },
        standing: of_standing(hello.standing)?,
        initial_brokers: hello.initial_brokers,
        advertised_peer: hello.advertised_peer,
        advertised_grpc: hello.advertised_grpc,
    })
}

fn of_standing(standing: Option<wire::Standing>) -> Result<Standing, Malformed> {
    let standing = standing.ok_or(Malformed::Field("standing"))?;
    if standing.cluster.is_empty() {
        return Ok(Standing::Empty);
    }
    let cluster = cluster(&standing.cluster)?;
    Ok(match (standing.replica, standing.initial_brokers) {
        (Some(replica), initial_brokers) => Standing::Member(Membership {
            cluster,
            replica: ReplicaId::new(replica),
            initial_brokers,
        }),
        (None, Some(initial_brokers)) => Standing::Promised(Promise {
            cluster,
            initial_brokers,
        }),
        (None, None) => return Err(Malformed::Field("number of initial brokers")),
    })
}

fn cluster(bytes: &[u8]) -> Result<ClusterId, Malformed> {
    let bytes = <[u8; 16]>::try_from(bytes).map_err(|_| Malformed::Field("cluster id"))?;
    Ok(ClusterId::from_bytes(bytes))
}

fn of_round(round: wire::Round) -> Round {
    Round {
        sitting: round.sitting,
        number: round.number,
    }
}

fn of_request(request: wire::Request) -> Result<(u64, PeerRequest), Malformed> {
    let kind = u8::try_from(request.kind).ok();
    let kind = kind.and_then(RequestKind::from_number);
    let request_of_group = PeerRequest {
        group: GroupId::decode(&request.group).ok_or(Malformed::Field("group"))?,
        kind: kind.ok_or(Malformed::Field("kind"))?,
        head: request.head,
        entries: request.entries,
    };
    Ok((request.correlation, request_of_group))
}

fn of_reply(reply: wire::Reply) -> Result<(u64, Answer), Malformed> {
    let outcome = wire::Outcome::try_from(reply.outcome);
    let answer = match outcome.map_err(|_| Malformed::Field("outcome"))? {
        wire::Outcome::Reply => Answer::Reply(PeerReply {
            head: reply.head,
            entries: reply.entries,
        }),
        wire::Outcome::Refused => Answer::Refused(reply.reason.into()),
        wire::Outcome::NoSuchGroup => Answer::NoSuchGroup,
        wire::Outcome::Dropped => Answer::Dropped,
        wire::Outcome::TooLarge => Answer::TooLarge(reply.reason.parse().unwrap_or_default()),
    };
    Ok((reply.correlation, answer))
}

fn of_leader(leader: wire::Leader) -> Result<(GroupId, Leadership), Malformed> {
    let group = GroupId::decode(&leader.group).ok_or(Malformed::Field("group"))?;
    let leadership = Leadership {
        term: leader.term,
        leader: leader.replica.map(ReplicaId::new),
        in_sync: leader.in_sync.into_iter().map(ReplicaId::new).collect(),
    };
    Ok((group, leadership))
}
