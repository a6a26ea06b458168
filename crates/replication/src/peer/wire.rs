//! Frames between brokers: `proto/strandline/internal/v1/peer.proto`, in gRPC's framing.
//!
//! Entries leave as they are: a frame is written in pieces around them. They arrive as slices of what was received.

mod decode;
mod encode;
mod framing;

use std::sync::Arc;

use super::forming::Round;
use super::{BrokerNumbers, GroupId, Hello, Leadership, PeerReply, PeerRequest, Promise, Standing};

pub(super) use decode::{Malformed, decode};
pub(super) use encode::Writer;
pub(super) use framing::Framing;

/// A flag that says "not compressed", and the message's length.
const PREFIX_BYTES: usize = 5;

/// What is smaller is copied: on the way out an HTTP/2 frame of its own would cost more, on the way in it would keep
/// all that it came with.
const COPIED_BYTES_MAX: usize = 4 << 10;

/// What a frame holds beside a request's head and entries, at most.
pub(super) const OVERHEAD_BYTES_MAX: usize = 64 << 10;

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Hello(Hello),
    Refusal {
        reason: String,
    },
    Request(u64, PeerRequest),
    Reply(u64, Answer),
    Heartbeats(Vec<(u64, PeerRequest)>),
    HeartbeatReplies(Vec<(u64, Answer)>),
    Standing {
        standing: Standing,
        round: Option<Round>,
    },
    PromiseAsked {
        promise: Promise,
        round: Round,
    },
    Leaders {
        begins: bool,
        leaders: Vec<(GroupId, Leadership)>,
    },
    Numbers(BrokerNumbers),
}

/// How a request went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Reply(PeerReply),
    Refused(Arc<str>),
    NoSuchGroup,
    Dropped,
    /// The reply has so many bytes.
    TooLarge(usize),
}

impl Answer {
    /// The bytes of what it holds.
    pub(super) fn payload_bytes(&self) -> usize {
        match self {
            Self::Reply(reply) => reply.payload_bytes(),
            Self::Refused(reason) => reason.len(),
            Self::NoSuchGroup | Self::Dropped | Self::TooLarge(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests;
