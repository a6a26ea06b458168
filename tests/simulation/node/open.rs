//! Opens a node's group, and stands in for the sync threads of its directory.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::{Durability, ReplicaId};
use replication::process::{SimulatedProcess, spawn};
use replication::{GroupStart, LogSettings, OpenGroupError, Replication};
use segment_log::{FlushWork, LogDirectory};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::{Boot, Damage, Failed, PARTITION, topic};

/// A device that refuses is tried again.
pub(super) fn failed(error: &dyn std::fmt::Display) -> Failed {
    let text = error.to_string();
    match text.contains("os error") || text.contains("storage") {
        true => Failed::Passing(text),
        false => Failed::Final(text),
    }
}

/// Opens a node's group.
pub(super) struct Opener {
    pub(super) replica: ReplicaId,
    pub(super) settings: LogSettings,
    pub(super) held: Arc<AtomicU64>,
}

impl Opener {
    pub(super) async fn open(
        &self,
        replication: Arc<Replication>,
        directory: Arc<LogDirectory>,
        start: GroupStart,
    ) -> Boot {
        let opened = replication
            .open_log_group(topic(), PARTITION, self.settings.clone(), start, 0)
            .await;
        let error = match opened {
            Ok(group) => {
                let held = self.held.load(Ordering::Relaxed);
                let ends = group.log().ends();
                // What is there is not synced anew where nobody waits for that.
                let here = match self.settings.durability {
                    Durability::Fsync => ends.durable_offset.get(),
                    Durability::PageCache => ends.end_offset.get(),
                };
                if here < held {
                    return Boot::Failed(Failed::Forgetful(format!(
                        "replica {} held all that was committed below {held}, and now has the log up to {here}",
                        self.replica
                    )));
                }
                return Boot::Up(replication, directory, group);
            }
            Err(error) => error,
        };
        if let OpenGroupError::Repairing { .. } = error {
            return Boot::Repairing;
        }
        if let OpenGroupError::InDoubt { since, .. } = error {
            return Boot::InDoubt(replication, directory, since);
        }
        if !error.is_damage() {
            return Boot::Failed(match error.passes() {
                true => Failed::Passing(error.to_string()),
                false => failed(&error),
            });
        }
        let reason = error.to_string();
        let suspects: Vec<_> = error.suspect().map(Path::to_owned).into_iter().collect();
        let damage = Damage {
            is_unreadable: suspects.is_empty(),
            suspects,
            reason,
        };
        Boot::Damaged(replication, directory, damage)
    }

    pub(super) async fn remove(
        &self,
        replication: Arc<Replication>,
        directory: Arc<LogDirectory>,
    ) -> Boot {
        // Nobody counts on it any more, however far the removal comes.
        self.held.store(0, Ordering::Relaxed);
        match replication.remove_log_group(topic(), PARTITION).await {
            Ok(()) => Boot::Empty(replication, directory),
            Err(error) => Boot::Failed(Failed::Passing(error.to_string())),
        }
    }
}

/// Stands in for the sync threads.
pub(super) fn flush(directory: &Arc<LogDirectory>, process: SimulatedProcess) {
    let (round, notes) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (call_round, call_notes) = (round.clone(), notes.clone());
    directory.on_flush_work(Box::new(move |work| match work {
        FlushWork::Round => call_round.notify_one(),
        FlushWork::Notes => call_notes.notify_one(),
    }));
    let weak = Arc::downgrade(directory);
    let device = process.clone();
    spawn(async move {
        loop {
            round.notified().await;
            device.device_delay().await;
            let Some(directory) = weak.upgrade() else {
                return;
            };
            directory.run_round();
        }
    });
    let weak = Arc::downgrade(directory);
    spawn(async move {
        loop {
            notes.notified().await;
            sleep(Duration::from_millis(100)).await;
            process.device_delay().await;
            let Some(directory) = weak.upgrade() else {
                return;
            };
            directory.note_ends();
        }
    });
}
