//! Which groups take requests.

use std::collections::HashMap;
use std::sync::Arc;

use model::ReplicaId;
use parking_lot::RwLock;

use super::{GroupId, GroupInbox, PeerRequest, Registration, ReplySlot, RequestKind};

/// Which groups take requests. Also what an implementation of [`Peers`](super::Peers) in one process needs.
#[derive(Default)]
pub struct Inboxes {
    groups: RwLock<Groups>,
}

#[derive(Default)]
struct Groups {
    open: HashMap<GroupId, (u64, Arc<dyn GroupInbox>)>,
    registered: u64,
}

impl Inboxes {
    /// Lets requests to a group in, in the place of an earlier registration.
    pub fn register(
        inboxes: &Arc<Self>,
        group: GroupId,
        inbox: Arc<dyn GroupInbox>,
    ) -> Registration {
        let number = {
            let mut groups = inboxes.groups.write();
            groups.registered += 1;
            let number = groups.registered;
            groups.open.insert(group, (number, inbox));
            number
        };
        let inboxes = Arc::downgrade(inboxes);
        Registration::new(move || {
            if let Some(inboxes) = inboxes.upgrade() {
                inboxes.end(group, number);
            }
        })
    }

    /// Delivers a request to its group, and makes the slot for the reply. Whether there is such a group; nothing is
    /// made where there is not.
    pub fn deliver(
        &self,
        from: Option<ReplicaId>,
        request: PeerRequest,
        reply: impl FnOnce() -> ReplySlot,
    ) -> bool {
        let inbox = {
            let groups = self.groups.read();
            groups
                .open
                .get(&request.group)
                .map(|(_, inbox)| inbox.clone())
        };
        let Some(inbox) = inbox else {
            return false;
        };
        let reply = reply();
        if from.is_none() && request.kind != RequestKind::Propose {
            reply.refuse("the sender is no member of the cluster, and may only propose");
        } else {
            inbox.deliver(from, request, reply);
        }
        true
    }

    fn end(&self, group: GroupId, number: u64) {
        let ended = {
            let mut groups = self.groups.write();
            let is_it = groups.open.get(&group).is_some_and(|(n, _)| *n == number);
            is_it.then(|| groups.open.remove(&group))
        };
        // The inbox is dropped outside of the lock: it may own whatever.
        drop(ended);
    }
}
