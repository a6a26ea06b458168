//! One running Raft group: how it is opened, proposed to and stopped, whatever its machine is.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use futures_util::future::BoxFuture;
use model::{Clock, ReplicaId, Term};
use openraft::raft::Raft;
use openraft::{Config, EmptyNode};
use parking_lot::Mutex;
use segment_log::{LogDirectory, LogSettings, NoSpace, OpenLogError};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::{OpenGroupError, ProposeError};
use crate::keeper::{Keeper, Leadership};
use crate::raft::apply::Applied;
use crate::raft::log_store::LogStore;
use crate::raft::machine::Machine;
use crate::raft::network::NoPeers;
use crate::raft::proposal::Proposal;
use crate::raft::recover::recover;
use crate::raft::responder::{AckResponder, Proposer, Uncommitted};
use crate::raft::shared::{GroupVotes, Shared};
use crate::raft::state_machine::StateMachine;
use crate::raft::types::{Committed, Types};
use crate::raft::votes::Votes;
use crate::settings::ReplicationSettings;
use crate::status::GroupStatus;

/// openraft's handle of a group.
pub(crate) type Instance<M> = Raft<Types, StateMachine<M>>;

/// What all groups of a data directory have in common.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) directory: Arc<LogDirectory>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) votes: Arc<Votes>,
    pub(crate) settings: ReplicationSettings,
    pub(crate) config: Arc<Config>,
}

/// A running group.
pub(crate) struct Group<M: Machine> {
    pub(crate) shared: Arc<Shared<M>>,
    pub(crate) raft: Instance<M>,
    pub(crate) home: Handle,
    replica: ReplicaId,
    leadership: watch::Receiver<Leadership>,
    stopped: watch::Receiver<Option<Arc<str>>>,
    uncommitted: Arc<AtomicU64>,
    uncommitted_max: u64,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// A group of any kind, to be stopped.
pub(crate) trait Stop: Send + Sync {
    /// Stops the group; what is proposed and not answered is answered with "unknown".
    fn stop(&self) -> BoxFuture<'_, ()>;
}

impl<M: Machine> Group<M> {
    /// Opens the log at `path`, recovers it, and starts Raft on `home`. A group without members gets this replica.
    pub(crate) async fn open(
        around: Surroundings,
        home: Handle,
        path: PathBuf,
        key: Vec<u8>,
        settings: LogSettings,
        machine: M,
    ) -> Result<Self, OpenGroupError> {
        let crashed = |error: tokio::task::JoinError| OpenGroupError::Raft {
            reason: error.to_string(),
        };
        let surroundings = around.clone();
        let open = move || open_shared(&surroundings, &path, key, settings, machine);
        let shared = home.spawn_blocking(open).await.map_err(crashed)??;
        let (config, replica) = (around.config.clone(), around.settings.replica);
        let raft = home.spawn(start(config, replica, shared.clone()));
        let raft = raft.await.map_err(crashed)??;
        let keeper = Keeper::new(shared.clone(), raft.clone(), replica);
        let (leadership, stopped) = (keeper.leadership(), keeper.stopped());
        let keeper = home.spawn(keeper.run());
        Ok(Self {
            shared,
            raft,
            home,
            replica,
            leadership,
            stopped,
            uncommitted: Arc::default(),
            uncommitted_max: around.settings.uncommitted_bytes_max,
            keeper: Mutex::new(Some(keeper)),
        })
    }

    /// The term to propose in: that in which this replica serves.
    pub(crate) fn serving_term(&self) -> Result<u64, ProposeError> {
        if let Some(reason) = self.stopped() {
            return Err(ProposeError::Stopped { reason });
        }
        let leadership = self.leadership.borrow();
        let leader = leadership.leader;
        if leader == Some(self.replica) && *self.shared.term.borrow() == leadership.term {
            return Ok(leadership.term);
        }
        Err(ProposeError::NotLeader {
            leader: leader.filter(|leader| *leader != self.replica),
        })
    }

    pub(crate) fn count_uncommitted(&self, bytes: u64) -> Result<Uncommitted, ProposeError> {
        let limit = self.uncommitted_max;
        let counted = Uncommitted::count(&self.uncommitted, bytes, limit);
        counted.map_err(|bytes| ProposeError::TooManyUncommitted { bytes, limit })
    }

