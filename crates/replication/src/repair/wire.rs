//! What a repair asks and is told.
//!
//! ```text
//! ask       u8 version, u8 0: entries, u64 first index, u64 index behind the last  | u8 1: standing  | u8 2: holdings
//!           | u8 3: snapshot
//! entries   u8 version, u64 index of the first entry; the batches travel beside the head, one by one
//! standing  u8 version, u64 index behind the last applied entry, u64 first index, u64 index behind the last entry,
//!           u32 terms, then u64 term, u64 first index, u64 first offset of each;
//!           the snapshot travels beside the head, where there is one, its u32 CRC-32 behind the terms
//! snapshot  u8 version, u32 CRC-32 of the snapshot, which travels beside the head
//! ```

use bytes::{Buf, BufMut, Bytes, BytesMut};
use model::batch::Batch;
use model::{LogIndex, Offset, Term};
use segment_log::{CheckpointError, Log};

use crate::peer::PeerReply;

const VERSION: u8 = 1;
const TERM_BYTES: usize = 24;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Entries from the first index on, as many as fit into an answer.
    Entries { first: LogIndex, end: LogIndex },
    /// How the log of a leader stands, which a quorum confirms.
    Standing,
    /// How the log of the replica that is asked stands, whatever it is.
    Holdings,
    /// The snapshot of any replica: it holds nothing that is not committed.
    Snapshot,
}

impl Ask {
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::new();
        bytes.put_u8(VERSION);
        match self {
            Self::Entries { first, end } => {
                bytes.put_u8(0);
                bytes.put_u64(first.get());
                bytes.put_u64(end.get());
            }
            Self::Standing => bytes.put_u8(1),
            Self::Holdings => bytes.put_u8(2),
            Self::Snapshot => bytes.put_u8(3),
        }
        bytes.freeze()
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        version(&mut bytes)?;
        let ask = match bytes.try_get_u8().ok()? {
            0 => Self::Entries {
                first: LogIndex::new(bytes.try_get_u64().ok()?),
                end: LogIndex::new(bytes.try_get_u64().ok()?),
            },
            1 => Self::Standing,
            2 => Self::Holdings,
            3 => Self::Snapshot,
            _ => return None,
        };
        bytes.is_empty().then_some(ask)
    }
}

/// Adjoining entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entries {
    pub(crate) first: LogIndex,
    pub(crate) batches: Vec<Batch>,
}

impl Entries {
    pub(crate) fn encode(&self) -> PeerReply {
        let mut head = BytesMut::new();
        head.put_u8(VERSION);
        head.put_u64(self.first.get());
        PeerReply {
            head: head.freeze(),
            entries: self.batches.iter().map(Batch::to_bytes).collect(),
        }
    }

    /// The CRCs of the batches are not checked.
    pub(crate) fn decode(reply: &PeerReply) -> Option<Self> {
        let mut head = &reply.head[..];
        version(&mut head)?;
        let first = LogIndex::new(head.try_get_u64().ok()?);
        let batches = reply.entries.iter().cloned().map(Batch::parse);
        let batches = batches.collect::<Result<_, _>>().ok()?;
        head.is_empty().then_some(Self { first, batches })
    }
}

/// A leader's log, or that of any other replica, of which nothing is said to be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Behind the last applied, hence committed, entry.
    pub(crate) applied: LogIndex,
    /// The first entry that is not deleted. The first term may have begun before it.
    pub(crate) first: LogIndex,
    pub(crate) end: LogIndex,
    pub(crate) terms: Vec<(Term, LogIndex, Offset)>,
    pub(crate) snapshot: Option<Bytes>,
}

impl Standing {
    /// What a log holds; nothing is said of what is committed. Blocks.
    pub(crate) fn of(log: &Log) -> Result<Self, CheckpointError> {
        Ok(Self {
            applied: LogIndex::ZERO,
            snapshot: log.read_snapshot()?,
            first: log.ends().first_index,
            end: log.ends().end_index,
            terms: log.terms(),
        })
    }

    /// By what Raft compares logs: the last entry's term, then how long the log is. `None` where it holds nothing.
    pub(crate) fn rank(&self) -> Option<(Term, LogIndex)> {
        Some((self.term_at(self.end.previous()?)?, self.end))
    }

    /// The term of an entry that the log holds; `None` below its first term and at its end.
    pub(crate) fn term_at(&self, index: LogIndex) -> Option<Term> {
        let behind = self.terms.partition_point(|(_, first, _)| *first <= index);
        let (term, ..) = self.terms.get(behind.checked_sub(1)?)?;
        (index < self.end).then_some(*term)
    }

