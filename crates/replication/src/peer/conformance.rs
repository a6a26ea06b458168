//! What every implementation of [`Peers`] must do, as tests that each one runs.
//!
//! A cluster under test has three brokers, 0 to 2, whose replicas bear their numbers and are members of one cluster.
//! Time may be real or simulated. A broken promise panics.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all};
use model::ReplicaId;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    CallError, GroupId, GroupInbox, PeerReply, PeerRequest, Peers, Registration, ReplySlot,
    RequestKind,
};

/// For what comes at once.
const SOON: Duration = Duration::from_secs(20);
/// For what never comes.
const SHORT: Duration = Duration::from_millis(100);
/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(5);

/// Three brokers under test.
pub trait ThreeBrokers: Send + Sync {
    /// A broker's way to the others; another one after it has been gone.
    fn peers(&self, broker: u32) -> Arc<dyn Peers>;
    /// Takes a broker from the network, as by `kill -9`. Its registrations are gone.
    fn stop(&self, broker: u32) -> BoxFuture<'_, ()>;
    /// Lets it come back, without registrations.
    fn start(&self, broker: u32) -> BoxFuture<'_, ()>;
    /// The bytes that may wait for one peer.
    fn queue_bytes_max(&self) -> usize;
}

/// Runs everything.
pub async fn test_all(brokers: &dyn ThreeBrokers) {
    requests_arrive_in_order_and_are_answered(brokers).await;
    replies_may_come_and_be_awaited_in_any_order(brokers).await;
    heartbeats_are_answered_each(brokers).await;
    a_request_times_out_and_its_late_reply_is_forgotten(brokers).await;
    an_unknown_group_a_refusal_and_a_dropped_slot_are_told_apart(brokers).await;
    entries_arrive_as_they_left(brokers).await;
    a_registration_ends_when_it_is_dropped_and_is_replaced_by_a_later_one(brokers).await;
    a_group_that_answers_nothing_holds_back_no_other_and_takes_bounded_memory(brokers).await;
    a_peer_that_is_gone_is_unreachable_and_comes_back(brokers).await;
}

/// A request, and its slot until that is used.
type Taken = (Option<ReplicaId>, PeerRequest, Option<ReplySlot>);

/// Keeps what was delivered; answers what it is told to.
#[derive(Default)]
struct Inbox {
    taken: Mutex<Vec<Taken>>,
    news: Notify,
    echoes: bool,
}

impl Inbox {
    /// Answers nothing by itself.
    fn silent() -> Arc<Self> {
        Arc::default()
    }

    /// Answers with the request's head and entries.
    fn echo() -> Arc<Self> {
        Arc::new(Self {
            echoes: true,
            ..Self::default()
        })
    }

    async fn has(&self, count: usize) {
        let arrived = async {
            loop {
                let news = self.news.notified();
                if self.taken.lock().len() >= count {
                    return;
                }
                news.await;
            }
        };
        let arrived = tokio::time::timeout(SOON, arrived).await;
        assert!(arrived.is_ok(), "{count} requests never arrived");
    }

    fn heads(&self) -> Vec<Bytes> {
        let taken = self.taken.lock();
        taken.iter().map(|(_, r, _)| r.head.clone()).collect()
    }

    fn slot(&self, at: usize) -> Option<ReplySlot> {
        self.taken.lock().get_mut(at)?.2.take()
    }
}

impl GroupInbox for Inbox {
    fn deliver(&self, from: Option<ReplicaId>, request: PeerRequest, reply: ReplySlot) {
        let slot = if self.echoes {
            reply.answer(PeerReply {
                head: request.head.clone(),
                entries: request.entries.clone(),
            });
            None
        } else {
            Some(reply)
        };
        self.taken.lock().push((from, request, slot));
        self.news.notify_one();
    }
}

fn request(group: u16, kind: RequestKind, head: impl Into<Bytes>) -> PeerRequest {
    PeerRequest {
        group: GroupId::State(group),
        kind,
        head: head.into(),
        entries: Vec::new(),
    }
}

