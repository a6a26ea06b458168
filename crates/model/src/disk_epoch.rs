//! Which registered start of a disk this is: what tells a disk from an older copy of itself.

/// A start of a disk as the cluster registers it. Its number goes up only once the cluster has taken the one before, so
/// that an older copy of a disk presents one that the cluster knows already, however often it is started; what was
/// drawn at random with it tells it from the disk that went on.
///
/// What it cannot tell: a copy that was taken while the start ran that the cluster knows last, and that comes in place
/// of the disk at the very next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskEpoch {
    /// Counts the starts of the disk that the cluster has registered, from 1. 0: a version that did not count them.
    pub number: u64,
    /// Drawn at random with the number.
    pub nonce: u64,
}

impl DiskEpoch {
    /// Whether a disk that presents this one may be the one of which the cluster knows `known`: it is that start, or a
    /// later one, which only the disk that went on can have come to.
    pub const fn may_follow(self, known: Self) -> bool {
        self.number > known.number || (self.number == known.number && self.nonce == known.nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_follows_itself_and_a_copy_of_it_does_not() {
        let epoch = |number, nonce| DiskEpoch { number, nonce };
        let known = epoch(5, 50);
        assert!(known.may_follow(known), "the same start, once more");
        assert!(epoch(6, 60).may_follow(known), "the next one");
        assert!(epoch(9, 90).may_follow(known), "what is known may be old");
        assert!(!epoch(5, 51).may_follow(known), "a copy of the one before");
        assert!(!epoch(4, 40).may_follow(known), "an older copy");
        assert!(
            epoch(1, 10).may_follow(DiskEpoch::default()),
            "a version that did not count"
        );
    }
}
