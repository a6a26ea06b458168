//! Bugs on purpose, so that it can be shown that the tests find such. Without the feature `planted-bugs`, which only
//! tests switch on, there are none.

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// An append is acknowledged before it is synced.
    AcknowledgeBeforeSync,
    /// A vote is not synced.
    SkipVoteSync,
    /// A vote is saved without the appends before it.
    SaveVoteWithoutAppends,
    /// A log is cut at a bad checksum below its noted end.
    TruncateOnDamage,
    /// After a restart, a leader knows nothing of producers' entries that are not applied yet.
    ForgetProducersOfTheTail,
    /// No batch is taken for a duplicate.
    AppendDuplicates,
    /// A leader serves before an entry of its own term is applied.
    ServeBeforeOwnTerm,
    /// What was committed is trusted although the disk does not have it.
    TrustCommitted,
    /// A leader goes on leading after a restart.
    RestoreLeader,
    /// The log is purged although the snapshot is not stored.
    PurgeBeforeSnapshot,
    /// A follower does not check what it is sent.
    SkipFollowerChecks,
    /// A failed sync is taken for one that worked.
    IgnoreFailedSync,
    /// Entries are read that are not committed.
    ReadUncommitted,
    /// The newest end is told without asking a quorum.
    StaleLatest,
    /// The noted end is not lowered before a truncation.
    KeepNotedEnd,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::AcknowledgeBeforeSync,
        Self::SkipVoteSync,
        Self::SaveVoteWithoutAppends,
        Self::TruncateOnDamage,
        Self::ForgetProducersOfTheTail,
        Self::AppendDuplicates,
        Self::ServeBeforeOwnTerm,
        Self::TrustCommitted,
        Self::RestoreLeader,
        Self::PurgeBeforeSnapshot,
        Self::SkipFollowerChecks,
        Self::IgnoreFailedSync,
        Self::ReadUncommitted,
        Self::StaleLatest,
        Self::KeepNotedEnd,
    ];
}

/// Whether bugs can be planted in this build.
pub const PRESENT: bool = cfg!(feature = "planted-bugs");

#[cfg(feature = "planted-bugs")]
static PLANTED: std::sync::OnceLock<Bug> = std::sync::OnceLock::new();

/// Plants a bug, for as long as this process lives. Only the first one counts.
#[cfg(feature = "planted-bugs")]
pub fn plant(bug: Bug) {
    PLANTED.get_or_init(|| bug);
}

/// Whether this bug is planted.
#[cfg(feature = "planted-bugs")]
pub fn has(bug: Bug) -> bool {
    PLANTED.get() == Some(&bug)
}

/// Never.
#[cfg(not(feature = "planted-bugs"))]
#[inline(always)]
pub const fn has(_bug: Bug) -> bool {
    false
}
