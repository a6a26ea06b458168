//! Which Raft group, the same on every broker.
//!
//! ```text
//! 0   u8   0: a partition's log, 1: a state group
//! 1   16   the topic's id; zeros for a state group
//! 17  u32  the partition, or the state group's number, big-endian
//! ```

use std::fmt;

use model::{PartitionIndex, TopicId};

/// The wire form's length.
const BYTES: usize = 21;

const LOG: u8 = 0;
const STATE: u8 = 1;

/// A Raft group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupId {
    /// A partition's log.
    Log {
        /// The topic's incarnation.
        topic: TopicId,
        /// Which partition of it.
        partition: PartitionIndex,
    },
    /// A state group, by its reserved number.
    State(u16),
}

impl GroupId {
    /// The cluster's metadata.
    pub const METADATA: Self = Self::State(0);

    /// The wire form's length.
    pub const BYTES: usize = BYTES;

    /// The wire form.
    pub fn encode(self) -> [u8; BYTES] {
        let (kind, topic, number) = match self {
            Self::Log { topic, partition } => (LOG, *topic.as_bytes(), partition.get()),
            Self::State(number) => (STATE, [0; 16], u32::from(number)),
        };
        let mut bytes = [0; BYTES];
        let (head, tail) = bytes.split_at_mut(17);
        if let Some((first, id)) = head.split_first_mut() {
            *first = kind;
            id.copy_from_slice(&topic);
        }
        tail.copy_from_slice(&number.to_be_bytes());
        bytes
    }

    /// Reads the wire form; `None` if the bytes are none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let (kind, rest) = bytes.split_first()?;
        let (topic, number) = rest.split_first_chunk::<16>()?;
        let number = u32::from_be_bytes(number.try_into().ok()?);
        match *kind {
            LOG => Some(Self::Log {
                topic: TopicId::from_bytes(*topic),
                partition: PartitionIndex::new(number),
            }),
            STATE if *topic == [0; 16] => Some(Self::State(u16::try_from(number).ok()?)),
            _ => None,
        }
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log { topic, partition } => write!(f, "partition {partition} of topic {topic}"),
            Self::State(0) => write!(f, "the cluster's metadata"),
            Self::State(number) => write!(f, "state group {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes_and_round_trip() {
        let log = GroupId::Log {
            topic: TopicId::from_bytes([0xab; 16]),
            partition: PartitionIndex::new(0x0102_0304),
        };
        let mut bytes = vec![0];
        bytes.extend([0xab; 16]);
        bytes.extend([1, 2, 3, 4]);
        assert_eq!(log.encode().to_vec(), bytes);
        for group in [log, GroupId::METADATA, GroupId::State(u16::MAX)] {
            assert_eq!(GroupId::decode(&group.encode()), Some(group));
        }
    }

    #[test]
    fn what_is_no_group_is_refused() {
        let bytes = GroupId::State(7).encode();
        assert!((0..bytes.len()).all(|cut| GroupId::decode(&bytes[..cut]).is_none()));
        for (at, value) in [(0, 2), (1, 1), (17, 1)] {
            let mut other = bytes;
            other[at] = value;
            assert_eq!(GroupId::decode(&other), None, "byte {at} is {value}");
        }
    }
}
