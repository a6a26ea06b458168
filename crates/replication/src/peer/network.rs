#![allow(dead_code)] // until the streams use it
//! The real way between brokers: gRPC on the peer port.
//!
//! ```text
//! PeerNetwork ── who this broker is, whom it knows, which groups take requests
//!   ├─ scout    looks through the seeds for brokers that are not known yet, or are gone
//!   ├─ link     one per peer: dials, shakes hands, sends requests, takes replies
//!   └─ accept   the peer port: shakes hands, delivers requests, sends replies
//! ```

use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use model::{BrokerId, ReplicaId};
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use super::forming::{Event, Round};
use super::inboxes::Inboxes;
use super::roster::{KnownPeer, Roster};
use super::{
    AddressBook, CallError, Called, GroupId, GroupInbox, Hello, LeaderTable, PeerPolicy,
    PeerRequest, PeerSettings, PeerStats, Peers, Promise, Registration, Standing,
};
use crate::Cores;

/// The way to other brokers.
///
/// The start sequence of a broker:
/// ```ignore
/// let listener = bind(&settings.peer)?;                 // None for a broker that is and stays alone
/// let network = PeerNetwork::start(peer_settings, Some(listener), &cores)?;
/// // Returns at once for a broker alone, and for a data directory that is a member already.
/// let member = form(&network, &mut identity_file, fresh_cluster_id, &joining).await?;
/// let replication = Replication::open(directory, clock, cores, ReplicationSettings::new(member.replica), network.clone())?;
/// // The metadata group: GroupStart::Found(the first 3, or 5, of member.initial_brokers), else GroupStart::Join.
/// network.set_policy(policy);                           // once the metadata is open
/// network.addresses().register(brokers_of_the_metadata);    // and on every change of them
/// …
/// replication.shutdown().await;
/// network.shutdown().await;                             // before the cores are stopped
/// ```
pub struct PeerNetwork {
    shared: Arc<Shared>,
}

/// What all parts of the network share.
pub(super) struct Shared {
    pub(super) settings: PeerSettings,
    pub(super) me: Mutex<Hello>,
    pub(super) roster: Roster,
    pub(super) book: AddressBook,
    pub(super) leaders: LeaderTable,
    pub(super) inboxes: Arc<Inboxes>,
    pub(super) policy: RwLock<Option<Arc<dyn PeerPolicy>>>,
    pub(super) stop: watch::Sender<bool>,
    pub(super) _links: Mutex<BTreeMap<BrokerId, ()>>,
}

/// What happens that forming waits for, since it began to listen.
pub(super) struct FormingEvents<'a>(&'a Roster);

impl FormingEvents<'_> {
    pub(super) async fn next(&mut self) -> Option<Event> {
        Some(self.0.next().await)
    }
}

impl PeerNetwork {
    /// Starts to listen and to look for the others. Without a listener and without seeds it reaches nobody.
    /// Needs a runtime around it; everything runs on the cores.
    ///
    /// # Errors
    /// The listener cannot be used.
    pub fn start(
        settings: PeerSettings,
        _listener: Option<TcpListener>,
        _cores: &Arc<Cores>,
    ) -> io::Result<Arc<Self>> {
        let me = Hello::of(&settings, settings.standing);
        let shared = Arc::new(Shared {
            leaders: LeaderTable::new(settings.broker),
            settings,
            me: Mutex::new(me),
            roster: Roster::default(),
            book: AddressBook::default(),
            inboxes: Arc::default(),
            policy: RwLock::default(),
            stop: watch::channel(false).0,
            _links: Mutex::default(),
        });
        Ok(Arc::new(Self { shared }))
    }

    /// The settings that it was started with.
    pub fn settings(&self) -> &PeerSettings {
        &self.shared.settings
    }

    /// Where brokers are reached. The metadata's addresses are to be registered here.
    pub fn addresses(&self) -> &AddressBook {
        &self.shared.book
    }

    /// Who leads which group: published by who leads, read by who asks.
    pub fn leaders(&self) -> &LeaderTable {
        &self.shared.leaders
    }

    /// What every peer that was ever met has said of itself.
    pub fn peers(&self) -> Vec<KnownPeer> {
        self.shared.roster.all()
    }

    /// Judges peers from now on, those that are connected too.
    pub fn set_policy(&self, policy: Arc<dyn PeerPolicy>) {
        *self.shared.policy.write() = Some(policy);
        self.recheck();
    }

    /// Judges every connected peer again: the metadata has changed.
    pub fn recheck(&self) {}

    /// What has been sent and received, by peer.
    pub fn stats(&self) -> Vec<PeerStats> {
        Vec::new()
    }

    /// Closes every stream and the listener; waits until all is closed.
    pub async fn shutdown(&self) {
        self.shared.stop.send_replace(true);
    }

    pub(super) fn replica_of(&self, broker: BrokerId) -> Option<ReplicaId> {
        let hello = self.shared.roster.hello_of(broker)?;
        Some(hello.standing.member()?.replica)
    }

    pub(super) fn forming_events(&self) -> FormingEvents<'_> {
        self.shared.roster.begin();
        FormingEvents(&self.shared.roster)
    }

    /// Tells everybody this broker's standing, which is durable.
    pub(super) fn tell_standing(&self, standing: Standing) {
        self.shared.me.lock().standing = standing;
    }

    /// Asks a peer for a promise.
    pub(super) fn ask(&self, _to: BrokerId, _promise: Promise, _round: Round) {}

    /// Answers a peer's question with the standing that is kept.
    pub(super) fn answer(&self, _to: BrokerId, _round: Round) {}
}

impl Peers for PeerNetwork {
    fn call(&self, to: ReplicaId, _request: PeerRequest, _timeout: Duration) -> Called {
        let reason = "not connected".into();
        std::future::ready(Err(CallError::Unreachable { to, reason })).boxed()
    }

    fn register(&self, group: GroupId, inbox: Arc<dyn GroupInbox>) -> Registration {
        Inboxes::register(&self.shared.inboxes, group, inbox)
    }
}
