//! A running broker: what its use cases share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use model::{Clock, ReplicaId};
use parking_lot::Mutex;
use replication::{Replication, StateGroup};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::budget::ByteBudget;
use crate::meters::Meters;
use crate::neighbours::Neighbours;
use crate::partitions::Partitions;
use crate::producer_ids::ProducerIds;
use crate::state::ClusterMachine;
use crate::{BrokerSettings, NotJoined, StartError};

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
    /// Whether this start is registered and the state is as new as that.
    pub(crate) registered: watch::Sender<bool>,
    /// What keeps this start from being registered.
    pub(crate) joining: Mutex<Option<String>>,
    /// Why the cluster does not take this broker, once that is certain.
    pub(crate) cast_out: watch::Sender<Option<Arc<StartError>>>,
    /// Whether it has been ready since this start.
    pub(crate) was_ready: AtomicBool,
    /// Whether leaderships are handed on because the broker leaves.
    pub(crate) leaving: AtomicBool,
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

    /// Whether this start is registered, and the state known here as new as that.
    pub fn is_registered(&self) -> bool {
        *self.registered.borrow()
    }

    /// Waits until it is, however long that takes.
    pub async fn registered(&self) {
        let mut registered = self.registered.subscribe();
        // The sender is this broker's own: it is not gone.
        let _ = registered.wait_for(|registered| *registered).await;
    }

    /// Sees that the cluster is known here as it was when this start was registered, or newer. Before that, what is known
    /// is as old as the broker's last life: no answer to anybody who asks for topics, brokers or moves.
    ///
    /// # Errors
    /// [`NotJoined`], with what is waited for.
    pub fn joined(&self) -> Result<(), NotJoined> {
        if self.is_registered() {
            return Ok(());
        }
        let reason = self.joining.lock().clone();
        let reason = reason.unwrap_or_else(|| "it has just started".to_owned());
        Err(NotJoined { reason })
    }

    /// Waits until the cluster has refused this broker for good: it is of no use any more. Pending for ever, as a rule.
    pub async fn cast_out(&self) -> Arc<StartError> {
        let mut refused = self.cast_out.subscribe();
        let refused = refused.wait_for(Option::is_some).await;
        match refused.ok().and_then(|reason| reason.clone()) {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
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
