//! One running Raft group: how it is proposed to, looked at and stopped, whatever its machine is.

mod followers;
mod instance;
mod newcomer;
mod open;
mod propose;
mod reconfigure;
mod transfer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use futures_util::future::BoxFuture;
use model::{Clock, Durability, ReplicaId, Term};
use openraft::Config;
use parking_lot::Mutex;
use segment_log::planted::{self, Bug};
use segment_log::{LogDirectory, LogSettings};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::{OpenGroupError, ProposeError};
use crate::inbox::Inbox;
use crate::keeper::{Keeper, Leadership};
use crate::members::{GroupStart, Members};
use crate::peer::{GroupId, Peers, Registration};
use crate::process;
use crate::raft::machine::Machine;
use crate::raft::pace::Pace;
use crate::raft::proposal::Proposal;
use crate::raft::responder::{AckResponder, Proposer, Uncommitted};
use crate::raft::shared::Shared;
use crate::raft::types::Committed;
use crate::raft::votes::Votes;
use crate::settings::ReplicationSettings;
use crate::status::GroupStatus;

pub(crate) use instance::{Instance, Instances};
pub(crate) use newcomer::{Newcomer, Settled, forget_newcomer, mark_newcomer};

/// What all groups of a data directory have in common.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) directory: Arc<LogDirectory>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) votes: Arc<Votes>,
    pub(crate) settings: ReplicationSettings,
    pub(crate) config: Arc<Config>,
    pub(crate) pace: Arc<Pace>,
    pub(crate) peers: Arc<dyn Peers>,
}

/// Which group is opened, and how.
pub(crate) struct Opening {
    pub(crate) id: GroupId,
    pub(crate) path: PathBuf,
    /// Of its vote.
    pub(crate) key: Vec<u8>,
    pub(crate) settings: LogSettings,
    pub(crate) start: GroupStart,
}

/// A running group.
pub(crate) struct Group<M: Machine> {
    pub(crate) shared: Arc<Shared<M>>,
    pub(crate) instances: Arc<Instances<M>>,
    pub(crate) home: Handle,
    replica: ReplicaId,
    settings: ReplicationSettings,
    /// Held while members are changed or leadership is handed over: one such thing at a time.
    changing: tokio::sync::Mutex<()>,
    leadership: watch::Receiver<Leadership>,
    stopped: watch::Receiver<Option<Arc<str>>>,
    uncommitted: Arc<AtomicU64>,
    keeper: Mutex<Option<JoinHandle<()>>>,
    pub(crate) id: GroupId,
    pub(crate) peers: Arc<dyn Peers>,
    registration: Mutex<Option<Registration>>,
}

/// A group of any kind, to be stopped.
pub(crate) trait Stop: Send + Sync {
    /// Stops the group; what is proposed and not answered is answered with "unknown".
    fn stop(&self) -> BoxFuture<'_, ()>;

    /// What holds it up, where it is not a group but the repair of its log.
    fn repairing(&self) -> Option<String> {
        None
    }

    /// What holds it up, where it is not a group but a replica in doubt.
    fn in_doubt(&self) -> Option<InDoubt> {
        None
    }

    /// The loss is accepted of doubts that arose up to this run.
    fn accept_loss(&self, _upto: u64) {}
}

/// A replica that may have forgotten what it acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InDoubt {
    /// The run of the data directory at which that arose.
    pub(crate) since: u64,
    /// What it waits for.
    pub(crate) state: String,
}

impl<M: Machine> Group<M> {
    /// Opens the group's log, recovers it, and starts Raft on `home`.
    pub(crate) async fn open(
        around: Surroundings,
        home: Handle,
        opening: Opening,
        machine: M,
    ) -> Result<Arc<Self>, OpenGroupError> {
        let peers = around.peers.clone();
        let id = opening.id;
        let settings = around.settings.clone();
        let replica = settings.replica;
        let instances = Instances::open(around, &home, opening, machine).await?;
        let instances = Arc::new(instances);
        let keeper = Keeper::new(instances.clone(), &settings);
        let (leadership, stopped) = (keeper.leadership(), keeper.stopped());
        let keeper = process::spawn_on(&home, keeper.run());
        let group = Arc::new(Self {
            shared: instances.shared.clone(),
            instances,
            home,
            replica,
            settings,
            changing: tokio::sync::Mutex::default(),
            leadership,
            stopped,
            uncommitted: Arc::default(),
            keeper: Mutex::new(Some(keeper)),
            id,
            peers: peers.clone(),
            registration: Mutex::default(),
        });
        let inbox = Inbox::open(&group);
        *group.registration.lock() = Some(peers.register(id, inbox));
        Ok(group)
    }

    /// The term to propose in: that in which this replica serves.
    pub(crate) fn serving_term(&self) -> Result<u64, ProposeError> {
        if let Some(reason) = self.stopped() {
            return Err(ProposeError::Stopped { reason });
        }
        let leadership = self.leadership.borrow();
        let leader = leadership.leader;
        if leader == Some(self.replica) && self.knows_all(&leadership) {
            return Ok(leadership.term);
        }
        Err(ProposeError::NotLeader {
            leader: leader.filter(|leader| *leader != self.replica),
        })
    }

    /// Whether an entry of the newest term is applied here, and so all that was committed before it.
    fn knows_all(&self, leadership: &Leadership) -> bool {
        *self.shared.term.borrow() == leadership.term || planted::has(Bug::ServeBeforeOwnTerm)
    }

