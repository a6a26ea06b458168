//! Says on stderr what cannot be read for a while and is tried again: once for each trouble, and nothing of those that
//! are over in a moment.

use std::fmt::Display;
use std::time::Duration;

use client::Trouble;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::output::notice;

/// What is over sooner is not spoken of.
const SPEAKS_AFTER: Duration = Duration::from_secs(1);

/// What was said of the present trouble.
#[derive(Debug, Default)]
pub(super) struct Notes {
    has_spoken: bool,
}

impl Notes {
    /// Notes that something has failed, since then.
    pub(super) fn note(&mut self, since: Instant, error: &impl Display, patience: Duration) {
        if since.elapsed() >= SPEAKS_AFTER && !std::mem::replace(&mut self.has_spoken, true) {
            notice(&format!("{error}; trying again for {patience:?}"));
        }
    }
}

/// Speaks of a consumer's troubles, as long as it runs.
pub(super) async fn tell(mut trouble: watch::Receiver<Option<Trouble>>, patience: Duration) {
    let mut notes = Notes::default();
    loop {
        let now = trouble.borrow_and_update().clone();
        let Some(Trouble { since, error }) = now else {
            notes = Notes::default();
            if trouble.changed().await.is_err() {
                return std::future::pending().await;
            }
            continue;
        };
        notes.note(since, &error, patience);
        let speaks_at = (since + SPEAKS_AFTER).max(Instant::now() + SPEAKS_AFTER / 10);
        tokio::select! {
            changed = trouble.changed() => if changed.is_err() {
                return std::future::pending().await;
            },
            () = sleep_until(speaks_at) => {}
        }
    }
}
