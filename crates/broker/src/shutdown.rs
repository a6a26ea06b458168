//! Stops a broker: leaderships are handed on, no more work is taken, what is in flight is answered, then the groups
//! stop. All of it together takes no longer than is set.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::Broker;

/// How soon those that were not in sync are looked at again.
const LEAVE_RETRY: Duration = Duration::from_millis(50);

impl Broker {
    /// Hands on every leadership that somebody else can take, in at most half of `shutdown_wait_max`, and takes none
    /// back. What is produced meanwhile is still taken. For before a shutdown; another call does nothing.
    pub async fn leave(&self) {
        if self.leaving.swap(true, Ordering::AcqRel) {
            return;
        }
        let deadline = Instant::now() + self.settings.shutdown_wait_max / 2;
        // The others hand nothing to this broker meanwhile.
        self.neighbours.tell_load(self.load());
        let handing_on = async {
            let mut handed = 0;
            loop {
                handed += self.hand_all_on().await;
                if !self.leads_what_others_could() {
                    return handed;
                }
                tokio::time::sleep(LEAVE_RETRY).await;
            }
        };
        match timeout_at(deadline, handing_on).await {
            Ok(0) => {}
            Ok(leaderships) => tracing::info!(leaderships, "handed on what this broker led"),
            Err(_) => tracing::warn!("not everything that this broker led could be handed on"),
        }
    }

    /// Leaves, refuses new work, waits (at most `shutdown_wait_max`, all told) for what is in flight and for the loops
    /// in the background, then stops the groups. Long polls answer at once.
    pub async fn shutdown(&self) {
        let deadline = Instant::now() + self.settings.shutdown_wait_max;
        self.leave().await;
        self.stop.send_replace(true);
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
