//! Counts the batches that left for the network, and can shut behind the last one.

use std::sync::atomic::{AtomicU64, Ordering};

/// Between the producer and the network: what has not passed was certainly not sent.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// How many have passed, and [`SHUT`].
    state: AtomicU64,
}

const SHUT: u64 = 1 << 63;

impl Gate {
    /// Lets one batch pass; `false` where the gate is shut.
    pub(super) fn pass(&self) -> bool {
        let open = |state: u64| (state & SHUT == 0).then(|| state + 1);
        self.state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, open)
            .is_ok()
    }

    /// Shuts the gate; how many have passed, for good.
    pub(super) fn shut(&self) -> u64 {
        self.state.fetch_or(SHUT, Ordering::AcqRel) & !SHUT
    }
}
