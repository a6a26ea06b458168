//! How much may be in flight: batches and bytes.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bounds what is in flight.
#[derive(Debug)]
pub(super) struct Window {
    batches: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    bytes_max: u32,
}

/// A batch's room in the window, given back when dropped.
#[derive(Debug)]
pub(super) struct Room {
    _batch: Option<OwnedSemaphorePermit>,
    _bytes: Option<OwnedSemaphorePermit>,
}

impl Window {
    pub(super) fn new(batches_max: usize, bytes_max: usize) -> Self {
        let bytes_max = u32::try_from(bytes_max.max(1)).unwrap_or(u32::MAX);
        Self {
            batches: Arc::new(Semaphore::new(batches_max.clamp(1, Semaphore::MAX_PERMITS))),
            bytes: Arc::new(Semaphore::new(bytes_max as usize)),
            bytes_max,
        }
    }

    /// Waits for room. A batch larger than the window waits until it is empty.
    pub(super) async fn enter(&self, bytes: usize) -> Room {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.bytes_max);
        // The semaphores are never closed, so there is always a permit.
        Room {
            _batch: Arc::clone(&self.batches).acquire_owned().await.ok(),
            _bytes: Arc::clone(&self.bytes).acquire_many_owned(bytes).await.ok(),
        }
    }
}
