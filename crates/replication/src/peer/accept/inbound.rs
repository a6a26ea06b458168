//! One stream of another broker: its Hello, then what it asks.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::ReplicaId;
use tokio::time::timeout;

use super::Turn;
use super::gate::Gate;
use crate::peer::link::Link;
use crate::peer::network::Shared;
use crate::peer::replies::Replies;
use crate::peer::stream::{Broken, Incoming};
use crate::peer::wire::Message;
use crate::peer::{Hello, PeerRequest, RequestKind, Standing};

/// A peer that was let in.
struct Inbound {
    shared: Arc<Shared>,
    replies: Arc<Replies>,
    link: Arc<Link>,
    /// What it said last of itself.
    hello: Hello,
    /// Since its first frame behind the Hello.
    turn: Option<Turn>,
}

/// Why a stream ends.
enum End {
    /// It was refused.
    Refused(String),
    /// It does not keep to the protocol.
    Wrong(String),
    /// A newer stream of the same broker has taken its place.
    Replaced,
}

/// Serves a stream until it ends.
pub(super) async fn run(
    shared: Arc<Shared>,
    mut incoming: Incoming,
    replies: Arc<Replies>,
    gate: Option<Arc<Gate>>,
) {
    let mut stopped = shared.stop.subscribe();
    tokio::select! {
        () = serve(&shared, &mut incoming, &replies, gate.as_deref()) => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
    replies.close();
    if let Some(gate) = gate {
        gate.close();
    }
}

async fn serve(
    shared: &Arc<Shared>,
    incoming: &mut Incoming,
    replies: &Arc<Replies>,
    gate: Option<&Gate>,
) {
    let limits = &shared.settings.limits;
    let hello = match timeout(limits.connect_timeout, incoming.next()).await {
        Ok(Ok(Message::Hello(hello))) => hello,
        // Whoever it is, it is no broker.
        Ok(_) | Err(_) => return,
    };
    let me = shared.me();
    if hello.is_same_process(&me) {
        // This broker has dialled itself: the answer tells it so.
        return replies.note(Message::Hello(me));
    }
    if let Err(reason) = shared.judge(&hello) {
        shared.log_refusal(hello.broker, &reason);
        return replies.note(Message::Refusal { reason });
    }
    replies.note(Message::Hello(me));
    if let Some(gate) = gate {
        gate.open();
    }
    let link = shared.heard(hello.clone());
    replies.count(link.counters.clone());
    link.inbound.fetch_add(1, Ordering::AcqRel);
    let mut inbound = Inbound {
        shared: shared.clone(),
        replies: replies.clone(),
        link,
        hello,
        turn: None,
    };
    match inbound.read(incoming).await {
        End::Refused(reason) => {
            shared.log_refusal(inbound.hello.broker, &reason);
            replies.note(Message::Refusal { reason });
        }
        End::Wrong(reason) => {
            tracing::debug!(broker = %inbound.hello.broker, reason, "its stream has ended");
        }
        End::Replaced => {}
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        self.link.inbound.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Inbound {
    async fn read(&mut self, incoming: &mut Incoming) -> End {
        let mut recheck = self.shared.recheck.subscribe();
        let replies = self.replies.clone();
        loop {
            let next = async {
                replies.room().await;
                incoming.next().await
            };
            let taken = tokio::select! {
                message = next => match message {
                    Ok(message) => {
                        self.link.counters.received(incoming.frame_bytes as u64);
                        self.take(message)
                    }
                    Err(error) => return wrong(&error),
                },
                _ = recheck.changed() => self.judge(),
            };
            if let Err(end) = taken {
                return end;
            }
        }
    }

    fn take(&mut self, message: Message) -> Result<(), End> {
        let broker = self.hello.broker;
        let shared = self.shared.clone();
        let turn = self.turn.get_or_insert_with(|| shared.turns.begin(broker));
        // What is delivered under the lock of the turn comes before all of a newer stream.
        let mut deliver = Ok(());
        let (hello, replies, link) = (&mut self.hello, &self.replies, &self.link);
        let is_current = turn.deliver(|| {
            deliver = take(&shared, hello, replies, link, message);
        });
        if is_current {
            deliver
        } else {
            Err(End::Replaced)
        }
    }

    fn judge(&self) -> Result<(), End> {
        self.shared.judge(&self.hello).map_err(End::Refused)
    }
}

fn take(
    shared: &Arc<Shared>,
    hello: &mut Hello,
    replies: &Arc<Replies>,
    link: &Link,
    message: Message,
) -> Result<(), End> {
    match message {
        Message::Request(number, request) => deliver(shared, hello, replies, number, request),
        Message::Heartbeats(requests) => {
            for (number, request) in requests {
                deliver(shared, hello, replies, number, request);
            }
        }
        Message::Standing { standing, round } => {
            hello.standing = standing;
            shared.judge(hello).map_err(End::Refused)?;
            shared.told(hello, round);
        }
        Message::PromiseAsked { promise, round } => match shared.standing() {
            // It is over here: the answer is where this broker has come to.
            Standing::Member(_) => shared.answer(hello.broker, round),
            Standing::Empty | Standing::Promised(_) => {
                shared.roster.asked(hello.broker, promise, round);
            }
        },
        Message::Leaders { begins, leaders } => {
            if is_of_my_cluster(shared, hello) {
                shared.leaders.hear(hello.broker, begins, leaders);
            }
        }
        Message::Numbers(numbers) => {
            if is_of_my_cluster(shared, hello) {
                shared.leaders.hear_numbers(link.broker, numbers);
            }
        }
        Message::Hello(_)
        | Message::Refusal { .. }
        | Message::Reply(..)
        | Message::HeartbeatReplies(_) => {
            return Err(End::Wrong("it sends what no peer sends here".to_owned()));
        }
    }
    Ok(())
}

fn deliver(
    shared: &Shared,
    hello: &Hello,
    replies: &Arc<Replies>,
    number: u64,
    request: PeerRequest,
) {
    let (kind, bytes) = (request.kind, request.payload_bytes());
    let slot = || match kind {
        RequestKind::Heartbeat => replies.heartbeat_slot(number),
        _ => replies.slot(number, bytes),
    };
    let from = sender(shared, hello.standing);
    if !shared.inboxes.deliver(from, request, slot) {
        replies.no_such_group(number);
    }
}

/// The replica that sends, where it is a member of this broker's cluster.
fn sender(shared: &Shared, standing: Standing) -> Option<ReplicaId> {
    let member = standing.member()?;
    let mine = shared.standing().member()?;
    (member.cluster == mine.cluster).then_some(member.replica)
}

fn is_of_my_cluster(shared: &Shared, hello: &Hello) -> bool {
    sender(shared, hello.standing).is_some()
}

fn wrong(error: &Broken) -> End {
    End::Wrong(error.to_string())
}
