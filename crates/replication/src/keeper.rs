//! A group's own task beside openraft's: stores checkpoints, moves the snapshot and purges, and tells who leads.

use std::sync::Arc;

use model::ReplicaId;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::Fatal;
use tokio::sync::watch;

use crate::group::Instance;
use crate::raft::machine::Machine;
use crate::raft::shared::Shared;

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
        tracing::warn!(log = %self.shared.log.path().display(), %reason, "the group has stopped");
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
            let stored = self.store_checkpoints().await;
            if !stored || !self.move_snapshot().await {
                // Raft or the core is going down: the other branch says why.
                return std::future::pending().await;
            }
            self.shared.keeper.notified().await;
        }
    }

    async fn store_checkpoints(&self) -> bool {
        let waiting = std::mem::take(&mut *self.shared.checkpoints.lock());
        for (base, state) in waiting {
            let shared = self.shared.clone();
            let stored = move || shared.store_checkpoint(base, &state);
            if tokio::task::spawn_blocking(stored).await.is_err() {
                return false;
            }
        }
        true
    }

    /// First the snapshot, durably; then openraft is told of it; then the log is purged up to it.
    async fn move_snapshot(&self) -> bool {
        let shared = self.shared.clone();
        let advance = tokio::task::spawn_blocking(move || shared.advance_snapshot());
        let last = match advance.await {
            Ok(Some(last)) => last,
            Ok(None) => return true,
            Err(_) => return false,
        };
        if self.raft.trigger().snapshot().await.is_err() {
            return false;
        }
        let mut snapshot = self.raft.watch_snapshot_progress();
        if snapshot.wait_until_ge(&Some(last)).await.is_err() {
            return false;
        }
        self.raft.trigger().purge_log(last.index).await.is_ok()
    }
}
