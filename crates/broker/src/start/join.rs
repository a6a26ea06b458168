//! How a broker comes to belong to its cluster: the cluster forms, then each start is registered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use metadata::command::{FormCluster, RegisterBroker};
use metadata::format::{EncodeError, decode_answer};
use metadata::{Answer, Command, Limits, Refusal};
use model::{ClusterId, ReplicaId};

use crate::partitions::stored_groups;
use crate::{Broker, BrokerIdentity, ChangeError, Formation, RegistrationError, StartError};

/// How soon it is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// How long an answer from the leader is waited for to show here, before it is asked again.
const APPLIED_WAIT_MAX: Duration = Duration::from_secs(10);

/// The command that registers a broker's start, for the metadata group: a broker that is new to a cluster proposes it
/// before it has a replica id. The answer has it: see [`registered_replica`]. One that bears a replica id already says
/// which.
///
/// # Errors
/// An address is too long to be stored.
pub fn registration(
    identity: &BrokerIdentity,
    bears: Option<ReplicaId>,
) -> Result<Bytes, EncodeError> {
    register(identity, bears).encode()
}

/// The replica id that the cluster has issued.
///
/// # Errors
/// [`RegistrationError`].
pub fn registered_replica(answer: &[u8]) -> Result<ReplicaId, RegistrationError> {
    let unreadable = |reason: String| RegistrationError::Unreadable { reason };
    match decode_answer(answer).map_err(|error| unreadable(error.to_string()))?? {
        Answer::BrokerRegistered { replica, .. } => Ok(replica),
        other => Err(unreadable(format!("{other:?} answers something else"))),
    }
}

fn register(identity: &BrokerIdentity, bears: Option<ReplicaId>) -> Command {
    let identity = identity.clone();
    Command::RegisterBroker(RegisterBroker {
        broker: identity.broker,
        disk: identity.disk,
        start_counter: identity.start_counter,
        epoch: identity.epoch,
        bears,
        grpc_address: identity.grpc_address,
        peer_address: identity.peer_address,
        rack: identity.rack,
    })
}

/// Why it is not done yet.
enum NotYet {
    /// It may be later.
    Wait(String),
    /// It never will.
    Final(StartError),
}

impl From<StartError> for NotYet {
    fn from(error: StartError) -> Self {
        Self::Final(error)
    }
}

/// Joins in the background, and says so where that will never be.
pub(super) async fn run(broker: Arc<Broker>) {
    let mut stopping = broker.stopping();
    let joined = tokio::select! {
        joined = broker.join() => joined,
        _ = stopping.wait_for(|stopping| *stopping) => return,
    };
    if let Err(error) = joined {
        tracing::error!(%error, "the cluster does not take this broker");
        *broker.joining.lock() = Some(error.to_string());
        broker.cast_out.send_replace(Some(Arc::new(error)));
    }
}

