//! Where a state stands. A checkpoint or snapshot is a position, then the machine's bytes.
//!
//! ```text
//! u8   version, 1
//! u8   1 if an entry was applied, then u64 term, u64 index of the last one: P
//! u64  the offset behind P
//! u8   1 if the members stand in an entry, then u64 term, u64 index of it
//! ...  the members, see `membership`
//! ```
//! Its checksum is that of the file it is stored in.

use bytes::{Buf, BufMut, BytesMut};
use model::{LogIndex, Offset};

use super::membership;
use super::types::{Committed, RaftLogId, SnapshotMeta, StoredMembership};

const VERSION: u8 = 1;

/// Up to where a state has been applied, and what holds there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) last: Option<RaftLogId>,
    pub(crate) high_watermark: Offset,
    pub(crate) membership: StoredMembership,
}

impl Position {
    /// The first entry that was not applied.
    pub(crate) fn next(&self) -> LogIndex {
        self.last
            .map_or(LogIndex::ZERO, |last| LogIndex::new(last.index + 1))
    }

    pub(crate) fn meta(&self) -> SnapshotMeta {
        SnapshotMeta {
            last_log_id: self.last,
            last_membership: self.membership.clone(),
        }
    }

    pub(crate) fn encode(&self, bytes: &mut BytesMut) {
        bytes.put_u8(VERSION);
        put_id(bytes, self.last);
        bytes.put_u64(self.high_watermark.get());
        put_id(bytes, *self.membership.log_id());
        bytes.put(membership::encode(self.membership.membership()));
    }

    /// Reads a position off `bytes`.
    pub(crate) fn decode(bytes: &mut impl Buf) -> Option<Self> {
        if bytes.try_get_u8().ok()? != VERSION {
            return None;
        }
        let last = get_id(bytes)?;
        let high_watermark = Offset::new(bytes.try_get_u64().ok()?);
        let members_at = get_id(bytes)?;
        Some(Self {
            last,
            high_watermark,
            membership: StoredMembership::new(members_at, membership::decode(bytes)?),
        })
    }
}

pub(super) fn put_id(bytes: &mut BytesMut, id: Option<RaftLogId>) {
    bytes.put_u8(u8::from(id.is_some()));
    if let Some(id) = id {
        bytes.put_u64(*id.leader_id);
        bytes.put_u64(id.index);
    }
}

/// The outer `None`: the bytes make no sense.
pub(super) fn get_id(bytes: &mut impl Buf) -> Option<Option<RaftLogId>> {
    match bytes.try_get_u8().ok()? {
        0 => Some(None),
        1 => Some(Some(openraft::LogId {
            leader_id: Committed::new(bytes.try_get_u64().ok()?),
            index: bytes.try_get_u64().ok()?,
        })),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use openraft::EmptyNode;

    use super::super::types::Membership;
    use super::*;

    #[test]
    fn a_position_reads_back_and_no_cut_of_it_panics() {
        let id = |term, index| openraft::LogId {
            leader_id: Committed::new(term),
            index,
        };
        let nodes = BTreeMap::from([(7, EmptyNode {})]);
        let members = Membership::new(vec![BTreeSet::from([7])], nodes).unwrap();
        let position = Position {
            last: Some(id(3, 9)),
            high_watermark: Offset::new(5),
            membership: StoredMembership::new(Some(id(0, 0)), members),
        };
        let mut bytes = BytesMut::new();
        position.encode(&mut bytes);
        assert_eq!(bytes[..2], [1, 1]);
        assert_eq!(Position::decode(&mut &bytes[..]), Some(position));
        assert!((0..bytes.len()).all(|cut| Position::decode(&mut &bytes[..cut]).is_none()));
    }
}
