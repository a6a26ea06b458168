//! Positions in a log. Each counts something else, so each is a type of its own.

use std::fmt;

macro_rules! position {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The first position.
            pub const ZERO: Self = Self(0);

            /// The position with this count before it.
            pub const fn new(value: u64) -> Self {
                Self(value)
            }

            /// The count as a number.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The position `count` further on; stops at the largest one.
            #[must_use]
            pub const fn plus(self, count: u64) -> Self {
                Self(self.0.saturating_add(count))
            }

            /// The next position.
            #[must_use]
            pub const fn next(self) -> Self {
                self.plus(1)
            }

            /// The one before, or `None` at zero.
            pub const fn previous(self) -> Option<Self> {
                match self.0.checked_sub(1) {
                    Some(value) => Some(Self(value)),
                    None => None,
                }
            }

            /// How many positions lie from `earlier` (inclusive) to here (exclusive); 0 if `earlier` is later.
            pub const fn since(self, earlier: Self) -> u64 {
                self.0.saturating_sub(earlier.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

position! {
    /// Counts records of a partition: the first record of a topic has offset 0.
    Offset
}

position! {
    /// Counts Raft entries of a partition's log: record batches and Raft's own entries alike.
    LogIndex
}

position! {
    /// A byte position in one file.
    FilePosition
}

/// A Raft term. It is stored as the batch's `partition_leader_epoch`, hence at most `i32::MAX`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(u32);

impl Term {
    /// The term before the first election.
    pub const ZERO: Self = Self(0);
    /// The last term that fits the batch header; a broker refuses to lead above it.
    pub const MAX: Self = Self(i32::MAX as u32);

    /// `None` above [`Term::MAX`].
    pub fn new(value: u64) -> Option<Self> {
        u32::try_from(value)
            .ok()
            .map(Self)
            .filter(|term| *term <= Self::MAX)
    }

    /// The term as a number.
    pub const fn get(self) -> u64 {
        self.0 as u64
    }

    /// The term as a batch header holds it.
    pub const fn as_leader_epoch(self) -> i32 {
        self.0.cast_signed()
    }

    /// The term in a batch header; `None` where the header holds a negative one (not stamped yet).
    pub fn from_leader_epoch(epoch: i32) -> Option<Self> {
        u32::try_from(epoch).ok().map(Self)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names one Raft entry: the term that wrote it and its index. Ordered by term, then index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// The term of the leader that appended the entry.
    pub term: Term,
    /// The entry's place in the log.
    pub index: LogIndex,
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.term, self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_above_the_header_field_is_refused() {
        assert_eq!(Term::new(i32::MAX as u64), Some(Term::MAX));
        assert_eq!(Term::new(i32::MAX as u64 + 1), None);
        assert_eq!(Term::from_leader_epoch(-1), None);
        assert_eq!(Term::MAX.as_leader_epoch(), i32::MAX);
    }

    #[test]
    fn log_ids_order_by_term_first() {
        let earlier = LogId {
            term: Term::new(1).unwrap(),
            index: LogIndex::new(9),
        };
        let later = LogId {
            term: Term::new(2).unwrap(),
            index: LogIndex::new(3),
        };
        assert!(earlier < later);
    }
}
