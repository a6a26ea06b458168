//! One way between two replicas: in order, bounded in bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use model::ReplicaId;
use replication::peer::{CallError, PeerReply};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::{Answer, Network, QUEUE_BYTES_MAX, Sent};

/// Which way of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    Urgent,
    Orderly,
    Back,
}

/// A way. Clones are the same one.
#[derive(Clone)]
pub(super) struct Lane(Arc<Inner>);

struct Inner {
    queue: Mutex<VecDeque<Item>>,
    pushed: Notify,
}

enum Item {
    Request(Box<Sent>),
    Reply {
        arrives: Instant,
        connection: u64,
        reply: Result<PeerReply, CallError>,
        answer: Answer,
    },
}

impl Lane {
    pub(super) fn start(network: Network, (from, to, way): (ReplicaId, ReplicaId, Way)) -> Self {
        let lane = Self(Arc::new(Inner {
            queue: Mutex::default(),
            pushed: Notify::new(),
        }));
        let this = lane.clone();
        // Outside of every process: the network belongs to nobody.
        tokio::spawn(async move { this.run(network, from, to, way).await });
        lane
    }

    pub(super) fn push(&self, sent: Sent) {
        self.0
            .queue
            .lock()
            .unwrap()
            .push_back(Item::Request(Box::new(sent)));
        self.admit();
        self.0.pushed.notify_one();
    }

    pub(super) fn push_reply(
        &self,
        arrives: Instant,
        connection: u64,
        reply: Result<PeerReply, CallError>,
        answer: Answer,
    ) {
        self.0.queue.lock().unwrap().push_back(Item::Reply {
            arrives,
            connection,
            reply,
            answer,
        });
        self.0.pushed.notify_one();
    }

    /// Lets in as many requests as there is room for; who no longer waits for room takes its request back.
    fn admit(&self) {
        let mut queue = self.0.queue.lock().unwrap();
        let mut bytes = 0;
        let mut at = 0;
        while let Some(Item::Request(sent)) = queue.get_mut(at) {
            if bytes > 0 && bytes + sent.request.payload_bytes() > QUEUE_BYTES_MAX {
                return;
            }
            let waits = sent.admitted.take();
            if waits.is_some_and(|admitted| admitted.send(()).is_err()) {
                queue.remove(at);
                continue;
            }
            bytes += sent.request.payload_bytes().max(1);
            at += 1;
        }
    }

    async fn run(self, network: Network, from: ReplicaId, to: ReplicaId, way: Way) {
        // Bytes of a reply go the other way.
        let (source, target) = match way {
            Way::Urgent | Way::Orderly => (from, to),
            Way::Back => (to, from),
        };
        loop {
            let Some(item) = self.0.queue.lock().unwrap().pop_front() else {
                self.0.pushed.notified().await;
                continue;
            };
            let (arrives, connection) = item.due();
            let lost = || network.connection(from, to) != connection;
            sleep_until(arrives).await;
            loop {
                let changed = network.0.changed.notified();
                if lost() || !network.is_cut(source, target) {
                    break;
                }
                changed.await;
            }
            self.admit();
            match item {
                // Its answer is dropped, which says that it was lost.
                _ if lost() => {}
                Item::Request(sent) => network.arrive(from, to, *sent),
                Item::Reply { reply, answer, .. } => drop(answer.send(reply)),
            }
        }
    }
}

impl Item {
    fn due(&self) -> (Instant, u64) {
        match self {
            Self::Request(sent) => (sent.arrives, sent.connection),
            Self::Reply {
                arrives,
                connection,
                ..
            } => (*arrives, *connection),
        }
    }
}
