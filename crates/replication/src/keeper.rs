//! A group's own task beside openraft's: stores checkpoints, moves the snapshot and purges, and tells who leads.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::ReplicaId;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::Fatal;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::group::{Instance, Instances};
use crate::members::Members;
use crate::process;
use crate::raft::handover::Handover;
use crate::raft::machine::Machine;
use crate::raft::shared::Shared;
use crate::settings::ReplicationSettings;

/// How long until what the disk refused is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Most states that wait to be stored, while the disk refuses; the oldest are given up first.
const CHECKPOINTS_WAITING_MAX: usize = 16;
/// How long the first voter of a new group waits before it stands for election, and again, twice as long each time: the
/// others are being opened.
const STAND_INTERVAL: Duration = Duration::from_millis(50);
const STANDS_MAX: u32 = 6;
/// How many election timeouts a proposer waits for its answer while nobody is known to lead on in its term.
const PROPOSER_PATIENCE: u32 = 4;

/// Who leads, as far as this replica knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Leadership {
    pub(crate) leader: Option<ReplicaId>,
    pub(crate) term: u64,
    pub(crate) members: Members,
    /// How many elections were seen decided.
    pub(crate) elections: u64,
}

impl Leadership {
    /// Takes what is known now; says whether it is news.
    fn update(&mut self, mut now: Self) -> bool {
        let is_decided = now.leader.is_some() && (now.leader, now.term) != (self.leader, self.term);
        now.elections = self.elections + u64::from(is_decided);
        std::mem::replace(self, now.clone()) != now
    }
}

/// The task's state.
pub(crate) struct Keeper<M: Machine> {
    shared: Arc<Shared<M>>,
    instances: Arc<Instances<M>>,
    replica: ReplicaId,
    follower_patience: Duration,
    leadership: watch::Sender<Leadership>,
    stopped: watch::Sender<Option<Arc<str>>>,
}

