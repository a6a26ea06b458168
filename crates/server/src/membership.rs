//! Which cluster a data directory belongs to, and as which replica: known before its groups are opened.

use model::{ClusterId, ReplicaId};
use thiserror::Error;

use crate::data_directory::{Bond, DataDirectory, DirectoryError};
use crate::settings::Settings;

/// How many brokers form the cluster of a broker alone.
const ALONE: u32 = 1;

/// Why a broker cannot be what its settings say.
#[derive(Debug, Error)]
pub enum MembershipError {
    /// The cluster has other brokers, and no way to them is given.
    #[error(
        "the data directory belongs to cluster {cluster}, which has other brokers, but cluster_peers is not set; say \
         where they are with --cluster-peers, or choose an empty directory with --data"
    )]
    NeedsPeers {
        /// The cluster.
        cluster: ClusterId,
    },
    /// It may hold a cluster of one.
    #[error(
        "the data directory was written by a broker alone, of a version that did not note its cluster; start it once \
         without cluster_peers, then with them"
    )]
    Unnoted,
}

/// Refuses a directory that does not know whether it holds a cluster already.
///
/// # Errors
/// [`MembershipError::Unnoted`].
pub(crate) fn among_others(directory: &DataDirectory) -> Result<(), MembershipError> {
    match directory.bond() {
        Bond::Unnoted => Err(MembershipError::Unnoted),
        Bond::None | Bond::Promised { .. } | Bond::Member { .. } => Ok(()),
    }
}

/// The replica that a broker alone is. Its cluster issues the same, once there is one: a broker that forms one bears
/// its own number, and any other alone is the first to come after those.
///
/// # Errors
/// [`MembershipError`].
pub(crate) fn alone(
    settings: &Settings,
    directory: &DataDirectory,
) -> Result<ReplicaId, MembershipError> {
    match directory.bond() {
        Bond::Member {
            cluster,
            initial_brokers,
            ..
        } if initial_brokers != Some(ALONE) => Err(MembershipError::NeedsPeers { cluster }),
        Bond::Promised {
            cluster,
            initial_brokers,
        } if initial_brokers != ALONE => Err(MembershipError::NeedsPeers { cluster }),
        Bond::Member { replica, .. } => Ok(replica),
        Bond::None | Bond::Unnoted | Bond::Promised { .. } => {
            Ok(ReplicaId::new(u64::from(settings.id.min(ALONE))))
        }
    }
}

/// Notes the cluster that a broker alone has formed.
///
/// # Errors
/// [`DirectoryError`].
pub(crate) fn note_alone(
    directory: &DataDirectory,
    cluster: Option<ClusterId>,
    replica: ReplicaId,
) -> Result<(), DirectoryError> {
    let Some(cluster) = cluster else {
        return Ok(());
    };
    directory.join(Bond::Member {
        cluster,
        replica,
        initial_brokers: Some(ALONE),
    })
}
