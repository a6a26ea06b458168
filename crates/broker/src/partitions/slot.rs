//! The place of one partition in the table: open, on its way there, or why not.

use std::sync::Arc;

use parking_lot::RwLock;

use super::LocalPartition;
use crate::PartitionError;

/// The place of one partition.
#[derive(Debug)]
pub(crate) enum Slot {
    /// This broker holds a replica.
    Local(RwLock<Local>),
    /// Only other brokers do.
    Elsewhere,
}

/// How far a local partition has come.
#[derive(Clone, Debug)]
pub(crate) enum Local {
    /// Not opened yet.
    Opening,
    /// Open.
    Open(Arc<LocalPartition>),
    /// Could not be opened.
    Failed {
        /// Why.
        error: PartitionError,
        /// Whether it may be opened without a restart.
        is_worth_another_try: bool,
    },
}

impl Slot {
    pub(crate) fn new(is_local: bool) -> Self {
        if is_local {
            Self::Local(RwLock::new(Local::Opening))
        } else {
            Self::Elsewhere
        }
    }

    /// Whether this broker holds a replica.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// The partition, if it is open here.
    pub(crate) fn open(&self) -> Option<Arc<LocalPartition>> {
        match self {
            Self::Local(state) => match &*state.read() {
                Local::Open(partition) => Some(partition.clone()),
                Local::Opening | Local::Failed { .. } => None,
            },
            Self::Elsewhere => None,
        }
    }

    /// How far it has come; `None` where others hold it.
    pub(crate) fn local(&self) -> Option<Local> {
        match self {
            Self::Local(state) => Some(state.read().clone()),
            Self::Elsewhere => None,
        }
    }

    /// Whether it could not be opened.
    pub(crate) fn has_failed(&self) -> bool {
        match self {
            Self::Local(state) => matches!(&*state.read(), Local::Failed { .. }),
            Self::Elsewhere => false,
        }
    }

    /// Whether it should be opened (again).
    pub(crate) fn wants_opening(&self) -> bool {
        matches!(
            self.local(),
            Some(
                Local::Opening
                    | Local::Failed {
                        is_worth_another_try: true,
                        ..
                    }
            )
        )
    }

    pub(crate) fn set(&self, to: Local) {
        if let Self::Local(state) = self {
            *state.write() = to;
        }
    }
}