fn number(n: usize) -> Bytes {
    Bytes::from(n.to_string())
}

fn register(
    brokers: &dyn ThreeBrokers,
    broker: u32,
    group: u16,
    inbox: &Arc<Inbox>,
) -> Registration {
    let peers = brokers.peers(broker);
    peers.register(GroupId::State(group), inbox.clone())
}

async fn call(
    brokers: &dyn ThreeBrokers,
    from: u32,
    to: u64,
    request: PeerRequest,
    timeout: Duration,
) -> Result<PeerReply, CallError> {
    let called = brokers
        .peers(from)
        .call(ReplicaId::new(to), request, timeout);
    called.await?.await
}

/// Calls until there is a way.
async fn reach(brokers: &dyn ThreeBrokers, from: u32, to: u64, group: u16) {
    let reached = async {
        loop {
            let request = request(group, RequestKind::Vote, "are you there");
            match call(brokers, from, to, request, SOON).await {
                Ok(_) => return,
                Err(
                    CallError::Unreachable { .. }
                    | CallError::Lost { .. }
                    | CallError::NoSuchGroup { .. },
                ) => tokio::time::sleep(LOOK).await,
                Err(other) => panic!("replica {to} is not reached: {other}"),
            }
        }
    };
    let reached = tokio::time::timeout(SOON, reached).await;
    assert!(reached.is_ok(), "replica {to} was not reached in time");
}

async fn requests_arrive_in_order_and_are_answered(brokers: &dyn ThreeBrokers) {
    let (echo, other) = (Inbox::echo(), Inbox::echo());
    let _to_1 = register(brokers, 1, 1, &echo);
    let _to_2 = register(brokers, 2, 1, &other);
    reach(brokers, 0, 1, 1).await;
    reach(brokers, 0, 2, 1).await;
    echo.taken.lock().clear();
    let peers = brokers.peers(0);
    let mut replies = Vec::new();
    for n in 0..500 {
        // Some are polled late: the order is that of the calls.
        let append = request(1, RequestKind::Append, number(n));
        replies.push(peers.call(ReplicaId::new(1), append, SOON));
    }
    let mut answered = Vec::new();
    for reply in replies.into_iter().rev() {
        let reply = reply.await.unwrap_or_else(|error| panic!("{error}"));
        answered.push(reply.await.unwrap_or_else(|error| panic!("{error}")).head);
    }
    answered.reverse();
    let wanted: Vec<_> = (0..500).map(number).collect();
    assert_eq!(answered, wanted);
    assert_eq!(echo.heads(), wanted);
    let from = echo
        .taken
        .lock()
        .iter()
        .all(|taken| taken.0 == Some(ReplicaId::new(0)));
    assert!(from, "the sender is named");
}

async fn replies_may_come_and_be_awaited_in_any_order(brokers: &dyn ThreeBrokers) {
    let inbox = Inbox::silent();
    let _registration = register(brokers, 1, 2, &inbox);
    let peers = brokers.peers(0);
    let mut replies = Vec::new();
    for n in 0..3 {
        let append = request(2, RequestKind::Append, number(n));
        let called = peers.call(ReplicaId::new(1), append, SOON).await;
        replies.push(called.unwrap_or_else(|error| panic!("{error}")));
    }
    inbox.has(3).await;
    for at in [2, 0, 1] {
        if let Some(slot) = inbox.slot(at) {
            slot.answer(PeerReply::of_head(number(at)));
        }
    }
    let answers = join_all(replies).await;
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer, Ok(PeerReply::of_head(number(n))));
    }
}

async fn heartbeats_are_answered_each(brokers: &dyn ThreeBrokers) {
    let inboxes: Vec<_> = (0..50).map(|_| Inbox::echo()).collect();
    let groups = inboxes.iter().zip(100..);
    let _registrations: Vec<_> = groups
        .map(|(inbox, group)| register(brokers, 1, group, inbox))
        .collect();
    let heartbeats = (100..150).map(|group| {
        let heartbeat = request(group, RequestKind::Heartbeat, number(group.into()));
        call(brokers, 0, 1, heartbeat, SOON)
    });
    for (n, answer) in join_all(heartbeats).await.into_iter().enumerate() {
        assert_eq!(answer, Ok(PeerReply::of_head(number(100 + n))));
    }
}

