//! Starts a broker: metadata, identity, partitions, then what runs in the background.
//!
//! A broker alone waits until it serves. One among others does not wait for them: where too few are there to lead the
//! metadata, it opens what it holds, answers what it can, and goes on joining in the background.

mod join;

pub use join::{registered_replica, registration};

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use metadata::members::founding_voters;
use model::Clock;
use parking_lot::Mutex;
use replication::process::spawn;
use replication::{GroupStart, Replication, StateGroup};
use tokio::sync::watch;

use crate::budget::ByteBudget;
use crate::meters::Meters;
use crate::neighbours::{Neighbours, NoNeighbours};
use crate::partitions::{Partitions, Reconciler, heal, stored_groups};
use crate::producer_ids::ProducerIds;
use crate::state::ClusterMachine;
use crate::{Broker, BrokerSettings, Formation, StartError};
use crate::{hearsay, leadership, movement, retention, scrub};

/// The number and name of the group that replicates the cluster's state.
const METADATA_GROUP_ID: u16 = 0;
const METADATA_GROUP: &str = "metadata";

/// How long a start waits for the rest of the cluster before it goes on without.
const JOIN_WAIT_MAX: Duration = Duration::from_secs(2);

impl Broker {
    /// Starts a broker alone on the groups of its data directory; forms a cluster where there is none. When this
    /// returns, every local partition was opened or is known to be unusable; see [`Broker::readiness`].
    ///
    /// # Errors
    /// [`StartError`]. A damaged partition is no reason: it refuses what is asked of it.
    pub async fn start(
        replication: Arc<Replication>,
        clock: Arc<dyn Clock>,
        settings: BrokerSettings,
    ) -> Result<Arc<Self>, StartError> {
        let neighbours = NoNeighbours {
            broker: settings.identity.broker,
        };
        Self::start_among(replication, Arc::new(neighbours), clock, settings).await
    }

    /// Starts a broker among others, which are reached through the peers that `replication` was opened with and heard of
    /// through `neighbours`. It may not belong to the cluster yet when this returns; then the partitions that have files
    /// here are open, and it goes on trying: see [`Broker::readiness`] and [`Broker::cast_out`].
    ///
    /// # Errors
    /// [`StartError`]. A damaged partition is no reason: it refuses what is asked of it.
    pub async fn start_among(
        replication: Arc<Replication>,
        neighbours: Arc<dyn Neighbours>,
        clock: Arc<dyn Clock>,
        settings: BrokerSettings,
    ) -> Result<Arc<Self>, StartError> {
        let metadata = open_metadata(&replication, settings.formation).await?;
        let broker = Arc::new(Self {
            produce_budget: ByteBudget::new(settings.produce_bytes_in_flight_max),
            fetch_budget: ByteBudget::new(settings.fetch_bytes_in_flight_max),
            producer_ids: ProducerIds::default(),
            partitions: Partitions::new(),
            auto_creation: tokio::sync::Mutex::default(),
            meters: Arc::new(Meters::new()),
            background: Mutex::default(),
            stop: watch::Sender::new(false),
            registered: watch::Sender::new(false),
            joining: Mutex::default(),
            cast_out: watch::Sender::default(),
            leaving: AtomicBool::new(false),
            neighbours,
            settings,
            clock,
            replication,
            metadata,
        });
        let is_joined = broker.join_at_first().await?;
        let mut reconciler = Reconciler::new(&broker).await?;
        reconciler.pass(&broker).await;
        if !is_joined {
            let joining = spawn(join::run(broker.clone()));
            broker.background.lock().push(joining);
        }
        broker.background.lock().extend([
            spawn(reconciler.run(broker.clone())),
            spawn(movement::run(broker.clone())),
            spawn(leadership::run(broker.clone())),
            spawn(hearsay::run(broker.clone())),
            spawn(retention::run(broker.clone())),
            spawn(scrub::run(broker.clone())),
            spawn(heal::run(broker.clone())),
        ]);
        Ok(broker)
    }

    /// Joins, where that does not take long. A broker alone has nobody to wait for but itself.
    async fn join_at_first(&self) -> Result<bool, StartError> {
        if self.settings.formation == Formation::Alone {
            self.serve_metadata().await?;
            self.join_alone().await?;
            return Ok(true);
        }
        match tokio::time::timeout(JOIN_WAIT_MAX, self.join()).await {
            Ok(joined) => joined.map(|()| true),
            Err(_) => Ok(false),
        }
    }

    /// Waits until this broker serves the metadata: only then is its state complete.
    async fn serve_metadata(&self) -> Result<(), StartError> {
        self.metadata.serving().await;
        match self.metadata_stopped() {
            Some(reason) => Err(StartError::Metadata { reason }),
            None => Ok(()),
        }
    }

    /// Why nothing is applied to the state any more, if so.
    fn metadata_stopped(&self) -> Option<String> {
        let stuck = self
            .metadata
            .read(|machine| machine.stuck().map(|error| error.to_string()));
        let stopped = self.metadata.status().stopped;
        stuck.or(stopped.map(|reason| reason.to_string()))
    }
}

async fn open_metadata(
    replication: &Arc<Replication>,
    formation: Formation,
) -> Result<StateGroup<ClusterMachine>, StartError> {
    check_not_lost(replication).await?;
    let replica = replication.settings().replica;
    let start = match formation {
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
    };
    let opened = replication
        .open_state_group(
            METADATA_GROUP_ID,
            METADATA_GROUP,
            ClusterMachine::default(),
            start,
        )
        .await;
    opened.map_err(|error| StartError::Metadata {
        reason: error.to_string(),
    })
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