impl<M: Machine> Keeper<M> {
    pub(crate) fn new(instances: Arc<Instances<M>>, settings: &ReplicationSettings) -> Self {
        Self {
            shared: instances.shared.clone(),
            instances,
            replica: settings.replica,
            follower_patience: settings.follower_patience,
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
        let (reason, has_failed) = tokio::select! {
            reason = self.follow_leadership() => (reason, self.shared.log.failed().is_some()),
            () = self.shared.log_failed.notified() => (self.reason(&self.instances.current()), true),
            reason = failed => (reason.unwrap_or_else(|| "votes cannot be saved".into()), true),
            () = self.keep() => return,
            () = self.stand() => return,
            () = self.give_up_waiting() => return,
        };
        if has_failed && !self.shared.is_stopping() {
            self.stopped.send_replace(Some(reason.clone()));
            self.hand_on().await;
            self.instances.stop().await;
        }
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
        let mut instances = self.instances.subscribe();
        loop {
            let raft = instances.borrow_and_update().clone();
            self.follow_instance(&raft).await;
            self.instances.settled().await;
            if !instances.has_changed().unwrap_or(false) {
                return self.reason(&raft);
            }
        }
    }

    /// Tells who leads until the instance has stopped.
    async fn follow_instance(&self, raft: &Instance<M>) {
        let mut metrics = raft.server_metrics();
        loop {
            let now = {
                let metrics = metrics.borrow_and_update();
                let members = metrics.membership_config.membership();
                let replicas =
                    |ids: &mut dyn Iterator<Item = u64>| ids.map(ReplicaId::new).collect();
                Leadership {
                    leader: metrics.current_leader.map(ReplicaId::new),
                    term: metrics.vote.leader_id.term,
                    members: Members {
                        voters: replicas(&mut members.voter_ids()),
                        learners: replicas(&mut members.learner_ids()),
                    },
                    elections: 0,
                }
            };
            let is_alone = now.members == Members::of_voters([self.replica]);
            // A leader without followers has nobody to beat for and nobody to lose an election to.
            let ticks = !is_alone || now.leader != Some(self.replica);
            raft.runtime_config().tick(ticks);
            self.leadership.send_if_modified(|known| known.update(now));
            if metrics.changed().await.is_err() {
                return;
            }
        }
    }

    /// Stands for election until somebody leads, where this replica is to be the first leader of a new group. The vote
    /// before the vote costs no term.
    async fn stand(&self) {
        let mut leadership = self.leadership.subscribe();
        let stands = match self.instances.stands_first {
            true => STANDS_MAX,
            false => 0,
        };
        for stand in 0..stands {
            let decided = leadership.wait_for(|now| now.leader.is_some());
            if tokio::time::timeout(STAND_INTERVAL * (1 << stand), decided)
                .await
                .is_ok()
            {
                break;
            }
            if self
                .instances
                .current()
                .trigger()
                .elect(true)
                .await
                .is_err()
            {
                break;
            }
        }
        std::future::pending().await
    }

    /// Hands leadership on where the disk has failed under a leader.
    async fn hand_on(&self) {
        let raft = self.instances.current();
        if let Some(handover) = Handover::of(&raft, self.replica) {
            let (log, heir) = (self.shared.log.path().display(), handover.heir());
            tracing::warn!(%log, %heir, "handing leadership on, for the disk has failed");
            self.instances.hand_over(handover).await;
        }
    }

    /// Tells proposers that the outcome is unknown, where nobody may ever learn it: a leader that is cut off neither
    /// commits what was proposed nor hears that another leads.
    async fn give_up_waiting(&self) {
        let patience = self.instances.election_timeout * PROPOSER_PATIENCE;
        loop {
            self.shared.waiting.came().await;
            while let Some(since) = self.shared.waiting.since() {
                let now = Instant::now();
                // Whoever is led on waits on, and is looked at again.
                let until = (since + patience).max(now + patience / 4);
                tokio::time::sleep_until(until).await;
                let Some(before) = Instant::now().checked_sub(patience) else {
                    continue;
                };
                let given_up = self.shared.waiting.give_up(before, self.term_led());
                if given_up > 0 {
                    let log = self.shared.log.path().display();
                    tracing::warn!(%log, given_up, "proposals have an unknown outcome: no quorum has answered");
                }
            }
        }
    }

    /// The term in which this replica leads, if a quorum has said so a moment ago.
    fn term_led(&self) -> Option<u64> {
        let leadership = self.leadership.borrow();
        let is_confirmed = self.instances.leads_confirmed(&leadership, self.replica);
        is_confirmed.then_some(leadership.term)
    }

    fn reason(&self, raft: &Instance<M>) -> Arc<str> {
        if let Some(failed) = self.shared.log.failed() {
            return failed.to_string().into();
        }
        match &raft.metrics().borrow_watched().running_state {
            Err(Fatal::Stopped) | Ok(()) => "it was stopped".into(),
            Err(error) => error.to_string().into(),
        }
    }

    /// Does what the state machine leaves to be done off the core.
    async fn keep(&self) {
        let mut held_up_since = None;
        loop {
            let (Some(stored), Some(moved)) =
                (self.store_checkpoints().await, self.move_snapshot().await)
            else {
                // Raft or the core is going down: the other branch says why.
                return std::future::pending().await;
            };
            let now = Instant::now();
            let since = *held_up_since.get_or_insert(now);
            if moved {
                held_up_since = None;
            } else if now.duration_since(since) >= self.follower_patience {
                self.cut_off_the_slow();
            }
            let called = self.shared.keeper.notified();
            if stored && moved {
                called.await;
            } else {
                // Something is in the way, and nobody calls when it is gone. An elapsed timeout is what is meant.
                let _ = tokio::time::timeout(RETRY_INTERVAL, called).await;
            }
        }
    }

    /// Sends no more of what is to be deleted.
    fn cut_off_the_slow(&self) {
        let snapshot = self.shared.snapshot.lock();
        let Some(last) = snapshot.as_ref().and_then(|stored| stored.position.last) else {
            return;
        };
        let before = self
            .shared
            .not_sent_below
            .swap(last.index + 1, Ordering::AcqRel);
        if before <= last.index {
            let log = self.shared.log.path().display();
            tracing::warn!(%log, upto = last.index, "a slow follower is sent the snapshot, for the log must go");
        }
    }

    /// Whether all are stored; `None` once the core is going down.
    async fn store_checkpoints(&self) -> Option<bool> {
        let waiting = std::mem::take(&mut *self.shared.checkpoints.lock());
        let mut refused = Vec::new();
        for (base, state) in waiting {
            let (shared, bytes) = (self.shared.clone(), state.clone());
            let stored = move || shared.store_checkpoint(base, &bytes);
            if !process::blocking(stored).await.ok()? {
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
        let advance = process::blocking(move || shared.advance_snapshot());
        let last = match advance.await.ok()? {
            Ok(Some(last)) => last,
            Ok(None) => return Some(true),
            Err(error) => {
                let log = self.shared.log.path().display();
                tracing::warn!(%log, %error, "snapshot not stored, log not trimmed");
                return Some(false);
            }
        };
        let raft = self.instances.current();
        let told = async {
            raft.trigger().snapshot().await.ok()?;
            let mut snapshot = raft.watch_snapshot_progress();
            snapshot.wait_until_ge(&Some(last)).await.ok()?;
            raft.trigger().purge_log(last.index).await.ok()
        };
        // An instance that goes down meanwhile may have a successor: it is told later.
        if told.await.is_none() {
            return Some(false);
        }
        // openraft does it, in a moment or once no follower is being sent what is to go.
        let purged = self.shared.log.ends().purged;
        Some(purged.is_some_and(|purged| purged.index.get() >= last.index))
    }
}