    /// Hands a proposal to Raft. The proposer is answered in any case.
    pub(crate) async fn write(&self, term: u64, proposal: Proposal, proposer: Proposer) {
        let write = self
            .raft
            .write(proposal)
            .with_leader(Committed::new(term))
            .responder(AckResponder::new(proposer));
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

    pub(crate) fn status(&self) -> GroupStatus {
        let ends = *self.shared.ends.borrow();
        let leadership = self.leadership.borrow().clone();
        let stopped = self.stopped();
        let is_sole_voter = leadership.voters == [self.replica];
        let leads = leadership.leader == Some(self.replica);
        let knows_all = *self.shared.term.borrow() == leadership.term;
        GroupStatus {
            leader: leadership.leader,
            term: Term::new(leadership.term).unwrap_or(Term::MAX),
            serves: leads && knows_all && (stopped.is_none() || is_sole_voter),
            high_watermark: ends.high_watermark,
            log_start: ends.log_start,
            log_end: self.shared.log.ends().end_offset,
            in_sync: if leads {
                vec![self.replica]
            } else {
                Vec::new()
            },
            voters: leadership.voters,
            stopped,
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
            self.shared.stop_waiting();
            if let Err(error) = self.raft.shutdown().await {
                tracing::error!(log = %self.shared.log.path().display(), %error, "Raft has crashed");
            }
            let keeper = self.keeper.lock().take();
            if let Some(keeper) = keeper
                && let Err(error) = keeper.await
            {
                tracing::error!(log = %self.shared.log.path().display(), %error, "its keeper has crashed");
            }
        })
    }
}

/// Blocks.
fn open_shared<M: Machine>(
    around: &Surroundings,
    path: &Path,
    key: Vec<u8>,
    settings: LogSettings,
    machine: M,
) -> Result<Arc<Shared<M>>, OpenGroupError> {
    let log = around.directory.open_log(path, settings);
    let log = log.map_err(|error| open_error(around, error))?;
    let (applied, snapshot): (Applied<M>, _) = recover(&log, machine)?;
    let votes = GroupVotes {
        votes: around.votes.clone(),
        key: key.into(),
    };
    let shared = Shared::new(log, votes, around.clock.clone(), applied, snapshot);
    let shared = shared.map_err(|source| OpenGroupError::Contents { source })?;
    Ok(Arc::new(shared))
}

/// A full disk is told apart: it can be tried again once there is space.
fn open_error(around: &Surroundings, error: OpenLogError) -> OpenGroupError {
    match error {
        OpenLogError::Io { path, source } if source.kind() == ErrorKind::StorageFull => {
            OpenGroupError::NoSpace(NoSpace {
                needed: 1,
                free: around.directory.disk().free_bytes().unwrap_or(0),
                kept_back: 0,
                path,
            })
        }
        error => error.into(),
    }
}

/// On the group's home core, for openraft spawns its tasks where it is called.
async fn start<M: Machine>(
    config: Arc<Config>,
    replica: ReplicaId,
    shared: Arc<Shared<M>>,
) -> Result<Instance<M>, OpenGroupError> {
    let failed = |error: &dyn std::fmt::Display| OpenGroupError::Raft {
        reason: error.to_string(),
    };
    let store = LogStore::new(shared.clone());
    let machine = StateMachine::new(shared);
    let raft = Raft::new(replica.get(), config, NoPeers::new(), store, machine);
    let raft = raft.await.map_err(|error| failed(&error))?;
    let is_formed = raft.is_initialized().await;
    if !is_formed.map_err(|error| failed(&error))? {
        let members = BTreeMap::from([(replica.get(), EmptyNode {})]);
        let formed = raft.initialize(members).await;
        formed.map_err(|error| failed(&error))?;
    }
    // With other voters there may be a leader: the election timeout decides.
    if raft.voter_ids().eq([replica.get()]) {
        let elect = raft.trigger().elect(false).await;
        elect.map_err(|error| failed(&error))?;
    }
    Ok(raft)
}

/// A proposer that waits got no answer: the outcome is unknown.
pub(crate) fn unanswered(_: tokio::sync::oneshot::error::RecvError) -> ProposeError {
    ProposeError::Unknown
}

#[cfg(test)]
mod tests;