    pub(crate) fn count_uncommitted(&self, bytes: u64) -> Result<Uncommitted, ProposeError> {
        let limit = self.settings.uncommitted_bytes_max;
        let counted = Uncommitted::count(&self.uncommitted, bytes, limit);
        counted.map_err(|bytes| ProposeError::TooManyUncommitted { bytes, limit })
    }

    /// Hands a proposal to Raft. The proposer is answered in any case.
    pub(crate) async fn write(&self, term: u64, proposal: Proposal, proposer: Proposer) {
        let raft = self.instances.current();
        let place = self.shared.waiting.add(proposer, term);
        let write = raft
            .write(proposal)
            .with_leader(Committed::new(term))
            .responder(AckResponder::new(self.shared.waiting.clone(), place));
        if let Err(error) = write.await {
            // The responder was dropped with the message, which answers "unknown".
            tracing::debug!(log = %self.shared.log.path().display(), %error, "proposal not taken");
        }
    }

    /// Why the group takes nothing more, if so.
    pub(crate) fn stopped(&self) -> Option<Arc<str>> {
        if let Some(reason) = &*self.stopped.borrow() {
            return Some(reason.clone());
        }
        let failed = self.shared.log.failed()?;
        Some(failed.to_string().into())
    }

    pub(crate) fn members(&self) -> Members {
        self.leadership.borrow().members.clone()
    }

    /// Who leads, as far as this replica knows, and the newest term that it knows.
    pub(crate) fn leader(&self) -> (Option<ReplicaId>, Term) {
        let leadership = self.leadership.borrow();
        (leadership.leader, term_of(&leadership))
    }

    /// See [`GroupStatus::serves`].
    pub(crate) fn serves(&self) -> bool {
        let is_stopped = self.stopped().is_some();
        self.serves_as(&self.leadership.borrow(), is_stopped)
    }

    fn serves_as(&self, leadership: &Leadership, is_stopped: bool) -> bool {
        let voters = &leadership.members.voters;
        let is_sole_voter = voters.len() == 1 && voters.contains(&self.replica);
        leadership.leader == Some(self.replica)
            && self.knows_all(leadership)
            && (!is_stopped || is_sole_voter)
    }

    pub(crate) fn status(&self) -> GroupStatus {
        let ends = *self.shared.ends.borrow();
        let leadership = self.leadership.borrow().clone();
        let stopped = self.stopped();
        GroupStatus {
            leader: leadership.leader,
            term: term_of(&leadership),
            serves: self.serves_as(&leadership, stopped.is_some()),
            high_watermark: ends.high_watermark,
            log_start: ends.log_start,
            log_end: self.shared.log.ends().end_offset,
            in_sync: self.in_sync(),
            is_learner: leadership.members.learners.contains(&self.replica),
            elections: leadership.elections,
            voters: leadership.members.voters.into_iter().collect(),
            stopped,
        }
    }

    /// Waits until this replica does not serve, or the group has stopped.
    pub(crate) async fn stops_serving(&self) {
        let mut leadership = self.leadership.clone();
        let mut stopped = self.stopped.clone();
        while self.serves() {
            let alive = tokio::select! {
                changed = leadership.changed() => changed.is_ok(),
                changed = stopped.changed() => changed.is_ok(),
            };
            if !alive {
                return;
            }
        }
    }

    /// Waits until the group serves or has stopped.
    pub(crate) async fn serving(&self) -> GroupStatus {
        let mut leadership = self.leadership.clone();
        let mut stopped = self.stopped.clone();
        let mut term = self.shared.term.subscribe();
        loop {
            let status = self.status();
            if status.serves || status.stopped.is_some() {
                return status;
            }
            // Whoever is gone has left a reason.
            let alive = tokio::select! {
                changed = leadership.changed() => changed.is_ok(),
                changed = stopped.changed() => changed.is_ok(),
                changed = term.changed() => changed.is_ok(),
            };
            if !alive {
                return self.status();
            }
        }
    }
}

impl<M: Machine> Stop for Group<M> {
    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            drop(self.registration.lock().take());
            self.shared.stop_waiting();
            self.instances.stop().await;
            self.sync_what_is_acknowledged().await;
            let keeper = self.keeper.lock().take();
            if let Some(keeper) = keeper
                && let Err(error) = keeper.await
            {
                tracing::error!(log = %self.shared.log.path().display(), %error, "its keeper has crashed");
            }
            let newcomer = self.shared.newcomer.clone();
            // Where the runtime goes down, nothing is deleted any more.
            let _ = process::blocking(move || newcomer.close()).await;
        })
    }
}

impl<M: Machine> Group<M> {
    /// Makes a run that ends well leave nothing behind that a power cut could take.
    async fn sync_what_is_acknowledged(&self) {
        let log = self.shared.log.clone();
        let ends = log.ends();
        let is_lax = log.settings().durability == Durability::PageCache;
        if !is_lax || ends.durable_index == ends.end_index || log.failed().is_some() {
            return;
        }
        // Where it fails, the log says so itself, and the run does not end cleanly.
        let _ = process::blocking(move || log.sync()).await;
    }
}

/// A term that no batch header can hold is shown as the last one that can be.
fn term_of(leadership: &Leadership) -> Term {
    Term::new(leadership.term).unwrap_or(Term::MAX)
}

/// A proposer that waits got no answer: the outcome is unknown.
pub(crate) fn unanswered(_: tokio::sync::oneshot::error::RecvError) -> ProposeError {
    ProposeError::Unknown
}

#[cfg(test)]
mod tests;
