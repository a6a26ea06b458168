//! The real way between brokers: gRPC on the peer port.
//!
//! ```text
//! PeerNetwork ── who this broker is, whom it knows, which groups take requests
//!   ├─ scout    looks through the seeds for brokers that are not known yet, or are gone
//!   ├─ link     one per peer: dials, shakes hands, sends requests, takes replies
//!   └─ accept   the peer port: shakes hands, delivers requests, sends replies
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use model::{BrokerId, ReplicaId};
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::accept::{self, Turns};
use super::forming::{Event, Round};
use super::inboxes::Inboxes;
use super::link::Link;
use super::roster::{KnownPeer, Roster};
use super::scout;
use super::strangers;
use super::wire::{Message, OVERHEAD_BYTES_MAX};
use super::{
    AddressBook, CallError, Called, GroupId, GroupInbox, Hello, LeaderTable, PeerPolicy,
    PeerRequest, PeerSettings, PeerStats, Peers, Promise, Registration, Standing,
};
use crate::Cores;

/// How many refusals are remembered, so that each is logged once.
const REFUSALS_MAX: usize = 1_000;

/// How long streams may take to end at a shutdown.
const SHUTDOWN_WAIT_MAX: Duration = Duration::from_secs(3);

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
    me: Mutex<Hello>,
    pub(super) roster: Roster,
    pub(super) book: AddressBook,
    pub(super) leaders: Arc<LeaderTable>,
    pub(super) inboxes: Arc<Inboxes>,
    pub(super) turns: Turns,
    /// Why seeds lead to nobody, by address.
    pub(super) seed_trouble: Mutex<BTreeMap<String, String>>,
    /// Why brokers were refused last.
    refusals: Mutex<BTreeMap<BrokerId, String>>,
    policy: RwLock<Option<Arc<dyn PeerPolicy>>>,
    /// Counts the times that every peer is to be judged again.
    pub(super) recheck: watch::Sender<u64>,
    pub(super) stop: watch::Sender<bool>,
    links: RwLock<Links>,
    cores: Vec<Handle>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    streams: AtomicU64,
}

#[derive(Default)]
struct Links {
    by_broker: BTreeMap<BrokerId, Arc<Link>>,
    by_replica: HashMap<ReplicaId, Arc<Link>>,
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
    /// Everything runs on the cores.
    ///
    /// # Errors
    /// The listener cannot be used.
    pub fn start(
        settings: PeerSettings,
        listener: Option<TcpListener>,
        cores: &Cores,
    ) -> io::Result<Arc<Self>> {
        let me = Hello::of(&settings, settings.standing);
        let shared = Arc::new(Shared {
            leaders: Arc::new(LeaderTable::new(settings.broker)),
            settings,
            me: Mutex::new(me),
            roster: Roster::default(),
            book: AddressBook::default(),
            inboxes: Arc::default(),
            turns: Turns::default(),
            seed_trouble: Mutex::default(),
            refusals: Mutex::default(),
            policy: RwLock::default(),
            recheck: watch::channel(0).0,
            stop: watch::channel(false).0,
            links: RwLock::default(),
            cores: (0..cores.len()).map(|n| cores.handle(n).clone()).collect(),
            tasks: Mutex::default(),
            streams: AtomicU64::new(0),
        });
        if let Some(listener) = listener {
            listener.set_nonblocking(true)?;
            let serving = accept::serve(&shared, listener, &shared.cores);
            shared.tasks.lock().extend(serving);
        }
        shared.spawn(0, scout::run(shared.clone()));
        shared.spawn(0, follow_book(shared.clone()));
        shared.spawn(0, strangers::forget_the_gone(shared.clone()));
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
    pub fn recheck(&self) {
        self.shared.recheck.send_modify(|count| *count += 1);
    }

    /// What has been sent and received, by peer.
    pub fn stats(&self) -> Vec<PeerStats> {
        let links = self.shared.links.read();
        let stats = |link: &Arc<Link>| {
            let held = link.outbox.held_bytes() as u64;
            link.counters.show(link.broker, link.outbox.is_up(), held)
        };
        links.by_broker.values().map(stats).collect()
    }

    /// Closes every stream and the listener; waits until all is closed. Not to be called on one of the cores.
    pub async fn shutdown(&self) {
        self.shared.stop.send_replace(true);
        let mut tasks = std::mem::take(&mut *self.shared.tasks.lock());
        if timeout(SHUTDOWN_WAIT_MAX, join_all(&mut tasks))
            .await
            .is_err()
        {
            tracing::warn!("streams to other brokers have not ended, and are cut off");
            tasks.iter().for_each(JoinHandle::abort);
        }
    }

    /// Why peer addresses lead to nobody, one sentence each.
    pub fn trouble(&self) -> Vec<String> {
        self.shared.seed_trouble.lock().values().cloned().collect()
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
        self.repeat_standing();
        for link in self.shared.links.read().by_broker.values() {
            // It may have refused what this broker was before.
            link.wake.notify_one();
        }
        self.recheck();
    }

    /// Tells everybody again: another one may have come under this broker's number since, and be taken for it.
    pub(super) fn repeat_standing(&self) {
        let standing = self.shared.standing();
        for link in self.shared.links.read().by_broker.values() {
            link.outbox.note(Message::Standing {
                standing,
                round: None,
            });
        }
    }

    /// Asks a peer for a promise.
    pub(super) fn ask(&self, to: BrokerId, promise: Promise, round: Round) {
        let note = Message::PromiseAsked { promise, round };
        self.shared.note(to, note);
    }

    /// Answers a peer's question with the standing that is kept.
    pub(super) fn answer(&self, to: BrokerId, round: Round) {
        self.shared.answer(to, round);
    }
}

impl Drop for PeerNetwork {
    fn drop(&mut self) {
        self.shared.stop.send_replace(true);
    }
}

impl Shared {
    /// What this broker says of itself now.
    pub(super) fn me(&self) -> Hello {
        self.me.lock().clone()
    }

