//! A command on its way to a state group's leader: what the answer looks like.
//!
//! ```text
//! u8  0: applied; the state machine's answer travels beside the head
//!     1: the replica does not lead; then u8 0, or u8 1 and u64 the replica that does
//!     2: it may or may not be written
//!     3: too much is on its way already; then u64 bytes, u64 limit
//!     4: the leader hears from no quorum
//! ```

use bytes::{Buf, BufMut, Bytes, BytesMut};
use model::ReplicaId;

use crate::error::ProposeError;
use crate::peer::PeerReply;

/// The reply that says how a command has ended.
pub(crate) fn encode(outcome: Result<Bytes, ProposeError>) -> PeerReply {
    let mut head = BytesMut::new();
    let mut entries = Vec::new();
    match outcome {
        Ok(answer) => {
            head.put_u8(0);
            entries.push(answer);
        }
        Err(ProposeError::NotLeader { leader }) => {
            head.put_u8(1);
            head.put_u8(u8::from(leader.is_some()));
            if let Some(leader) = leader {
                head.put_u64(leader.get());
            }
        }
        Err(ProposeError::TooManyUncommitted { bytes, limit }) => {
            head.put_u8(3);
            head.put_u64(bytes);
            head.put_u64(limit);
        }
        Err(ProposeError::NoQuorum) => head.put_u8(4),
        // Those that were certainly not written are refused otherwise.
        Err(ProposeError::Unknown | ProposeError::NoSpace(_) | ProposeError::Stopped { .. }) => {
            head.put_u8(2);
        }
    }
    let head = head.freeze();
    PeerReply { head, entries }
}

/// How a command has ended; `None` where the reply makes no sense.
pub(crate) fn decode(reply: &PeerReply) -> Option<Result<Bytes, ProposeError>> {
    let mut head = &reply.head[..];
    let outcome = match (head.try_get_u8().ok()?, &reply.entries[..]) {
        (0, [answer]) => Ok(answer.clone()),
        (1, []) => {
            let leader = match head.try_get_u8().ok()? {
                0 => None,
                1 => Some(ReplicaId::new(head.try_get_u64().ok()?)),
                _ => return None,
            };
            Err(ProposeError::NotLeader { leader })
        }
        (2, []) => Err(ProposeError::Unknown),
        (3, []) => Err(ProposeError::TooManyUncommitted {
            bytes: head.try_get_u64().ok()?,
            limit: head.try_get_u64().ok()?,
        }),
        (4, []) => Err(ProposeError::NoQuorum),
        _ => return None,
    };
    head.is_empty().then_some(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_reads_back_and_no_cut_of_it_is_another() {
        let outcomes = [
            Ok(Bytes::from_static(b"done")),
            Err(ProposeError::NotLeader { leader: None }),
            Err(ProposeError::NotLeader {
                leader: Some(ReplicaId::new(3)),
            }),
            Err(ProposeError::Unknown),
            Err(ProposeError::NoQuorum),
            Err(ProposeError::TooManyUncommitted { bytes: 5, limit: 4 }),
        ];
        for outcome in outcomes {
            let reply = encode(outcome.clone());
            assert_eq!(decode(&reply), Some(outcome));
            for cut in 0..reply.head.len() {
                let head = reply.head.slice(..cut);
                let entries = reply.entries.clone();
                assert_eq!(decode(&PeerReply { head, entries }), None);
            }
        }
    }
}
