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

/// A request, who sent it, and where the answer goes.
struct Delivered {
    from: Option<ReplicaId>,
    request: PeerRequest,
    reply: ReplySlot,
}

/// The outside of the door. Dropped, it ends what is behind.
pub(crate) struct Inbox {
    queue: mpsc::UnboundedSender<Delivered>,
}

impl Inbox {
    /// Opens the door of a group, on its home core. What waits in it is bounded by what the senders may have unanswered.
    pub(crate) fn open<M: Machine>(group: &Arc<Group<M>>) -> Arc<Self> {
        let (queue, delivered) = mpsc::unbounded_channel();
        let worker = Worker {
            group: Arc::downgrade(group),
            appends: Appends::new(group.instances.clone()),
        };
        process::spawn_on(&group.home, worker.run(delivered));
        Arc::new(Self { queue })
    }
}

impl GroupInbox for Inbox {
    fn deliver(&self, from: Option<ReplicaId>, request: PeerRequest, reply: ReplySlot) {
        // A group that is closing drops the slot, which tells the sender.
        let _ = self.queue.send(Delivered {
            from,
            request,
            reply,
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
                self.appends.take(from, request, reply).await;
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
