//! What happens between a failed sync and the end of the instance: a leader may hand over first.
//!
//! To openraft a failed append is the end, and an instance that has ended hands nothing over. So a leader with followers
//! holds the bad news back until that is tried.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

type Tell = Box<dyn FnOnce() + Send>;

/// The bad news of one group.
#[derive(Default)]
pub(crate) struct AfterFailure {
    /// Whether there is somebody to hand over to, and nothing has failed yet.
    holds_back: AtomicBool,
    held_back: Mutex<Vec<Tell>>,
    called: Notify,
}

impl AfterFailure {
    /// Says whether this replica leads others.
    pub(crate) fn leads_others(&self, leads: bool) {
        self.holds_back.store(leads, Ordering::Release);
    }

    /// An append has failed for good; `tell` tells openraft so.
    pub(crate) fn append_failed(&self, tell: Tell) {
        if self.holds_back.load(Ordering::Acquire) {
            self.held_back.lock().push(tell);
            self.called.notify_one();
        } else {
            tell();
        }
    }

    /// Waits until bad news is held back.
    pub(crate) async fn called(&self) {
        self.called.notified().await;
    }

    /// Tells openraft, now and from now on.
    pub(crate) fn tell(&self) {
        self.leads_others(false);
        let held_back = std::mem::take(&mut *self.held_back.lock());
        held_back.into_iter().for_each(|tell| tell());
    }
}
