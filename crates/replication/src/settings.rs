//! What can be set for all groups of a data directory.

use std::time::Duration;

use model::ReplicaId;

/// Settings of the groups of one data directory.
#[derive(Clone, Debug)]
pub struct ReplicationSettings {
    /// The replica that this data directory is.
    pub replica: ReplicaId,
    /// Most bytes that one group holds proposed and not yet answered. A single larger batch is let through.
    pub uncommitted_bytes_max: u64,
    /// How often a leader tells its followers that it lives.
    pub heartbeat_interval: Duration,
    /// A follower that has heard nothing from a leader for this long stands for election, or up to a third later. At
    /// least four heartbeats long.
    pub election_timeout: Duration,
    /// How fast followers that are far behind are fed from the disk, all of them together, in bytes per second.
    pub catch_up_bytes_per_second: u64,
    /// A voter that lacks more entries than this of the leader's log does not keep up.
    pub in_sync_lag_max: u64,
    /// A voter that has answered nothing that was sent within this time does not keep up.
    pub in_sync_silence_max: Duration,
    /// How long a follower that lacks what is to be deleted holds that up; then it is sent the snapshot instead.
    pub follower_patience: Duration,
}

/// As many groups beat at the pace that is set: at rest an instance costs about 50 µs of a core a second at one beat per
/// half second, and ten times as many beats cost nearly ten times that.
const GROUPS_AT_FULL_PACE: u64 = 256;
/// However many there are, an election must come to an end.
const SLOWER_MAX: u32 = 8;

/// By how much heartbeats and elections are slower among so many groups: a power of two.
pub(crate) fn slower(groups: u64) -> u32 {
    let factor = groups.div_ceil(GROUPS_AT_FULL_PACE).max(1);
    let factor = u32::try_from(factor.next_power_of_two()).unwrap_or(SLOWER_MAX);
    factor.min(SLOWER_MAX)
}

impl ReplicationSettings {
    /// The defaults, for a replica.
    pub fn new(replica: ReplicaId) -> Self {
        Self {
            replica,
            uncommitted_bytes_max: 64 << 20,
            heartbeat_interval: Duration::from_millis(100),
            election_timeout: Duration::from_millis(600),
            catch_up_bytes_per_second: 256 << 20,
            in_sync_lag_max: 4096,
            in_sync_silence_max: Duration::from_secs(3),
            follower_patience: Duration::from_secs(30),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_groups_the_slower_up_to_a_bound() {
        let found = [0, 1, 256, 257, 512, 1_000, 10_000].map(slower);
        assert_eq!(found, [1, 1, 1, 2, 2, 4, 8]);
    }
}
