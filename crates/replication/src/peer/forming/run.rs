//! Performs what the state machine of forming decides, over the network and the identity file.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use model::{BrokerId, ClusterId, ReplicaId};
use thiserror::Error;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Action, Event, Forming, Myself};
use crate::peer::network::PeerNetwork;
use crate::peer::{GroupId, Membership, PeerRequest, Peers, PromiseStore, RequestKind, Standing};

/// How often what was lost is sent again.
const TICK: Duration = Duration::from_millis(200);

/// How often a broker that waits says on what.
const SAY_INTERVAL: Duration = Duration::from_secs(5);

/// For a new replica id.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// What a broker that joins says to the cluster, in the words of who keeps the cluster's metadata.
pub trait Joining: Send + Sync {
    /// The command that asks the metadata for a new replica id for this broker and disk.
    fn command(&self) -> Bytes;

    /// The replica id in the metadata's answer; or why there is none, in a sentence for the operator.
    ///
    /// # Errors
    /// The reason.
    fn replica(&self, answer: &[u8]) -> Result<ReplicaId, String>;
}

/// Why a broker has not become a member.
#[derive(Debug, Error)]
pub enum FormError {
    /// What is kept cannot be read.
    #[error("the cluster that this data directory belongs to cannot be read: {source}")]
    Load {
        /// What the store said.
        source: io::Error,
    },
    /// It cannot be kept durably.
    #[error("this broker is {standing}, but that cannot be kept: {source}")]
    Keep {
        /// What was to be kept.
        standing: Standing,
        /// What the store said.
        source: io::Error,
    },
}

/// Forms a cluster with the other initial brokers, or joins one that exists; returns at once where the data directory
/// is a member already, or where this broker forms a cluster alone. Else it waits for as long as it takes, and logs
/// every few seconds on what. `fresh` is the id that a new cluster gets: drawn by the caller, at random.
///
/// # Errors
/// [`FormError`].
pub async fn form(
    network: &PeerNetwork,
    store: &mut dyn PromiseStore,
    fresh: ClusterId,
    joining: &dyn Joining,
) -> Result<Membership, FormError> {
    let standing = store.load().map_err(|source| FormError::Load { source })?;
    network.tell_standing(standing);
    let settings = network.settings();
    let forming = Forming::new(Myself {
        broker: settings.broker,
        initial_brokers: settings.initial_brokers,
        standing,
        fresh,
        sitting: settings.start_counter,
    });
    let performer = Performer {
        network,
        store,
        joining,
    };
    performer.run(forming).await
}

struct Performer<'a> {
    network: &'a PeerNetwork,
    store: &'a mut dyn PromiseStore,
    joining: &'a dyn Joining,
}

impl Performer<'_> {
    async fn run(mut self, mut forming: Forming) -> Result<Membership, FormError> {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said = Instant::now();
        let mut heard = self.network.forming_events();
        let mut asking = None;
        loop {
            let event = tokio::select! {
                _ = tick.tick() => {
                    self.network.repeat_standing();
                    Event::Tick
                }
                Some(event) = heard.next() => event,
                given = answer(&mut asking) => {
                    asking = None;
                    Event::Given(given)
                }
            };
            let actions = forming.step(event);
            for action in actions {
                match action {
                    Action::Keep(standing) => self.keep(standing)?,
                    Action::TellAll => self.network.tell_standing(forming.standing()),
                    Action::Ask { to, promise, round } => self.network.ask(to, promise, round),
                    Action::Answer { to, round } => self.network.answer(to, round),
                    Action::AskReplica { through, .. } => {
                        asking = Some(Box::pin(ask_replica(self.network, self.joining, through)));
                    }
                    Action::Done(membership) => return Ok(membership),
                }
            }
            if said.elapsed() >= SAY_INTERVAL {
                said = Instant::now();
                let trouble = self.network.trouble();
                for reason in forming.waits_for().into_iter().chain(trouble) {
                    tracing::warn!(reason, "not yet in a cluster");
                }
            }
        }
    }

    fn keep(&mut self, standing: Standing) -> Result<(), FormError> {
        let kept = self.store.keep(&standing);
        kept.map_err(|source| FormError::Keep { standing, source })
    }
}

/// The answer to what is being asked; never, where nothing is.
async fn answer<F: Future + Unpin>(asking: &mut Option<F>) -> F::Output {
    match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    }
}

/// Has one of the members that are connected register this broker, in the words of `joining`: what a broker does that
/// is a member already, and that the metadata's leader may have lost sight of.
///
/// # Errors
/// Why nobody has, in a sentence for the operator.
pub async fn announce(network: &PeerNetwork, joining: &dyn Joining) -> Result<(), String> {
    let peers = network.peers().into_iter();
    let members = peers.filter(|peer| peer.connected && peer.hello.standing.member().is_some());
    let mut refused = "no member is connected".to_owned();
    for member in members {
        match ask_replica(network, joining, member.hello.broker).await {
            Ok(_) => return Ok(()),
            Err(reason) => refused = reason,
        }
    }
    Err(refused)
}

async fn ask_replica(
    network: &PeerNetwork,
    joining: &dyn Joining,
    through: BrokerId,
) -> Result<ReplicaId, String> {
    let Some(member) = network.replica_of(through) else {
        return Err(format!("broker {through} is no member any more"));
    };
    let request = PeerRequest {
        group: GroupId::METADATA,
        kind: RequestKind::Propose,
        head: joining.command(),
        entries: Vec::new(),
    };
    let asked = async { network.call(member, request, ASK_TIMEOUT).await?.await };
    match asked.await {
        Ok(reply) => joining.replica(&reply.head),
        Err(error) => Err(format!("broker {through} has given no replica id: {error}")),
    }
}
