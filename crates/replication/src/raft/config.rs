//! openraft's settings: what the traps demand, and the intervals.

use std::sync::Arc;
use std::time::Duration;

use openraft::{Config, SnapshotPolicy};

use crate::settings::ReplicationSettings;

/// openraft's settings for all groups.
///
/// # Errors
/// The intervals do not fit together.
pub(crate) fn config(settings: &ReplicationSettings) -> Result<Arc<Config>, String> {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let election = millis(settings.election_timeout);
    let config = Config {
        cluster_name: String::new(),
        heartbeat_interval: millis(settings.heartbeat_interval),
        election_timeout_min: election,
        election_timeout_max: election.saturating_mul(2),
        // Snapshots are made and logs purged only when the log start moves.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: 0,
        purge_batch_size: 1,
        // Unset means off.
        enable_pre_vote: Some(true),
        // A leader that lost an unsynced tail would resume its term and use log ids twice.
        enable_leader_restore: Some(false),
        ..Config::default()
    };
    let config = config.validate().map_err(|error| error.to_string())?;
    Ok(Arc::new(config))
}
