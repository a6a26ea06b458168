//! A bound on bytes that many hold together: who finds none left waits, in turn.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many bytes may be held at a time.
#[derive(Clone, Debug)]
pub(crate) struct ByteBudget {
    free: Arc<Semaphore>,
    bytes_max: u64,
}

impl ByteBudget {
    /// A budget of `bytes_max`; a wish for more counts as that much, so that it is granted alone.
    pub(crate) fn new(bytes_max: u64) -> Self {
        let permits = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        Self {
            free: Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))),
            bytes_max,
        }
    }

    /// Waits for `bytes`. `None` once the budget is closed.
    pub(crate) async fn take(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let wanted = bytes.min(self.bytes_max).min(u64::from(u32::MAX)) as u32;
        self.free.clone().acquire_many_owned(wanted).await.ok()
    }

    /// Waits until nobody holds anything.
    pub(crate) async fn all_returned(&self) {
        let mut left = self.bytes_max.min(Semaphore::MAX_PERMITS as u64);
        let mut held = Vec::new();
        while left > 0 {
            let step = left.min(u64::from(u32::MAX));
            match self.take(step).await {
                Some(permit) => held.push(permit),
                None => return,
            }
            left -= step;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wish_above_the_budget_is_granted_once_all_of_it_is_free() {
        let budget = ByteBudget::new(100);
        let held = budget.take(1).await.unwrap();
        let large = budget.take(1_000_000);
        tokio::pin!(large);
        let waits = futures_util::poll!(large.as_mut()).is_pending();
        assert!(waits);
        drop(held);
        assert!(large.await.is_some());
        budget.all_returned().await;
    }
}