impl Broker {
    /// Sees that the cluster has formed and this start is registered, however long that takes.
    pub(super) async fn join(&self) -> Result<(), StartError> {
        loop {
            match self.try_to_join().await {
                Ok(()) => return Ok(()),
                Err(NotYet::Final(error)) => return Err(error),
                Err(NotYet::Wait(reason)) => {
                    let known = self.joining.lock().replace(reason.clone());
                    if known.as_ref() != Some(&reason) {
                        tracing::info!(%reason, "waiting to join the cluster");
                    }
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    /// The same for a broker alone: what does not work at once will not work.
    pub(super) async fn join_alone(&self) -> Result<(), StartError> {
        if let Some(cluster) = self.state(|state| state.cluster()) {
            tracing::info!(%cluster, "the cluster is known");
        } else {
            let orphans = stored_groups(&self.replication).await?.len();
            if orphans > 0 {
                return Err(StartError::MetadataLost {
                    partitions: orphans,
                });
            }
            let cluster = ClusterId::from_bytes(rand::random());
            let formed = self.form(cluster, 1).await;
            formed.map_err(StartError::Form)?;
        }
        let command = register(&self.settings.identity, Some(self.replica()));
        let answer = self.change_once(&command).await;
        self.registered_as(&answer.map_err(StartError::Register)?)?;
        self.registered.send_replace(true);
        Ok(())
    }

    async fn try_to_join(&self) -> Result<(), NotYet> {
        if let Some(reason) = self.metadata_stopped() {
            return Err(StartError::Metadata { reason }.into());
        }
        self.see_formed().await?;
        let command = register(&self.settings.identity, Some(self.replica()));
        let answer = self.change_once(&command).await;
        let answer = answer.map_err(|error| not_yet(error, StartError::Register))?;
        self.registered_as(&answer)?;
        self.see_registered().await?;
        *self.joining.lock() = None;
        self.registered.send_replace(true);
        tracing::info!("registered with the cluster");
        Ok(())
    }

    /// Sees that the cluster has the id that was promised. The first one to lead gives it.
    async fn see_formed(&self) -> Result<(), NotYet> {
        let (cluster, founders) = match self.settings.formation {
            Formation::Alone => return Ok(()),
            Formation::Founded {
                cluster,
                initial_brokers,
            } => (cluster, Some(initial_brokers)),
            Formation::Joined { cluster } => (cluster, None),
        };
        match self.state(|state| state.cluster()) {
            Some(known) if known == cluster => return Ok(()),
            Some(known) => {
                return Err(StartError::OtherCluster {
                    ours: cluster,
                    found: known,
                }
                .into());
            }
            None => {}
        }
        let status = self.metadata.status();
        match founders {
            Some(initial_brokers) if status.serves => {
                let formed = self.form(cluster, initial_brokers).await;
                formed.map_err(|error| not_yet(error, StartError::Form))
            }
            _ if status.leader.is_none() => Err(NotYet::Wait(
                "the cluster's metadata has no leader yet; too few of the brokers that vote are there"
                    .to_owned(),
            )),
            _ => Err(NotYet::Wait(
                "the cluster's metadata has not come here yet".to_owned(),
            )),
        }
    }

    async fn form(&self, cluster: ClusterId, initial_brokers: u32) -> Result<(), ChangeError> {
        let command = Command::FormCluster(FormCluster {
            cluster,
            initial_brokers,
            limits: Limits::default(),
        });
        self.change_once(&command).await?;
        tracing::info!(%cluster, initial_brokers, "the cluster has formed");
        Ok(())
    }

    /// Checks that the cluster has issued the replica id that the groups here were opened with.
    fn registered_as(&self, answer: &Answer) -> Result<(), StartError> {
        match answer {
            Answer::BrokerRegistered { replica, .. } if *replica != self.replica() => {
                Err(StartError::OtherReplica {
                    issued: replica.get(),
                    opened: self.replica().get(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Waits until the registration is applied here: what was applied before it is known then, too.
    async fn see_registered(&self) -> Result<(), NotYet> {
        let identity = &self.settings.identity;
        let mut applied = self.metadata.applied();
        let is_known = || {
            self.state(|state| {
                let known = state.broker(identity.broker);
                known.is_some_and(|known| {
                    known.disk == identity.disk && known.start_counter >= identity.start_counter
                })
            })
        };
        let seen = async {
            loop {
                applied.mark_unchanged();
                if is_known() || applied.changed().await.is_err() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(APPLIED_WAIT_MAX, seen).await;
        match is_known() {
            true => Ok(()),
            false => Err(NotYet::Wait(
                "the cluster's metadata has not come here yet".to_owned(),
            )),
        }
    }
}

/// Whether a change that was not made may be made later.
fn not_yet(error: ChangeError, refused: impl FnOnce(ChangeError) -> StartError) -> NotYet {
    match error {
        ChangeError::Refused(Refusal::NotFormed) => {
            NotYet::Wait("the cluster has not formed yet".to_owned())
        }
        ChangeError::Refused(_) | ChangeError::TooLarge { .. } => NotYet::Final(refused(error)),
        // That of another broker, which may be under repair: whether the one here has is looked at each time.
        ChangeError::Stopped { reason } => NotYet::Wait(reason),
        other => NotYet::Wait(other.to_string()),
    }
}
