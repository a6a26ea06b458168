//! The peer port: takes streams of other brokers, delivers what they ask, sends the replies.

mod gate;
mod inbound;
mod serve;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::BrokerId;
use parking_lot::Mutex;

pub(super) use serve::serve;

/// Whose stream delivers: of each broker the newest one, so that nothing of an older stream comes behind it.
#[derive(Default)]
pub(super) struct Turns {
    current: Mutex<HashMap<BrokerId, Arc<Mutex<u64>>>>,
    next: AtomicU64,
}

/// A stream's right to deliver.
pub(super) struct Turn {
    current: Arc<Mutex<u64>>,
    number: u64,
}

impl Turns {
    /// A broker's newest stream begins to deliver: its older ones do so no more.
    pub(super) fn begin(&self, broker: BrokerId) -> Turn {
        let number = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let current = self.current.lock().entry(broker).or_default().clone();
        *current.lock() = number;
        Turn { current, number }
    }

    /// Nobody of that number has a stream any more.
    pub(super) fn forget(&self, broker: BrokerId) {
        self.current.lock().remove(&broker);
    }
}

impl Turn {
    /// Delivers, unless a newer stream has begun to. Whether it did.
    pub(super) fn deliver(&self, deliver: impl FnOnce()) -> bool {
        let current = self.current.lock();
        let is_current = *current == self.number;
        if is_current {
            deliver();
        }
        is_current
    }
}
