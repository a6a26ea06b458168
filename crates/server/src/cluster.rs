//! How this broker is among others: what is spoken on the peer port, and the way into the cluster.

mod joining;
mod neighbours;
mod policy;
mod promises;

use std::net::SocketAddr;
use std::sync::Arc;

use broker::{Broker, BrokerIdentity, Formation};
use model::{BrokerId, ClusterId, ReplicaId};
use replication::Cores;
use replication::peer::{Membership, PeerLimits, PeerNetwork, PeerSettings, Seeds, form};

use crate::RunError;
use crate::data_directory::DataDirectory;
use crate::health::{Health, RECOVERING};
use crate::listen::Bound;
use crate::membership;
use crate::settings::Settings;
use crate::wiring::{advertised, broker_identity};

pub(crate) use neighbours::PeerNeighbours;

use joining::AskForReplica;
pub(crate) use joining::announce_until_registered;
use policy::KnownBrokers;
use promises::IdentityFile;

/// What a broker is at that waits for others.
const NOT_IN_A_CLUSTER: &str = "the broker is not in a cluster yet: it waits for the other initial brokers, or for a \
                                member of the cluster; its log says for which";

/// What is around a client's message when it goes from broker to broker, in bytes.
const AROUND_MESSAGE_BYTES: usize = 4 << 20;

/// Starts to listen for other brokers and to look for them.
///
/// # Errors
/// The listener cannot be used.
pub(crate) fn start(
    settings: &Settings,
    directory: &DataDirectory,
    grpc: SocketAddr,
    peer: Bound,
    cores: &Arc<Cores>,
) -> Result<Arc<PeerNetwork>, RunError> {
    membership::among_others(directory)?;
    let seeds: Vec<_> = settings
        .cluster_peers
        .iter()
        .map(ToString::to_string)
        .collect();
    let seeds = match seeds.as_slice() {
        [name] if settings.initial_brokers > 1 => Seeds::Name(name.clone()),
        _ => Seeds::List(seeds),
    };
    let advertised_peer = advertised(
        settings.advertise_peer.as_ref(),
        &settings.peer,
        peer.address,
    );
    let advertised_grpc = advertised(settings.advertise_grpc.as_ref(), &settings.grpc, grpc);
    let peer_settings = PeerSettings {
        cluster_name: settings.cluster_name.clone(),
        broker: BrokerId::new(settings.id),
        disk: directory.disk_id(),
        start_counter: directory.start_counter(),
        epoch: directory.epoch(),
        standing: promises::standing(directory.bond()),
        initial_brokers: settings.initial_brokers,
        advertised_peer: advertised_peer.to_string(),
        advertised_grpc: advertised_grpc.to_string(),
        seeds,
        limits: limits(settings),
        jitter_seed: random(),
    };
    Ok(PeerNetwork::start(
        peer_settings,
        Some(peer.listener),
        cores,
    )?)
}

/// What a client may send must fit between brokers, with what is around it.
fn limits(settings: &Settings) -> PeerLimits {
    let defaults = PeerLimits::default();
    let message = usize::try_from(settings.message_bytes_max).unwrap_or(usize::MAX);
    let frame = message.saturating_add(AROUND_MESSAGE_BYTES);
    PeerLimits {
        frame_bytes_max: frame.max(defaults.frame_bytes_max),
        queue_bytes_max: frame.max(defaults.queue_bytes_max),
        group_bytes_max: frame.max(defaults.group_bytes_max),
        catch_up_bytes_per_second: settings.catch_up_bytes_per_second,
        ..defaults
    }
}

/// What a broker must know of itself before its groups are opened.
pub(crate) struct Place {
    pub(crate) identity: BrokerIdentity,
    pub(crate) formation: Formation,
    pub(crate) replica: ReplicaId,
}

impl Place {
    /// Forms the cluster with the other initial brokers, or joins the one that there is, however long that takes. A
    /// broker alone waits for nobody.
    ///
    /// # Errors
    /// [`RunError::Membership`] or [`RunError::Form`].
    pub(crate) async fn find(
        settings: &Settings,
        directory: &DataDirectory,
        grpc: SocketAddr,
        network: Option<&Arc<PeerNetwork>>,
        health: &Health,
    ) -> Result<Self, RunError> {
        let identity = |peer: &str| broker_identity(settings, directory, grpc, peer.to_owned());
        let Some(network) = network else {
            return Ok(Self {
                replica: membership::alone(settings, directory)?,
                identity: identity(&settings.peer.to_string()),
                formation: Formation::Alone,
            });
        };
        let identity = identity(&network.settings().advertised_peer);
        let mut promises = IdentityFile::new(directory.stored().clone());
        let fresh = ClusterId::from_bytes(*uuid::Uuid::new_v4().as_bytes());
        let asking = AskForReplica::new(identity.clone());
        health.at(NOT_IN_A_CLUSTER);
        let member = form(network, &mut promises, fresh, &asking).await?;
        health.at(RECOVERING);
        tracing::info!(cluster = %member.cluster, replica = %member.replica, "a member of its cluster");
        Ok(Self {
            replica: member.replica,
            identity,
            formation: formation(&member),
        })
    }
}

/// How the broker's groups begin.
fn formation(member: &Membership) -> Formation {
    let cluster = member.cluster;
    match member.initial_brokers {
        Some(initial_brokers) => Formation::Founded {
            cluster,
            initial_brokers,
        },
        None => Formation::Joined { cluster },
    }
}

/// From now on peers are judged by what the metadata knows of them.
pub(crate) fn judge_peers(network: &PeerNetwork, broker: &Arc<Broker>) {
    network.set_policy(Arc::new(KnownBrokers::new(broker)));
}

fn random() -> u64 {
    let bytes = *uuid::Uuid::new_v4().as_bytes();
    let (low, _) = bytes.split_at(8);
    low.iter()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}
