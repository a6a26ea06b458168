//! Opens this broker's replica of the metadata. A damaged one is repaired from the other brokers first, however long that
//! takes: without it nobody knows which partitions are to be here. Who they are is known from the network.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use metadata::members::founding_voters;
use model::ReplicaId;
use replication::{GroupStart, OpenGroupError, Replication, StateGroup};

use crate::neighbours::Neighbours;
use crate::partitions::stored_groups;
use crate::state::ClusterMachine;
use crate::{Formation, StartError};

/// The number and name of the group that replicates the cluster's state.
const METADATA_GROUP_ID: u16 = 0;
const METADATA_GROUP: &str = "metadata";

/// How often it is looked whether a repair has ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Opens the metadata group.
///
/// # Errors
/// [`StartError::Metadata`], naming file and byte where it is damaged and this broker is alone.
pub(super) async fn open(
    replication: &Arc<Replication>,
    neighbours: &Arc<dyn Neighbours>,
    formation: Formation,
) -> Result<StateGroup<ClusterMachine>, StartError> {
    check_not_lost(replication).await?;
    let start = group_start(replication.settings().replica, formation);
    loop {
        let machine = ClusterMachine::default();
        let opened =
            replication.open_state_group(METADATA_GROUP_ID, METADATA_GROUP, machine, start.clone());
        match opened.await {
            Ok(group) => return Ok(group),
            Err(OpenGroupError::Repairing { .. }) => {}
            Err(error) if error.is_damage() && formation != Formation::Alone => {
                tracing::error!(%error, "the metadata here is damaged, and repaired from the other brokers");
                repair(replication, neighbours, error.suspect()).await;
            }
            Err(error) => {
                return Err(StartError::Metadata {
                    reason: error.to_string(),
                });
            }
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

async fn repair(
    replication: &Replication,
    neighbours: &Arc<dyn Neighbours>,
    suspect: Option<&Path>,
) {
    let neighbours = neighbours.clone();
    let others = Arc::new(move || neighbours.replicas());
    let suspects = suspect.map(Path::to_owned).into_iter().collect();
    let begun = replication.repair_state_group(METADATA_GROUP_ID, METADATA_GROUP, others, suspects);
    begun.await;
}

/// How the group begins where it has no files here.
fn group_start(replica: ReplicaId, formation: Formation) -> GroupStart {
    match formation {
        Formation::Alone => GroupStart::alone(replica),
        Formation::Founded {
            initial_brokers, ..
        } => {
            let voters = founding_voters(initial_brokers);
            match voters.contains(&replica) {
                true => GroupStart::Found(voters),
                false => GroupStart::Join,
            }
        }
        Formation::Joined { .. } => GroupStart::Join,
    }
}

/// Without the metadata nobody knows whose the partitions here are: as leftovers they would be deleted; and a group
/// that began anew would vote with a memory that is lost.
async fn check_not_lost(replication: &Arc<Replication>) -> Result<(), StartError> {
    let partitions = stored_groups(replication).await?.len();
    let shared = replication.clone();
    let looked = replication::process::blocking(move || shared.has_state_group(METADATA_GROUP));
    let failed = |reason: String| StartError::Directory { reason };
    let is_there = looked
        .await
        .map_err(|error| failed(error.to_string()))?
        .map_err(|error| failed(error.to_string()))?;
    if partitions > 0 && !is_there {
        return Err(StartError::MetadataLost { partitions });
    }
    Ok(())
}
