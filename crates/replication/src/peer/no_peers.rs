//! A broker alone.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use model::ReplicaId;

use super::{CallError, Called, GroupId, GroupInbox, PeerRequest, Peers, Registration};

/// Reaches nobody, and is reached by nobody: a broker alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPeers;

impl Peers for NoPeers {
    fn call(&self, to: ReplicaId, _request: PeerRequest, _timeout: Duration) -> Called {
        let reason = "this broker is alone".into();
        ready(Err(CallError::Unreachable { to, reason })).boxed()
    }

    fn register(&self, _group: GroupId, _inbox: Arc<dyn GroupInbox>) -> Registration {
        Registration::new(|| {})
    }
}
