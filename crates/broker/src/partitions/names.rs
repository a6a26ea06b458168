//! Which broker each replica is, for those who need it on the hot path.

use std::collections::HashMap;
use std::sync::Arc;

use model::{BrokerId, ReplicaId};
use parking_lot::RwLock;

/// The brokers by replica, as the loop that acts upon the state has seen them last.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReplicaNames(Arc<RwLock<HashMap<ReplicaId, BrokerId>>>);

impl ReplicaNames {
    pub(crate) fn broker(&self, replica: ReplicaId) -> Option<BrokerId> {
        self.0.read().get(&replica).copied()
    }

    pub(crate) fn replace(&self, names: HashMap<ReplicaId, BrokerId>) {
        *self.0.write() = names;
    }
}