async fn a_request_times_out_and_its_late_reply_is_forgotten(brokers: &dyn ThreeBrokers) {
    let inbox = Inbox::silent();
    let _registration = register(brokers, 1, 3, &inbox);
    let first = request(3, RequestKind::Append, "first");
    let lost = call(brokers, 0, 1, first, SHORT).await;
    let to = ReplicaId::new(1);
    let timeout = CallError::Timeout {
        to,
        after: SHORT,
        sent: true,
    };
    assert_eq!(lost, Err(timeout));
    inbox.has(1).await;
    if let Some(slot) = inbox.slot(0) {
        slot.answer(PeerReply::of_head("late"));
    }
    let second = call(
        brokers,
        0,
        1,
        request(3, RequestKind::Append, "second"),
        SOON,
    );
    let answer = async {
        inbox.has(2).await;
        if let Some(slot) = inbox.slot(1) {
            slot.answer(PeerReply::of_head("in time"));
        }
    };
    let (second, ()) = futures_util::future::join(second, answer).await;
    assert_eq!(second, Ok(PeerReply::of_head("in time")));
}

async fn an_unknown_group_a_refusal_and_a_dropped_slot_are_told_apart(brokers: &dyn ThreeBrokers) {
    let to = ReplicaId::new(1);
    let group = GroupId::State(999);
    let unknown = call(brokers, 0, 1, request(999, RequestKind::Vote, "v"), SOON).await;
    assert_eq!(unknown, Err(CallError::NoSuchGroup { to, group }));

    let inbox = Inbox::silent();
    let _registration = register(brokers, 1, 4, &inbox);
    let calls = async {
        let refused = call(brokers, 0, 1, request(4, RequestKind::Append, "a"), SOON).await;
        let dropped = call(brokers, 0, 1, request(4, RequestKind::Append, "b"), SOON).await;
        (refused, dropped)
    };
    let answers = async {
        inbox.has(1).await;
        if let Some(slot) = inbox.slot(0) {
            slot.refuse("not today");
        }
        inbox.has(2).await;
        drop(inbox.slot(1));
    };
    let ((refused, dropped), ()) = futures_util::future::join(calls, answers).await;
    let reason = "not today".into();
    assert_eq!(refused, Err(CallError::Refused { to, reason }));
    assert_eq!(dropped, Err(CallError::Dropped { to }));
}

async fn entries_arrive_as_they_left(brokers: &dyn ThreeBrokers) {
    let echo = Inbox::echo();
    let _registration = register(brokers, 2, 5, &echo);
    let lengths = [0, 1, 4_095, 4_097, 100_000, 3, 1_500_000, 5];
    let entries: Vec<_> = lengths
        .iter()
        .map(|length| {
            let bytes: Vec<u8> = (0..*length).map(|at| (at % 251) as u8).collect();
            Bytes::from(bytes)
        })
        .collect();
    for kind in [RequestKind::Append, RequestKind::ReadEntries] {
        let request = PeerRequest {
            entries: entries.clone(),
            ..request(5, kind, "h")
        };
        let reply = call(brokers, 1, 2, request.clone(), SOON).await;
        let reply = reply.unwrap_or_else(|error| panic!("{error}"));
        assert!(reply.entries == entries, "the entries came back otherwise");
        let arrived = echo.taken.lock().pop().map(|taken| taken.1);
        assert!(arrived == Some(request), "the request arrived otherwise");
    }
}

