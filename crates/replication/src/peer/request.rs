//! What replicas send each other. Opaque but for what the transport needs to know.

use bytes::Bytes;

use super::GroupId;

/// A request from one replica to a group on another broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerRequest {
    /// The group, on both sides.
    pub group: GroupId,
    /// What is asked for.
    pub kind: RequestKind,
    /// Small; encoded by who sends it.
    pub head: Bytes,
    /// Record batches as they stand in the log; never copied by the transport's sender.
    pub entries: Vec<Bytes>,
}

/// The answer to a [`PeerRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerReply {
    /// Small; encoded by who answers.
    pub head: Bytes,
    /// Record batches as they stand in the log.
    pub entries: Vec<Bytes>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestKind {
    /// Raft's AppendEntries, with entries or to move the commit index on.
    Append,
    /// Raft's AppendEntries without entries, to say that the leader lives. Gathered per peer for a few milliseconds.
    Heartbeat,
    /// Raft's RequestVote.
    Vote,
    /// The same, before a term is spent on it.
    PreVote,
    /// Raft's InstallSnapshot.
    Snapshot,
    /// A leader asks to be succeeded.
    TransferLeader,
    /// A command for a state group, on its way to the leader.
    Propose,
    /// Entries for a replica that has damaged ones, or is in doubt, and how a log stands.
    ReadEntries,
}

impl RequestKind {
    /// All of them; the place is the number on the wire.
    pub const ALL: [Self; 8] = [
        Self::Append,
        Self::Heartbeat,
        Self::Vote,
        Self::PreVote,
        Self::Snapshot,
        Self::TransferLeader,
        Self::Propose,
        Self::ReadEntries,
    ];

    /// The number on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The kind with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Whether it goes before everything else: small, and elections wait for it.
    pub const fn is_urgent(self) -> bool {
        match self {
            Self::Heartbeat | Self::Vote | Self::PreVote | Self::TransferLeader => true,
            Self::Append | Self::Snapshot | Self::Propose | Self::ReadEntries => false,
        }
    }
}

impl PeerRequest {
    /// The bytes of its head and its entries.
    pub fn payload_bytes(&self) -> usize {
        self.head.len() + self.entries.iter().map(Bytes::len).sum::<usize>()
    }
}

impl PeerReply {
    /// A reply without entries.
    pub fn of_head(head: impl Into<Bytes>) -> Self {
        Self {
            head: head.into(),
            entries: Vec::new(),
        }
    }

    /// The bytes of its head and its entries.
    pub fn payload_bytes(&self) -> usize {
        self.head.len() + self.entries.iter().map(Bytes::len).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_its_number_and_no_other_number_is_one() {
        for kind in RequestKind::ALL {
            assert_eq!(RequestKind::from_number(kind.number()), Some(kind));
        }
        let first_unknown = RequestKind::ALL.len() as u8;
        assert!((first_unknown..=u8::MAX).all(|n| RequestKind::from_number(n).is_none()));
    }
}
