//! A running broker: what its use cases share.

use std::fmt;
use std::sync::Arc;

use model::{Clock, ReplicaId};
use parking_lot::Mutex;
use replication::{Replication, StateGroup};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::BrokerSettings;
use crate::budget::ByteBudget;
use crate::meters::Meters;
use crate::neighbours::Neighbours;
use crate::partitions::Partitions;
use crate::producer_ids::ProducerIds;
use crate::state::ClusterMachine;

/// A running broker. Shared as an `Arc`; [`Broker::start`] makes it.
pub struct Broker {
    pub(crate) settings: BrokerSettings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) replication: Arc<Replication>,
    pub(crate) metadata: StateGroup<ClusterMachine>,
    pub(crate) neighbours: Arc<dyn Neighbours>,
    pub(crate) partitions: Partitions,
    pub(crate) produce_budget: ByteBudget,
    pub(crate) fetch_budget: ByteBudget,
    pub(crate) producer_ids: ProducerIds,
    /// Held by who creates a topic for a first produce, so that it is proposed once.
    pub(crate) auto_creation: tokio::sync::Mutex<()>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) background: Mutex<Vec<JoinHandle<()>>>,
    pub(crate) stop: watch::Sender<bool>,
}

impl Broker {
    /// The settings it was started with.
    pub fn settings(&self) -> &BrokerSettings {
        &self.settings
    }

    /// The replica that this broker is.
    pub(crate) fn replica(&self) -> ReplicaId {
        self.replication.settings().replica
    }

    /// Whether no more work is taken.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Becomes true when no more work is taken.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
