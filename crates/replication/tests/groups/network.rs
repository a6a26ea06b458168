//! A network of channels between the replicas of one test, in real time. It can be cut, and told to alter requests.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use model::ReplicaId;
use parking_lot::Mutex;
use replication::peer::{
    Answered, CallError, Called, GroupId, GroupInbox, PeerReply, PeerRequest, Peers, Registration,
    ReplySlot, RequestKind,
};
use tokio::sync::oneshot;

type Alter = Arc<dyn Fn(ReplicaId, ReplicaId, &mut PeerRequest) + Send + Sync>;

/// The registration's number, and what it let in.
type Registered = (u64, Arc<dyn GroupInbox>);

/// How long a slow replica takes for an append.
const SLOW: Duration = Duration::from_millis(50);

/// The network of a test.
#[derive(Default)]
pub(crate) struct Network {
    inboxes: Mutex<HashMap<(ReplicaId, GroupId), Registered>>,
    cuts: Mutex<HashSet<(ReplicaId, ReplicaId)>>,
    alter: Mutex<Option<Alter>>,
    /// Who answers one append after the other, slowly.
    slow: Mutex<HashMap<ReplicaId, Arc<tokio::sync::Mutex<()>>>>,
    registrations: Mutex<u64>,
}

impl Network {
    /// The network as one replica sees it.
    pub(crate) fn of(self: &Arc<Self>, replica: ReplicaId) -> Arc<dyn Peers> {
        Arc::new(Place {
            replica,
            network: self.clone(),
        })
    }

    /// Nothing goes from one to the other any more, nor back.
    pub(crate) fn cut(&self, one: u64, other: u64) {
        let (one, other) = (ReplicaId::new(one), ReplicaId::new(other));
        self.cuts.lock().extend([(one, other), (other, one)]);
    }

    /// A replica takes its time to answer each append, but for heartbeats.
    pub(crate) fn slow_down(&self, replica: u64) {
        let mut slow = self.slow.lock();
        slow.insert(ReplicaId::new(replica), Arc::default());
    }

    /// Everybody reaches everybody again.
    pub(crate) fn heal(&self) {
        self.cuts.lock().clear();
        self.slow.lock().clear();
    }

    /// Every request is shown to `alter` before it arrives.
    pub(crate) fn alter(
        &self,
        alter: impl Fn(ReplicaId, ReplicaId, &mut PeerRequest) + Send + Sync + 'static,
    ) {
        *self.alter.lock() = Some(Arc::new(alter));
    }

    /// Delivers a request as if `from` had sent it.
    pub(crate) async fn send(
        self: &Arc<Self>,
        from: u64,
        to: u64,
        request: PeerRequest,
    ) -> Result<PeerReply, CallError> {
        let from = self.of(ReplicaId::new(from));
        from.call(ReplicaId::new(to), request, Duration::from_secs(10))
            .await?
            .await
    }

    fn is_cut(&self, from: ReplicaId, to: ReplicaId) -> bool {
        self.cuts.lock().contains(&(from, to))
    }
}

struct Place {
    replica: ReplicaId,
    network: Arc<Network>,
}

impl Peers for Place {
    fn call(&self, to: ReplicaId, mut request: PeerRequest, timeout: Duration) -> Called {
        let from = self.replica;
        let unreachable = |reason: &str| {
            let reason = reason.into();
            std::future::ready(Err(CallError::Unreachable { to, reason })).boxed()
        };
        if self.network.is_cut(from, to) {
            return unreachable("it is cut off");
        }
        let alter = self.network.alter.lock().clone();
        if let Some(alter) = alter {
            alter(from, to, &mut request);
        }
        let group = request.group;
        let inbox = self.network.inboxes.lock().get(&(to, group)).cloned();
        let Some((_, inbox)) = inbox else {
            return std::future::ready(Err(CallError::NoSuchGroup { to, group })).boxed();
        };
        let (sender, receiver) = oneshot::channel();
        let network = self.network.clone();
        let slot = ReplySlot::new(move |answered| {
            let lost = || CallError::Lost {
                to,
                reason: "it is cut off".into(),
            };
            let reply = match answered {
                _ if network.is_cut(to, from) => Err(lost()),
                Answered::Reply(reply) => Ok(reply),
                Answered::Refused(reason) => Err(CallError::Refused { to, reason }),
                Answered::Dropped => Err(CallError::Dropped { to }),
            };
            let _ = sender.send(reply);
        });
        let is_append = request.kind == RequestKind::Append;
        inbox.deliver(Some(from), request, slot);
        let replied = async move {
            let late = CallError::Timeout {
                to,
                after: timeout,
                sent: true,
            };
            match tokio::time::timeout(timeout, receiver).await {
                Ok(Ok(reply)) => reply,
                Ok(Err(_)) => Err(CallError::Dropped { to }),
                Err(_) => Err(late),
            }
        };
        let turn = self.network.slow.lock().get(&to).cloned();
        let replied = async move {
            if let Some(turn) = turn.filter(|_| is_append) {
                let _turn = turn.lock().await;
                tokio::time::sleep(SLOW).await;
            }
            replied.await
        };
        std::future::ready(Ok(replied.boxed())).boxed()
    }

    fn register(&self, group: GroupId, inbox: Arc<dyn GroupInbox>) -> Registration {
        let number = {
            let mut registrations = self.network.registrations.lock();
            *registrations += 1;
            *registrations
        };
        let key = (self.replica, group);
        self.network.inboxes.lock().insert(key, (number, inbox));
        let network = self.network.clone();
        Registration::new(move || {
            let mut inboxes = network.inboxes.lock();
            if inboxes.get(&key).is_some_and(|(known, _)| *known == number) {
                inboxes.remove(&key);
            }
        })
    }
}