async fn a_registration_ends_when_it_is_dropped_and_is_replaced_by_a_later_one(
    brokers: &dyn ThreeBrokers,
) {
    let (first, second) = (Inbox::echo(), Inbox::echo());
    let old = register(brokers, 1, 6, &first);
    let new = register(brokers, 1, 6, &second);
    // It was replaced: its end ends nothing.
    drop(old);
    let answer = call(brokers, 0, 1, request(6, RequestKind::Append, "a"), SOON).await;
    assert!(answer.is_ok());
    assert_eq!((first.heads().len(), second.heads().len()), (0, 1));
    drop(new);
    let to = ReplicaId::new(1);
    let group = GroupId::State(6);
    let gone = call(brokers, 0, 1, request(6, RequestKind::Append, "b"), SOON).await;
    assert_eq!(gone, Err(CallError::NoSuchGroup { to, group }));
}

async fn a_group_that_answers_nothing_holds_back_no_other_and_takes_bounded_memory(
    brokers: &dyn ThreeBrokers,
) {
    let (silent, echo) = (Inbox::silent(), Inbox::echo());
    let _hung = register(brokers, 1, 7, &silent);
    let _other = register(brokers, 1, 8, &echo);
    let _elsewhere = register(brokers, 2, 8, &echo);
    let peers = brokers.peers(0);
    let entry = Bytes::from(vec![7; 1 << 20]);
    let count = 2 * brokers.queue_bytes_max() / entry.len();
    let mut waiting: Vec<_> = (0..count)
        .map(|n| {
            let request = PeerRequest {
                entries: vec![entry.clone()],
                ..request(7, RequestKind::Append, number(n))
            };
            peers.call(ReplicaId::new(1), request, SOON)
        })
        .collect();
    // The calls that found room; the last one is behind the bound.
    let last = waiting.pop();
    let last = last.map(|last| tokio::time::timeout(SHORT, last));
    if let Some(last) = last {
        assert!(last.await.is_err(), "there is room for twice the bound");
    }
    for (to, kind) in [
        (1, RequestKind::Vote),
        (1, RequestKind::Heartbeat),
        (1, RequestKind::Append),
        (2, RequestKind::Append),
    ] {
        let answer = call(brokers, 0, to, request(8, kind, "h"), SOON).await;
        assert!(answer.is_ok(), "{kind:?} to {to}: {answer:?}");
    }
    let held = silent.heads().len() * entry.len();
    assert!(
        held <= brokers.queue_bytes_max(),
        "{held} bytes were let through"
    );
    // What is given up makes room again.
    drop(waiting);
    silent.taken.lock().clear();
    let _echoing = register(brokers, 1, 7, &echo);
    let request = PeerRequest {
        entries: vec![entry],
        ..request(7, RequestKind::Append, "again")
    };
    let answer = call(brokers, 0, 1, request, SOON).await;
    assert!(answer.is_ok(), "{:?}", answer.err());
}

async fn a_peer_that_is_gone_is_unreachable_and_comes_back(brokers: &dyn ThreeBrokers) {
    let inbox = Inbox::silent();
    let _registration = register(brokers, 1, 9, &inbox);
    let asked = call(brokers, 0, 1, request(9, RequestKind::Append, "a"), SOON);
    let gone = async {
        inbox.has(1).await;
        brokers.stop(1).await;
    };
    let (asked, ()) = futures_util::future::join(asked, gone).await;
    assert!(
        matches!(
            asked,
            Err(CallError::Lost { .. } | CallError::Dropped { .. })
        ),
        "{asked:?}"
    );
    let unreachable = async {
        loop {
            let answer = call(brokers, 0, 1, request(9, RequestKind::Append, "b"), SHORT).await;
            if matches!(answer, Err(CallError::Unreachable { .. })) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let unreachable = tokio::time::timeout(SOON, unreachable).await;
    assert!(unreachable.is_ok(), "it is gone and never unreachable");
    brokers.start(1).await;
    let echo = Inbox::echo();
    let _registration = register(brokers, 1, 9, &echo);
    reach(brokers, 0, 1, 9).await;
    // And it reaches the others.
    let _to_2 = register(brokers, 2, 9, &echo);
    reach(brokers, 1, 2, 9).await;
}
