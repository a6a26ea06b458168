//! A group's door for requests of other replicas: they enter Raft in the order of their arrival, on the group's home
//! core, once they are found sound.

mod appends;
mod others;

use std::sync::{Arc, Weak};

use model::ReplicaId;
use tokio::sync::mpsc;

use crate::group::Group;
use crate::peer::{GroupInbox, PeerRequest, ReplySlot, RequestKind};
use crate::process;
use crate::raft::machine::Machine;
use crate::repair::serve;
use appends::Appends;

/// Most heartbeats that wait in a group. A leader sends them whether the earlier ones were answered or not, and a disk
/// that stands still holds them up.
const HEARTBEATS_MAX: usize = 64;

/// A request, who sent it, and where the answer goes.
struct Delivered {
    from: Option<ReplicaId>,
    request: PeerRequest,
    reply: ReplySlot,
    counted: Option<Counted>,
}

/// Counts a heartbeat while it lives.
type Counted = Arc<()>;

/// The outside of the door. Dropped, it ends what is behind.
pub(crate) struct Inbox {
    queue: mpsc::UnboundedSender<Delivered>,
    heartbeats: Counted,
}

impl Inbox {
    /// Opens the door of a group, on its home core. What waits in it is bounded by what the senders may have unanswered,
    /// and by the heartbeats that are taken.
    pub(crate) fn open<M: Machine>(group: &Arc<Group<M>>) -> Arc<Self> {
        let (queue, delivered) = mpsc::unbounded_channel();
        let worker = Worker {
            group: Arc::downgrade(group),
            appends: Appends::new(group.instances.clone()),
        };
        process::spawn_on(&group.home, worker.run(delivered));
        Arc::new(Self::of(queue))
    }

    fn of(queue: mpsc::UnboundedSender<Delivered>) -> Self {
        Self {
            queue,
            heartbeats: Counted::default(),
        }
    }
}

impl GroupInbox for Inbox {
    fn deliver(&self, from: Option<ReplicaId>, request: PeerRequest, reply: ReplySlot) {
        let is_heartbeat = request.kind == RequestKind::Heartbeat;
        if is_heartbeat && Counted::strong_count(&self.heartbeats) > HEARTBEATS_MAX {
            return reply
                .refuse("earlier heartbeats are not answered yet: the replica stands still");
        }
        // A group that is closing drops the slot, which tells the sender.
        let _ = self.queue.send(Delivered {
            from,
            request,
            reply,
            counted: is_heartbeat.then(|| self.heartbeats.clone()),
        });
    }
}

/// What is behind the door.
struct Worker<M: Machine> {
    group: Weak<Group<M>>,
    appends: Appends<M>,
}

impl<M: Machine> Worker<M> {
    async fn run(mut self, mut delivered: mpsc::UnboundedReceiver<Delivered>) {
        loop {
            tokio::select! {
                () = self.appends.next_answer() => {}
                next = delivered.recv() => match next {
                    Some(next) => self.take(next).await,
                    None => return,
                },
            }
        }
    }

    async fn take(&mut self, delivered: Delivered) {
        let Delivered {
            from,
            request,
            reply,
            counted,
        } = delivered;
        let Some(group) = self.group.upgrade() else {
            return;
        };
        let kind = request.kind;
        let Some(from) = from else {
            match kind {
                RequestKind::Propose => {
                    drop(process::spawn(others::propose(group, request, reply)))
                }
                _ => reply.refuse("only a replica may ask for this"),
            }
            return;
        };
        match kind {
            RequestKind::Append | RequestKind::Heartbeat => {
                self.appends.take(from, request, reply, counted).await;
            }
            RequestKind::Vote | RequestKind::PreVote => {
                process::spawn(others::vote(group, from, request, reply));
            }
            RequestKind::Snapshot => {
                process::spawn(others::snapshot(group, from, request, reply));
            }
            RequestKind::TransferLeader => {
                process::spawn(others::transfer(group, from, request, reply));
            }
            RequestKind::ReadEntries => {
                process::spawn(serve::answer(group, request, reply));
            }
            RequestKind::Propose => {
                process::spawn(others::propose(group, request, reply));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;

    use super::*;
    use crate::peer::{Answered, GroupId};

    #[test]
    fn no_more_than_so_many_heartbeats_wait_and_nothing_else_is_refused() {
        let (queue, mut delivered) = mpsc::unbounded_channel();
        let inbox = Inbox::of(queue);
        let refused = Arc::new(AtomicUsize::new(0));
        let deliver = |kind| {
            let request = PeerRequest {
                group: GroupId::METADATA,
                kind,
                head: Bytes::new(),
                entries: Vec::new(),
            };
            let count = refused.clone();
            let reply = ReplySlot::new(move |answered| {
                let is_refused = matches!(answered, Answered::Refused(_));
                count.fetch_add(usize::from(is_refused), Ordering::Relaxed);
            });
            inbox.deliver(Some(ReplicaId::new(1)), request, reply);
        };
        for _ in 0..HEARTBEATS_MAX + 10 {
            deliver(RequestKind::Heartbeat);
        }
        for _ in 0..HEARTBEATS_MAX + 10 {
            deliver(RequestKind::Append);
        }
        assert_eq!(refused.load(Ordering::Relaxed), 10);
        drop(delivered.try_recv().unwrap());
        deliver(RequestKind::Heartbeat);
        deliver(RequestKind::Heartbeat);
        assert_eq!(refused.load(Ordering::Relaxed), 11);
    }
}