    /// How far this broker has come into a cluster.
    pub(super) fn standing(&self) -> Standing {
        self.me.lock().standing
    }

    /// Logs a refusal, once per change.
    pub(super) fn log_refusal(&self, broker: BrokerId, reason: &str) {
        let mut refusals = self.refusals.lock();
        // Whoever reaches the port can invent brokers.
        if refusals.len() >= REFUSALS_MAX {
            refusals.clear();
        }
        if refusals.insert(broker, reason.to_owned()).as_deref() != Some(reason) {
            tracing::warn!(%broker, reason, "another broker was refused");
        }
    }

    /// A number for a new stream.
    pub(super) fn next_stream(&self) -> u64 {
        self.streams.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether a peer may be talked to.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn judge(&self, peer: &Hello) -> Result<(), String> {
        self.me().agree(peer)?;
        self.is_free(peer)?;
        self.admit(peer)?;
        let policy = self.policy.read().clone();
        match policy {
            Some(policy) if peer.standing.member().is_some() => policy.judge(peer),
            Some(_) | None => Ok(()),
        }
    }

    /// A peer that may be talked to has introduced itself.
    pub(super) fn heard(self: &Arc<Self>, hello: Hello) -> Arc<Link> {
        let (broker, standing) = (hello.broker, hello.standing);
        self.book.said(broker, &hello.advertised_peer);
        let has_changed = self.roster.heard(hello);
        let link = self.ensure_link(broker);
        self.is_replica(&link, standing);
        if has_changed || !link.outbox.is_up() {
            link.wake.notify_one();
        }
        link
    }

    /// A peer has told its standing.
    pub(super) fn told(&self, hello: &Hello, round: Option<Round>) {
        self.roster.told(hello, round);
        let link = self.links.read().by_broker.get(&hello.broker).cloned();
        if let Some(link) = link {
            self.is_replica(&link, hello.standing);
        }
    }

    /// Answers a peer's question.
    pub(super) fn answer(&self, to: BrokerId, round: Round) {
        let standing = self.standing();
        let round = Some(round);
        self.note(to, Message::Standing { standing, round });
    }

    /// Whether all initial brokers, and all others that are known, are connected.
    pub(super) fn is_everybody_here(&self) -> bool {
        let links = self.links.read();
        let is_here = |broker| {
            let link = links.by_broker.get(&broker);
            broker == self.settings.broker || link.is_some_and(|link| link.outbox.is_up())
        };
        let initial = (0..self.settings.initial_brokers).map(BrokerId::new);
        initial
            .filter(|broker| self.is_expected(*broker))
            .all(is_here)
            && links.by_broker.keys().all(|broker| is_here(*broker))
    }

    /// Every broker that has a link.
    pub(super) fn known_brokers(&self) -> BTreeSet<BrokerId> {
        self.links.read().by_broker.keys().copied().collect()
    }

    /// Whether there is a stream from or to a broker.
    pub(super) fn is_here(&self, broker: BrokerId) -> bool {
        let link = self.links.read().by_broker.get(&broker).cloned();
        link.is_some_and(|link| link.outbox.is_up() || link.inbound.load(Ordering::Acquire) > 0)
    }

    /// Forgets a broker, and dials it no more.
    pub(super) fn forget(&self, broker: BrokerId) {
        let link = {
            let mut links = self.links.write();
            let link = links.by_broker.remove(&broker);
            links.by_replica.retain(|_, link| link.broker != broker);
            link
        };
        if let Some(link) = link {
            link.forgotten.notify_one();
        }
        self.book.forget(broker);
        self.roster.forget(broker);
        self.turns.forget(broker);
        self.leaders.forget_broker(broker);
        self.refusals.lock().remove(&broker);
    }

    /// Whether requests can be sent to a peer.
    pub(super) fn is_connected(&self, broker: BrokerId) -> bool {
        let links = self.links.read();
        links
            .by_broker
            .get(&broker)
            .is_some_and(|link| link.outbox.is_up())
    }

    /// Runs a task until it ends, or the network has stopped.
    pub(super) fn spawn(&self, core: usize, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(handle) = self.cores.get(core % self.cores.len().max(1)) {
            let mut tasks = self.tasks.lock();
            tasks.retain(|task| !task.is_finished());
            tasks.push(handle.spawn(task));
        }
    }

    fn note(&self, to: BrokerId, message: Message) {
        if let Some(link) = self.links.read().by_broker.get(&to) {
            link.outbox.note(message);
        }
    }

    fn is_replica(&self, link: &Arc<Link>, standing: Standing) {
        let replica = standing.member().map(|member| member.replica);
        let mut links = self.links.write();
        let old = std::mem::replace(&mut *link.replica.lock(), replica);
        if old == replica {
            return;
        }
        if let Some(old) = old {
            links.by_replica.remove(&old);
        }
        if let Some(replica) = replica {
            links.by_replica.insert(replica, link.clone());
        }
    }

    fn ensure_link(self: &Arc<Self>, broker: BrokerId) -> Arc<Link> {
        let mut links = self.links.write();
        if let Some(link) = links.by_broker.get(&broker) {
            return link.clone();
        }
        let link = Link::new(broker, self);
        links.by_broker.insert(broker, link.clone());
        drop(links);
        let core = usize::try_from(broker.get()).unwrap_or(0);
        self.spawn(core, link.clone().run(self.clone()));
        link
    }
}

/// Keeps a link to every broker that the metadata registers, and lets those dial whose address is new.
async fn follow_book(shared: Arc<Shared>) {
    let (mut changes, mut stopped) = (shared.book.watch(), shared.stop.subscribe());
    loop {
        for broker in shared.book.brokers() {
            if broker != shared.settings.broker {
                let link = shared.ensure_link(broker);
                if !link.outbox.is_up() {
                    link.wake.notify_one();
                }
            }
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

impl Peers for PeerNetwork {
    fn call(&self, to: ReplicaId, request: PeerRequest, timeout: Duration) -> Called {
        let limit = self.shared.settings.limits.frame_bytes_max;
        let bytes = request.payload_bytes();
        if bytes + OVERHEAD_BYTES_MAX > limit {
            return std::future::ready(Err(CallError::TooLarge { bytes, limit })).boxed();
        }
        let link = self.shared.links.read().by_replica.get(&to).cloned();
        match link {
            Some(link) => link.outbox.call(to, request, timeout),
            None => {
                let reason = match self.shared.book.broker_of(to) {
                    Some(broker) => format!("its broker {broker} has not been heard of"),
                    None => "no broker has said that it is this replica".to_owned(),
                };
                let reason = reason.into();
                std::future::ready(Err(CallError::Unreachable { to, reason })).boxed()
            }
        }
    }

    fn register(&self, group: GroupId, inbox: Arc<dyn GroupInbox>) -> Registration {
        Inboxes::register(&self.shared.inboxes, group, inbox)
    }
}
