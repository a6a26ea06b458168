//! The seam: how a group reaches its replicas on other brokers, and is reached.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use model::ReplicaId;

use super::{CallError, GroupId, PeerReply, PeerRequest, ReplySlot};

/// A request on its way into the peer's queue.
pub type Called = BoxFuture<'static, Result<Replied, CallError>>;

/// A request whose reply is on its way.
pub type Replied = BoxFuture<'static, Result<PeerReply, CallError>>;

/// The way to other brokers' replicas.
///
/// **Order.** The urgent requests of one group to one replica ([`RequestKind::is_urgent`](super::RequestKind::is_urgent))
/// arrive in the order of their calls, and so do the others; urgent ones may overtake others. What is lost with a
/// connection stays lost, and what is called afterwards arrives afterwards. A request arrives at most once.
///
/// **Bound.** The bytes that wait for one peer are bounded; a peer that takes nothing holds back nobody else.
///
/// Futures must be polled on a tokio runtime with time enabled.
pub trait Peers: Send + Sync + 'static {
    /// Sends a request. The place in the order is taken by this call; the outer future resolves once there is room
    /// for the request in the peer's queue, the inner one is the reply. Replies may be awaited later, in any order.
    /// `timeout` counts from this call. Dropping the outer future takes back a request that has not left; dropping the
    /// inner one forgets the reply.
    fn call(&self, to: ReplicaId, request: PeerRequest, timeout: Duration) -> Called;

    /// Lets requests to a group in, until the registration is dropped. A later registration of the same group takes
    /// the place of an earlier one.
    fn register(&self, group: GroupId, inbox: Arc<dyn GroupInbox>) -> Registration;
}

/// A group that takes requests.
pub trait GroupInbox: Send + Sync + 'static {
    /// Takes a request; called in the order of arrival per sender. Must not block: it answers through `reply`, when
    /// it can. `from` is `None` for a broker that has no replica id yet, which may only propose
    /// ([`RequestKind::Propose`](super::RequestKind::Propose)).
    fn deliver(&self, from: Option<ReplicaId>, request: PeerRequest, reply: ReplySlot);
}

/// Lets requests to a group in, as long as it is kept.
#[must_use = "dropping it ends the registration"]
pub struct Registration(Option<Box<dyn FnOnce() + Send + Sync>>);

impl Registration {
    /// A registration that calls `end` when it is dropped.
    pub fn new(end: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(end)))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(end) = self.0.take() {
            end();
        }
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registration")
    }
}
