//! Stops a broker: no more work is taken, what is in flight is answered, then the groups stop.

use tokio::time::{Instant, timeout_at};

use crate::Broker;

impl Broker {
    /// Refuses new work, waits (at most `shutdown_wait_max`) for what is in flight and for the loops in the
    /// background, then stops the groups. Long polls answer at once.
    pub async fn shutdown(&self) {
        self.stop.send_replace(true);
        let deadline = Instant::now() + self.settings.shutdown_wait_max;
        if timeout_at(deadline, self.produce_budget.all_returned())
            .await
            .is_err()
        {
            tracing::warn!(
                "shutting down with batches in flight; their producers will not be answered"
            );
        }
        let background = std::mem::take(&mut *self.background.lock());
        for mut task in background {
            if timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
            }
        }
        self.replication.shutdown().await;
    }
}
