//! openraft's settings: what the traps demand, and the intervals.

use std::sync::Arc;
use std::time::Duration;

use openraft::{Config, SnapshotPolicy};
use segment_log::planted::{self, Bug};

use crate::settings::ReplicationSettings;

/// Most entries in one append; the bytes are bounded where they are read.
const APPEND_ENTRIES_MAX: u64 = 1024;

/// openraft's settings for all groups.
///
/// To openraft an election timeout begins where the leader's lease ends, which is as long as the longest timeout. So that
/// a follower stands for election once it has heard nothing for `T` to `4/3 T`, the lease is `2/3 T`, and the timeout
/// behind it is drawn from `1/3 T` to `2/3 T`. With the default of 600 ms somebody stands after 800 ms at the latest, and
/// votes, a sync each, and the new leader's first entry fit into what is left of a second.
///
/// # Errors
/// The intervals do not fit together.
pub(crate) fn config(settings: &ReplicationSettings) -> Result<Arc<Config>, String> {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let third = millis(settings.election_timeout) / 3;
    let lease = third.saturating_mul(2);
    let heartbeat = millis(settings.heartbeat_interval);
    let config = Config {
        cluster_name: String::new(),
        heartbeat_interval: heartbeat,
        // Who has just acknowledged entries knows that the leader lives.
        heartbeat_min_interval: Some(heartbeat / 2),
        election_timeout_min: third,
        election_timeout_max: lease,
        // A leader that is heard but hears nobody must fall silent, or nobody else is elected.
        quorum_loss_probe_interval: Some(lease.saturating_mul(3)),
        max_payload_entries: APPEND_ENTRIES_MAX,
        // A snapshot waits for a sync, on a disk that may be slow.
        install_snapshot_timeout: 10_000,
        // Snapshots are made and logs purged only when the log start moves.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: 0,
        purge_batch_size: 1,
        // Unset means off.
        enable_pre_vote: Some(true),
        // A leader that lost an unsynced tail would resume its term and use log ids twice.
        enable_leader_restore: Some(planted::has(Bug::RestoreLeader)),
        ..Config::default()
    };
    let config = config.validate().map_err(|error| error.to_string())?;
    Ok(Arc::new(config))
}
