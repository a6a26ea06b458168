//! How many replicas a partition has, and what their quorum is.

use std::fmt;
use std::num::NonZeroU16;

/// How many replicas each partition of a topic has: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicationFactor(NonZeroU16);

impl ReplicationFactor {
    /// One replica.
    pub const ONE: Self = Self(NonZeroU16::MIN);

    /// `None` for 0.
    pub const fn new(replicas: u16) -> Option<Self> {
        match NonZeroU16::new(replicas) {
            Some(replicas) => Some(Self(replicas)),
            None => None,
        }
    }

    /// The number of replicas.
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// The smallest majority of the replicas.
    pub const fn quorum(self) -> u16 {
        self.get() / 2 + 1
    }

    /// How many replicas may fail without stopping the partition.
    pub const fn failures_survived(self) -> u16 {
        self.get() - self.quorum()
    }
}

impl fmt::Display for ReplicationFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quorum_is_the_smallest_majority() {
        for (replicas, quorum, survived) in [(1, 1, 0), (2, 2, 0), (3, 2, 1), (4, 3, 1), (5, 3, 2)]
        {
            let factor = ReplicationFactor::new(replicas).unwrap();
            assert_eq!(
                (factor.quorum(), factor.failures_survived()),
                (quorum, survived)
            );
        }
        assert_eq!(ReplicationFactor::new(0), None);
    }
}
