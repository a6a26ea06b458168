//! Starts a broker: metadata, identity, partitions, then what runs in the background.
//!
//! A broker alone waits until it serves. One among others does not wait for them: where too few are there to lead the
//! metadata, it opens what it holds, answers what it can, and goes on joining in the background. Where its own copy of the
//! metadata is damaged it does nothing before that is repaired: an old copy must not be taken for the truth.

mod join;
mod metadata;

pub use join::{registered_replica, registration};

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use model::Clock;
use parking_lot::Mutex;
use replication::Replication;
use replication::process::spawn;
use tokio::sync::watch;

use crate::budget::ByteBudget;
use crate::meters::Meters;
use crate::neighbours::{Neighbours, NoNeighbours};
use crate::partitions::{Partitions, Reconciler, heal};
use crate::producer_ids::ProducerIds;
use crate::{Broker, BrokerSettings, Formation, StartError};
use crate::{hearsay, leadership, movement, retention, scrub};

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
        let formation = settings.formation;
        let metadata = metadata::open(&replication, &neighbours, formation).await?;
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
            was_ready: AtomicBool::new(false),
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
