//! Starts a broker: metadata, identity, partitions, then what runs in the background.

use std::sync::Arc;

use metadata::command::{FormCluster, RegisterBroker};
use metadata::{Answer, Command, Limits};
use model::{Clock, ClusterId};
use parking_lot::Mutex;
use replication::{GroupStart, Replication, StateGroup};
use tokio::sync::watch;

use crate::budget::ByteBudget;
use crate::meters::Meters;
use crate::neighbours::NoNeighbours;
use crate::partitions::{Partitions, Reconciler, stored_groups};
use crate::producer_ids::ProducerIds;
use crate::state::ClusterMachine;
use crate::{Broker, BrokerSettings, StartError, gauges, retention, scrub};

/// The number of the group that replicates the cluster's state, and its name.
const METADATA_GROUP_ID: u16 = 0;
const METADATA_GROUP: &str = "metadata";

impl Broker {
    /// Starts a broker on the groups of its data directory; forms a cluster where there is none. When this returns,
    /// every local partition was opened or is known to be unusable; see [`Broker::readiness`].
    ///
    /// # Errors
    /// [`StartError`]. A damaged partition is no reason: it refuses what is asked of it.
    pub async fn start(
        replication: Arc<Replication>,
        clock: Arc<dyn Clock>,
        settings: BrokerSettings,
    ) -> Result<Arc<Self>, StartError> {
        if settings.initial_brokers != 1 {
            return Err(StartError::NotYet {
                wanted: settings.initial_brokers,
            });
        }
        let metadata = open_metadata(&replication).await?;
        let broker = Arc::new(Self {
            produce_budget: ByteBudget::new(settings.produce_bytes_in_flight_max),
            fetch_budget: ByteBudget::new(settings.fetch_bytes_in_flight_max),
            producer_ids: ProducerIds::default(),
            partitions: Partitions::new(),
            auto_creation: tokio::sync::Mutex::default(),
            meters: Arc::new(Meters::new()),
            background: Mutex::default(),
            stop: watch::Sender::new(false),
            neighbours: Arc::new(NoNeighbours {
                broker: settings.identity.broker,
            }),
            settings,
            clock,
            replication,
            metadata,
        });
        broker.form().await?;
        broker.register().await?;
        let mut reconciler = Reconciler::default();
        reconciler.find_leftovers(&broker).await?;
        reconciler.pass(&broker).await;
        broker.background.lock().extend([
            tokio::spawn(reconciler.run(broker.clone())),
            tokio::spawn(retention::run(broker.clone())),
            tokio::spawn(scrub::run(broker.clone())),
            tokio::spawn(gauges::run(broker.clone())),
        ]);
        Ok(broker)
    }

    /// Gives the cluster its identity, if it has none.
    async fn form(&self) -> Result<(), StartError> {
        if let Some(cluster) = self.state(|state| state.cluster()) {
            tracing::info!(%cluster, "the cluster is known");
            return Ok(());
        }
        // Without the metadata nobody knows whose these are; as leftovers they would be deleted.
        let orphans = stored_groups(self).await?.len();
        if orphans > 0 {
            return Err(StartError::MetadataLost {
                partitions: orphans,
            });
        }
        let cluster = ClusterId::from_bytes(rand::random());
        let command = Command::FormCluster(FormCluster {
            cluster,
            initial_brokers: self.settings.initial_brokers,
            limits: Limits::default(),
        });
        self.change(command).await.map_err(StartError::Form)?;
        tracing::info!(%cluster, "the cluster has formed");
        Ok(())
    }

    async fn register(&self) -> Result<(), StartError> {
        let identity = self.settings.identity.clone();
        let command = Command::RegisterBroker(RegisterBroker {
            broker: identity.broker,
            disk: identity.disk,
            start_counter: identity.start_counter,
            grpc_address: identity.grpc_address,
            peer_address: identity.peer_address,
            rack: identity.rack,
        });
        let answer = self.change(command).await.map_err(StartError::Register)?;
        match answer {
            Answer::BrokerRegistered { replica, .. } if replica != self.replica() => {
                Err(StartError::OtherReplica {
                    issued: replica.get(),
                    opened: self.replica().get(),
                })
            }
            _ => Ok(()),
        }
    }
}

/// Opens the metadata group and waits until it serves: only then is its state complete.
async fn open_metadata(
    replication: &Replication,
) -> Result<StateGroup<ClusterMachine>, StartError> {
    let start = GroupStart::alone(replication.settings().replica);
    let opened = replication
        .open_state_group(
            METADATA_GROUP_ID,
            METADATA_GROUP,
            ClusterMachine::default(),
            start,
        )
        .await;
    let group = opened.map_err(|error| StartError::Metadata {
        reason: error.to_string(),
    })?;
    let status = group.serving().await;
    let stuck = group.read(|machine| machine.stuck().map(|error| error.to_string()));
    match stuck.or(status.stopped.map(|reason| reason.to_string())) {
        Some(reason) => Err(StartError::Metadata { reason }),
        None => Ok(group),
    }
}
