//! The task that repairs one replica, again and again until nothing is missing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use segment_log::{LogRepair, LogSettings, RepairError};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::ask::{OtherReplicas, Others};
use super::door::Door;
use super::pass::{Pass, Passed};
use crate::group::{Stop, Surroundings};
use crate::peer::GroupId;
use crate::process;
use crate::raft::shared::GroupVotes;
use crate::stand_in::StandIn;

/// How soon others are asked again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Stands in the place of a group while its log is repaired.
pub(crate) struct RepairTask {
    state: watch::Sender<String>,
    repair: UnderRepair,
    task: StandIn,
}

/// The log, once it has been looked through, until the repair has ended.
pub(super) type UnderRepair = Arc<Mutex<Option<LogRepair>>>;

/// Which log is repaired, and with whose help.
pub(crate) struct Repairing {
    pub(crate) around: Surroundings,
    pub(crate) home: Handle,
    pub(crate) group: GroupId,
    pub(crate) path: PathBuf,
    /// Of its vote.
    pub(crate) key: Vec<u8>,
    pub(crate) settings: LogSettings,
    pub(crate) suspects: Vec<PathBuf>,
    pub(crate) others: OtherReplicas,
}

impl RepairTask {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: watch::Sender::new("it is being looked through".to_owned()),
            repair: UnderRepair::default(),
            task: StandIn::new("a repair"),
        })
    }

    /// Begins; `done` is called once nothing is missing, unless the task was stopped before.
    pub(crate) fn begin(self: &Arc<Self>, what: Repairing, done: impl FnOnce() + Send + 'static) {
        let this = self.clone();
        let home = what.home.clone();
        let repairing = async move { this.run(what).await };
        let repair = self.repair.clone();
        let close = move || drop(repair.lock().take());
        self.task.begin(&home, repairing, close, |()| done());
    }

    async fn run(&self, what: Repairing) {
        let log = what.path.clone();
        loop {
            let (directory, path) = (what.around.directory.clone(), what.path.clone());
            let (settings, suspects) = (what.settings.clone(), what.suspects.clone());
            let repair = self.repair.clone();
            let open = move || {
                let opened = directory.open_for_repair(&path, settings, &suspects)?;
                let state = missing(&opened);
                *repair.lock() = Some(opened);
                Ok::<_, RepairError>(state)
            };
            let reason = match process::blocking(open).await {
                Ok(Ok(state)) => {
                    self.state.send_replace(state);
                    break;
                }
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            };
            self.tell(&log, reason);
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
        let door = Door {
            repair: self.repair.clone(),
            home: what.home.clone(),
        };
        let _registration = what.around.peers.register(what.group, Arc::new(door));
        let pass = Pass {
            repair: self.repair.clone(),
            others: Others {
                peers: what.around.peers.clone(),
                group: what.group,
                replicas: what.others,
            },
            votes: GroupVotes {
                votes: what.around.votes.clone(),
                key: what.key.into(),
            },
            pace: what.around.pace.clone(),
        };
        loop {
            match pass.run().await {
                Ok(Passed::Whole) => break,
                Ok(Passed::Waiting(reason)) | Err(reason) => {
                    let missing = pass.with(|repair| missing(repair)).await;
                    let missing = missing.unwrap_or_default();
                    self.tell(&log, format!("{missing}; nobody has it: {reason}"));
                }
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
        tracing::info!(log = %log.display(), "repaired");
    }

    fn tell(&self, log: &std::path::Path, state: String) {
        let is_news = self.state.send_if_modified(|known| {
            let is_news = *known != state;
            known.clone_from(&state);
            is_news
        });
        if is_news {
            tracing::error!(log = %log.display(), %state, "the repair waits");
        }
    }
}

fn missing(repair: &LogRepair) -> String {
    if let Some(reason) = repair.lost_terms().or(repair.lost_start()) {
        return format!(
            "a file beside {} is damaged: {reason}",
            repair.path().display()
        );
    }
    let missing = repair.missing();
    if let (Some(reason), true) = (repair.lost_snapshot(), missing.is_empty()) {
        return format!(
            "the snapshot beside {} is lost, and entries before {} with it: {reason}",
            repair.path().display(),
            repair.first_index()
        );
    }
    if missing.is_empty() && repair.hides_tail() {
        return format!(
            "the device refuses some of the last segment of {}; whether entries from {} on are missing a leader must tell",
            repair.path().display(),
            repair.durable_index()
        );
    }
    let Some(first) = missing.first() else {
        return "nothing is missing".to_owned();
    };
    format!(
        "{} is damaged at byte {}: {}; entries from {} below {} are missing",
        first.file.display(),
        first.byte,
        first.reason,
        first.first,
        first.end
    )
}

impl Stop for RepairTask {
    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.task.stop())
    }

    fn repairing(&self) -> Option<String> {
        Some(self.state.borrow().clone())
    }
}
