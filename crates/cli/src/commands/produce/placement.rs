//! Which partition a record goes to.

use std::num::NonZeroU32;

use model::PartitionIndex;
use model::partitioner::partition_for_key;

/// Which partition a record goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placement {
    /// All to the one that the user named.
    Fixed(PartitionIndex),
    /// By key as Kafka does; records without a key all to one, another one for each batch.
    Spread {
        partitions: NonZeroU32,
        sticky: PartitionIndex,
    },
    /// It is not known how many there are.
    Unknown,
}

impl Placement {
    /// Spreads over `partitions`; `seed` chooses where records without a key begin.
    pub(super) fn spread(partitions: NonZeroU32, seed: u32) -> Self {
        Self::Spread {
            partitions,
            sticky: PartitionIndex::new(seed % partitions),
        }
    }

    /// Where a record goes, as far as that is known.
    pub(super) fn of(&self, key: Option<&[u8]>) -> Option<PartitionIndex> {
        match (self, key) {
            (Self::Fixed(partition), _) => Some(*partition),
            (Self::Spread { partitions, .. }, Some(key)) => {
                Some(partition_for_key(key, *partitions))
            }
            (Self::Spread { sticky, .. }, None) => Some(*sticky),
            (Self::Unknown, _) => None,
        }
    }

    /// A batch for `partition` is full: records without a key go on to another one.
    pub(super) fn batch_ended(&mut self, partition: PartitionIndex) {
        if let Self::Spread { partitions, sticky } = self
            && *sticky == partition
        {
            *sticky = PartitionIndex::new((partition.get() + 1) % *partitions);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_without_a_key_move_on_when_their_batch_ends_and_only_then() {
        let mut placement = Placement::spread(NonZeroU32::new(3).unwrap(), 5);
        assert_eq!(placement.of(None), Some(PartitionIndex::new(2)));
        placement.batch_ended(PartitionIndex::new(1));
        assert_eq!(placement.of(None), Some(PartitionIndex::new(2)));
        placement.batch_ended(PartitionIndex::new(2));
        assert_eq!(placement.of(None), Some(PartitionIndex::new(0)));
    }
}