    pub(crate) fn encode(&self) -> PeerReply {
        let mut head = BytesMut::new();
        head.put_u8(VERSION);
        head.put_u64(self.applied.get());
        head.put_u64(self.first.get());
        head.put_u64(self.end.get());
        head.put_u32(u32::try_from(self.terms.len()).unwrap_or(u32::MAX));
        for (term, index, offset) in &self.terms {
            head.put_u64(term.get());
            head.put_u64(index.get());
            head.put_u64(offset.get());
        }
        if let Some(snapshot) = &self.snapshot {
            head.put_u32(crc32fast::hash(snapshot));
        }
        PeerReply {
            head: head.freeze(),
            entries: self.snapshot.iter().cloned().collect(),
        }
    }

    pub(crate) fn decode(reply: &PeerReply) -> Option<Self> {
        let mut head = &reply.head[..];
        version(&mut head)?;
        let applied = LogIndex::new(head.try_get_u64().ok()?);
        let first = LogIndex::new(head.try_get_u64().ok()?);
        let end = LogIndex::new(head.try_get_u64().ok()?);
        let count = usize::try_from(head.try_get_u32().ok()?).ok()?;
        if head.len() < count.checked_mul(TERM_BYTES)? {
            return None;
        }
        let mut terms = Vec::with_capacity(count);
        for _ in 0..count {
            let term = Term::new(head.try_get_u64().ok()?)?;
            let index = LogIndex::new(head.try_get_u64().ok()?);
            terms.push((term, index, Offset::new(head.try_get_u64().ok()?)));
        }
        let snapshot = match &reply.entries[..] {
            [] => None,
            [snapshot] if head.try_get_u32().ok()? == crc32fast::hash(snapshot) => {
                Some(snapshot.clone())
            }
            _ => return None,
        };
        let standing = Self {
            applied,
            first,
            end,
            terms,
            snapshot,
        };
        head.is_empty().then_some(standing)
    }
}

/// A replica's snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot(pub(crate) Bytes);

impl Snapshot {
    pub(crate) fn encode(&self) -> PeerReply {
        let mut head = BytesMut::new();
        head.put_u8(VERSION);
        head.put_u32(crc32fast::hash(&self.0));
        PeerReply {
            head: head.freeze(),
            entries: vec![self.0.clone()],
        }
    }

    pub(crate) fn decode(reply: &PeerReply) -> Option<Self> {
        let mut head = &reply.head[..];
        version(&mut head)?;
        let crc = head.try_get_u32().ok()?;
        match &reply.entries[..] {
            [bytes] if head.is_empty() && crc == crc32fast::hash(bytes) => {
                Some(Self(bytes.clone()))
            }
            _ => None,
        }
    }
}

fn version(bytes: &mut &[u8]) -> Option<()> {
    (bytes.try_get_u8().ok()? == VERSION).then_some(())
}

/// How many kinds of message the bytes are. Each must encode to the same bytes.
pub(super) fn sound(bytes: &[u8]) -> usize {
    let reply = PeerReply::of_head(Bytes::copy_from_slice(bytes));
    let again = [
        Ask::decode(bytes).map(|ask| ask.encode()),
        Entries::decode(&reply).map(|entries| entries.encode().head),
        Standing::decode(&reply).map(|standing| standing.encode().head),
    ];
    let sound = again.into_iter().flatten();
    sound.inspect(|again| assert_eq!(again, bytes)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_and_answers_read_back_and_no_cut_of_them_is_one() {
        let entries = Ask::Entries {
            first: LogIndex::new(0x0102),
            end: LogIndex::new(0x0304),
        };
        let bytes = entries.encode();
        assert_eq!(
            bytes[..],
            [1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 3, 4]
        );
        for ask in [entries, Ask::Standing, Ask::Holdings, Ask::Snapshot] {
            let bytes = ask.encode();
            assert_eq!(Ask::decode(&bytes), Some(ask));
            assert!((0..bytes.len()).all(|cut| Ask::decode(&bytes[..cut]).is_none()));
        }
        let standing = Standing {
            applied: LogIndex::new(8),
            first: LogIndex::ZERO,
            end: LogIndex::new(9),
            terms: vec![(Term::ZERO, LogIndex::ZERO, Offset::ZERO)],
            snapshot: Some(Bytes::from_static(b"snapshot")),
        };
        let reply = standing.encode();
        assert_eq!(Standing::decode(&reply), Some(standing));
        for cut in 0..reply.head.len() {
            let cut = PeerReply {
                head: reply.head.slice(..cut),
                entries: reply.entries.clone(),
            };
            assert_eq!(Standing::decode(&cut), None);
        }
        let snapshot = Snapshot(Bytes::from_static(b"snapshot"));
        let reply = snapshot.encode();
        assert_eq!(Snapshot::decode(&reply), Some(snapshot));
        let damaged = PeerReply {
            head: reply.head.clone(),
            entries: vec![Bytes::from_static(b"snapshop")],
        };
        assert_eq!(Snapshot::decode(&damaged), None);
        for cut in 0..reply.head.len() {
            let cut = PeerReply {
                head: reply.head.slice(..cut),
                entries: reply.entries.clone(),
            };
            assert_eq!(Snapshot::decode(&cut), None);
        }
    }
}
