//! A group's own task beside openraft's: stores checkpoints, moves the snapshot and purges, and tells who leads.

use std::sync::Arc;
use std::time::Duration;

use model::ReplicaId;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::Fatal;
use tokio::sync::watch;

use crate::group::Instance;
use crate::raft::machine::Machine;
use crate::raft::shared::Shared;

/// How long until what the disk refused is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Most states that wait to be stored, while the disk refuses; the oldest are given up first.
const CHECKPOINTS_WAITING_MAX: usize = 16;

/// Who leads, as far as this replica knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Leadership {
    pub(crate) leader: Option<ReplicaId>,
    pub(crate) term: u64,
    pub(crate) voters: Vec<ReplicaId>,
}

/// The task's state.
pub(crate) struct Keeper<M: Machine> {
    shared: Arc<Shared<M>>,
    raft: Instance<M>,
    replica: ReplicaId,
    leadership: watch::Sender<Leadership>,
    stopped: watch::Sender<Option<Arc<str>>>,
}

impl<M: Machine> Keeper<M> {
    pub(crate) fn new(shared: Arc<Shared<M>>, raft: Instance<M>, replica: ReplicaId) -> Self {
        Self {
            shared,
            raft,
            replica,
            leadership: watch::Sender::default(),
            stopped: watch::Sender::default(),
        }
    }

    pub(crate) fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.subscribe()
    }

    pub(crate) fn stopped(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.stopped.subscribe()
    }

    /// Runs until the group has stopped.
    pub(crate) async fn run(self) {
        let mut votes = self.shared.votes.votes.failed();
        let failed = async {
            let reason = votes.wait_for(Option::is_some).await;
            // It lives as long as the group: its sender is never gone.
            reason.ok().and_then(|reason| reason.clone())
        };
        let reason = tokio::select! {
            reason = self.follow_leadership() => reason,
            reason = failed => {
                let reason = reason.unwrap_or_else(|| "votes cannot be saved".into());
                self.stopped.send_replace(Some(reason.clone()));
                if let Err(error) = self.raft.shutdown().await {
                    tracing::error!(%error, "Raft has crashed");
                }
                reason
            }
            () = self.keep() => return,
        };
        let log = self.shared.log.path().display();
        if self.shared.is_stopping() {
            tracing::debug!(%log, "the group has stopped");
        } else {
            tracing::warn!(%log, %reason, "the group has stopped");
        }
        self.stopped.send_replace(Some(reason));
    }

    /// Tells who leads; returns why Raft has stopped once it has.
    async fn follow_leadership(&self) -> Arc<str> {
        let mut metrics = self.raft.server_metrics();
        loop {
            let now = {
                let metrics = metrics.borrow_and_update();
                let voters = metrics.membership_config.voter_ids().map(ReplicaId::new);
                Leadership {
                    leader: metrics.current_leader.map(ReplicaId::new),
                    term: metrics.vote.leader_id.term,
                    voters: voters.collect(),
                }
            };
            // A leader without followers has nobody to beat for and nobody to lose an election to.
            let ticks = now.voters != [self.replica] || now.leader != Some(self.replica);
            self.raft.runtime_config().tick(ticks);
            self.leadership
                .send_if_modified(|known| std::mem::replace(known, now.clone()) != now);
            if metrics.changed().await.is_err() {
                return self.reason();
            }
        }
    }

    fn reason(&self) -> Arc<str> {
        if let Some(failed) = self.shared.log.failed() {
            return failed.to_string().into();
        }
        match &self.raft.metrics().borrow_watched().running_state {
            Err(Fatal::Stopped) | Ok(()) => "it was stopped".into(),
            Err(error) => error.to_string().into(),
        }
    }

    /// Does what the state machine leaves to be done off the core.
    async fn keep(&self) {
        loop {
            let (Some(stored), Some(moved)) =
                (self.store_checkpoints().await, self.move_snapshot().await)
            else {
                // Raft or the core is going down: the other branch says why.
                return std::future::pending().await;
            };
            let called = self.shared.keeper.notified();
            if stored && moved {
                called.await;
            } else {
                // Something is in the way, and nobody calls when it is gone. An elapsed timeout is what is meant.
                let _ = tokio::time::timeout(RETRY_INTERVAL, called).await;
            }
        }
    }

    /// Whether all are stored; `None` once the core is going down.
    async fn store_checkpoints(&self) -> Option<bool> {
        let waiting = std::mem::take(&mut *self.shared.checkpoints.lock());
        let mut refused = Vec::new();
        for (base, state) in waiting {
            let (shared, bytes) = (self.shared.clone(), state.clone());
            let stored = move || shared.store_checkpoint(base, &bytes);
            if !tokio::task::spawn_blocking(stored).await.ok()? {
                refused.push((base, state));
            }
        }
        let all = refused.is_empty();
        let mut waiting = self.shared.checkpoints.lock();
        waiting.splice(..0, refused);
        let too_many = waiting.len().saturating_sub(CHECKPOINTS_WAITING_MAX);
        waiting.drain(..too_many);
        Some(all)
    }

    /// First the snapshot, durably; then openraft is told of it; then the log is purged up to it. Whether that is done;
    /// `None` once Raft or the core is going down.
    async fn move_snapshot(&self) -> Option<bool> {
        let shared = self.shared.clone();
        let advance = tokio::task::spawn_blocking(move || shared.advance_snapshot());
        let last = match advance.await.ok()? {
            Ok(Some(last)) => last,
            Ok(None) => return Some(true),
            Err(error) => {
                let log = self.shared.log.path().display();
                tracing::warn!(%log, %error, "snapshot not stored, log not trimmed");
                return Some(false);
            }
        };
        self.raft.trigger().snapshot().await.ok()?;
        let mut snapshot = self.raft.watch_snapshot_progress();
        snapshot.wait_until_ge(&Some(last)).await.ok()?;
        self.raft.trigger().purge_log(last.index).await.ok()?;
        Some(true)
    }
}
