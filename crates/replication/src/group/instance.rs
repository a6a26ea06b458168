//! The Raft instance of a group: started on the group's home core, and started anew where openraft knows no way on.

use std::sync::Arc;
use std::time::Duration;

use model::ReplicaId;
use openraft::Config;
use openraft::Instant;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::raft::Raft;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::open::{met_damage, open_shared};
use super::{Opening, Surroundings};
use crate::error::OpenGroupError;
use crate::keeper::Leadership;
use crate::members::GroupStart;
use crate::peer::{GroupId, Peers};
use crate::process;
use crate::raft::handover::Handover;
use crate::raft::log_store::LogStore;
use crate::raft::machine::Machine;
use crate::raft::network::Network;
use crate::raft::shared::{Shared, blocking};
use crate::raft::state_machine::StateMachine;
use crate::raft::types::Types;

/// openraft's handle of a group.
pub(crate) type Instance<M> = Raft<Types, StateMachine<M>>;

/// A group's instances, of which one runs at a time.
pub(crate) struct Instances<M: Machine> {
    pub(crate) shared: Arc<Shared<M>>,
    /// Whether this replica is the one to lead first.
    pub(crate) stands_first: bool,
    pub(crate) election_timeout: Duration,
    starter: Starter,
    home: Handle,
    current: watch::Sender<Arc<Instance<M>>>,
    /// Held while one is being replaced, or stopped for good.
    replacing: tokio::sync::Mutex<()>,
}

/// What an instance is started with.
#[derive(Clone)]
struct Starter {
    group: GroupId,
    config: Arc<Config>,
    replica: ReplicaId,
    peers: Arc<dyn Peers>,
}

impl<M: Machine> Instances<M> {
    /// Opens what the group has on disk, and starts the first instance.
    pub(super) async fn open(
        around: Surroundings,
        home: &Handle,
        opening: Opening,
        machine: M,
    ) -> Result<Self, OpenGroupError> {
        let starter = Starter {
            group: opening.id,
            config: around.config.clone(),
            replica: around.settings.replica,
            peers: around.peers.clone(),
        };
        let stands_first = match &opening.start {
            GroupStart::Found(voters) => voters.first() == Some(&starter.replica),
            GroupStart::Join => false,
        };
        let election_timeout = around.settings.election_timeout;
        let open = move || open_shared(&around, opening, machine);
        let shared = process::blocking_on(home, open).await.map_err(crashed)??;
        let raft = process::spawn_on(home, starter.clone().start(shared.clone()));
        Ok(Self {
            shared,
            stands_first,
            election_timeout,
            starter,
            home: home.clone(),
            current: watch::Sender::new(Arc::new(raft.await.map_err(crashed)??)),
            replacing: tokio::sync::Mutex::default(),
        })
    }

    /// The one that runs.
    pub(crate) fn current(&self) -> Arc<Instance<M>> {
        self.current.borrow().clone()
    }

    /// Whether a replica leads, as a quorum has said within the lease that openraft is told of.
    pub(crate) fn leads_confirmed(&self, leadership: &Leadership, replica: ReplicaId) -> bool {
        if leadership.leader != Some(replica) {
            return false;
        }
        let voters = &leadership.members.voters;
        if voters.len() == 1 && voters.contains(&replica) {
            return true;
        }
        let raft = self.current();
        let metrics = raft.data_metrics();
        let acknowledged = metrics.borrow_watched().last_quorum_acked;
        let lease = self.election_timeout / 3 * 2;
        acknowledged.is_some_and(|at| at.into_inner().elapsed() < lease)
    }

    /// Tells of each new one.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Instance<M>>> {
        self.current.subscribe()
    }

    /// Waits until no instance is being replaced.
    pub(crate) async fn settled(&self) {
        drop(self.replacing.lock().await);
    }

    /// Stops the instance that runs and starts one on the same log. What is proposed and not answered is answered with
    /// "unknown".
    ///
    /// # Errors
    /// The group has stopped, or does now.
    pub(crate) async fn replace(self: &Arc<Self>) -> Result<(), OpenGroupError> {
        let this = self.clone();
        let replaced = process::spawn_on(&self.home, async move {
            let _alone = this.replacing.lock().await;
            this.shut_down().await;
            if this.shared.is_stopping() {
                let reason = "it is being closed".into();
                return Err(OpenGroupError::Stopped { reason });
            }
            // As at a start, what is applied must not be ahead of what the disk has of the log.
            let log = this.shared.log.clone();
            let synced = blocking(move || log.sync().map_err(std::io::Error::other)).await;
            synced.map_err(|source| OpenGroupError::Contents { source })?;
            let raft = this.starter.clone().start(this.shared.clone()).await?;
            this.current.send_replace(Arc::new(raft));
            Ok(())
        });
        replaced.await.map_err(crashed)?
    }

    /// Tells the others who is to lead next.
    pub(crate) async fn hand_over(&self, handover: Handover) {
        let network = self.starter.network(&self.shared);
        handover.send(&network, self.election_timeout).await;
    }

    /// Stops the one that runs, for good.
    pub(crate) async fn stop(&self) {
        let _last = self.replacing.lock().await;
        self.shut_down().await;
    }

    async fn shut_down(&self) {
        if let Err(error) = self.current().shutdown().await {
            tracing::error!(log = %self.shared.log.path().display(), %error, "Raft has crashed");
        }
    }
}

impl Starter {
    /// The way to the group's other replicas.
    fn network<M: Machine>(&self, shared: &Shared<M>) -> Network {
        let below = shared.not_sent_below.clone();
        Network::new(
            self.group,
            self.peers.clone(),
            below,
            shared.settled.clone(),
        )
    }

    /// On the group's home core, for openraft spawns its tasks where it is called.
    async fn start<M: Machine>(
        self,
        shared: Arc<Shared<M>>,
    ) -> Result<Instance<M>, OpenGroupError> {
        let log = shared.log.clone();
        let failed = |error: &dyn std::fmt::Display| {
            let reason = error.to_string();
            // It reads what it applies.
            match log.damaged_files().is_empty() {
                true => OpenGroupError::Raft { reason },
                false => met_damage(&log, std::io::Error::other(reason)),
            }
        };
        let store = LogStore::new(shared.clone());
        let network = self.network(&shared);
        let is_new = shared.newcomer.is_new();
        let machine = StateMachine::new(shared);
        let id = self.replica.get();
        let raft = Raft::new(id, self.config, network, store, machine).await;
        let raft = raft.map_err(|error| failed(&error))?;
        raft.runtime_config().elect(!is_new);
        // With other voters there may be a leader: the election timeout decides. The metrics do not tell the members yet.
        let is_alone = raft.with_raft_state(move |state| {
            let members = state.membership_state.effective();
            members.voter_ids().eq([id])
        });
        let is_alone = is_alone.await.map_err(|error| failed(&error))?;
        if !is_new && is_alone {
            let elect = raft.trigger().elect(false).await;
            elect.map_err(|error| failed(&error))?;
        }
        Ok(raft)
    }
}

fn crashed(error: tokio::task::JoinError) -> OpenGroupError {
    OpenGroupError::Raft {
        reason: error.to_string(),
    }
}
