//! What goes to one peer: the queue of requests, shared between who calls and the stream that sends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use model::ReplicaId;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::queue::Queue;
use super::wire::{Answer, Message, Writer};
use super::{CallError, Called, PeerLimits, PeerReply, PeerRequest};

/// How many bytes of small frames leave together.
const TOGETHER_BYTES: usize = 64 << 10;

/// What a group may send before it is another's turn.
const TURN_BYTES: usize = 256 << 10;

/// What goes to one peer.
pub(super) struct Outbox {
    state: Mutex<State>,
    limits: PeerLimits,
}

struct State {
    queue: Queue,
    /// Not of a group; sent first.
    notes: VecDeque<Message>,
    link: LinkState,
    /// The stream that waits for something to send.
    waker: Option<Waker>,
    has_gossip: bool,
}

enum LinkState {
    /// Why there is no stream; and which one is being made, if one is.
    Down(Arc<str>, Option<u64>),
    /// Which stream it is.
    Up(u64),
}

/// What a stream has to send next.
pub(super) enum Next {
    /// This.
    Send(Writer),
    /// Nothing yet; heartbeats are being gathered.
    Gather,
    /// Nothing yet.
    Nothing,
    /// Another stream has taken its place, or it was cut.
    Ended,
}

impl Outbox {
    pub(super) fn new(limits: &PeerLimits) -> Self {
        let state = State {
            queue: Queue::new(limits.queue_bytes_max, limits.group_bytes_max),
            notes: VecDeque::new(),
            link: LinkState::Down("no connection has been made yet".into(), None),
            waker: None,
            has_gossip: false,
        };
        Self {
            state: Mutex::new(state),
            limits: limits.clone(),
        }
    }

    /// A stream is being made: it sends nothing before [`Outbox::up`].
    pub(super) fn dialling(&self, stream: u64) {
        let mut state = self.state.lock();
        if let LinkState::Down(_, dialling) = &mut state.link {
            *dialling = Some(stream);
        }
    }

    /// A stream begins.
    pub(super) fn up(&self, stream: u64) {
        let mut state = self.state.lock();
        state.link = LinkState::Up(stream);
        state.has_gossip = true;
        state.wake();
    }

    /// There is no stream any more: what waited fails.
    pub(super) fn down(&self, reason: &Arc<str>) {
        let mut state = self.state.lock();
        state.link = LinkState::Down(reason.clone(), None);
        state.notes.clear();
        state.queue.fail(reason);
        state.wake();
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.state.lock().link, LinkState::Up(_))
    }

    /// Bytes of requests that are queued or unanswered.
    pub(super) fn held_bytes(&self) -> usize {
        self.state.lock().queue.held_bytes()
    }

    /// Sends a note, where there is a stream: what it tells is told anew when one begins.
    pub(super) fn note(&self, message: Message) {
        let mut state = self.state.lock();
        if matches!(state.link, LinkState::Up(_)) {
            // The newest standing, and the newest question, is all that counts.
            let kind = std::mem::discriminant(&message);
            let is_answer = matches!(&message, Message::Standing { round: Some(_), .. });
            if !is_answer {
                state
                    .notes
                    .retain(|note| std::mem::discriminant(note) != kind);
            }
            state.notes.push_back(message);
            state.wake();
        }
    }

    /// There is something new to tell about leaders.
    pub(super) fn gossip(&self) {
        let mut state = self.state.lock();
        state.has_gossip = true;
        state.wake();
    }

    /// See [`Peers::call`](super::Peers::call).
    pub(super) fn call(
        self: &Arc<Self>,
        to: ReplicaId,
        request: PeerRequest,
        timeout: Duration,
    ) -> Called {
        let deadline = Instant::now() + timeout;
        let (reply, replied) = oneshot::channel();
        let (number, admitted) = {
            let mut state = self.state.lock();
            if let LinkState::Down(reason, _) = &state.link {
                let reason = reason.clone();
                return std::future::ready(Err(CallError::Unreachable { to, reason })).boxed();
            }
            let pushed = state.queue.push(to, request, reply);
            state.wake();
            pushed
        };
        let waiting = Waiting {
            outbox: self.clone(),
            number,
            to,
            timeout,
            is_over: false,
        };
        async move {
            if let Some(admitted) = admitted
                && timeout_at(deadline, admitted).await.is_err()
            {
                return Err(waiting.timed_out());
            }
            Ok(waiting.replied(deadline, replied).boxed())
        }
        .boxed()
    }

    /// A reply has come.
    pub(super) fn answered(&self, number: u64, answer: Answer) {
        let mut state = self.state.lock();
        let limit = self.limits.frame_bytes_max;
        state.queue.answered(number, answer, limit);
        if state.queue.has_work() {
            state.wake();
        }
    }

    /// What stream `stream` is to send next: notes, urgent requests, heartbeats when they are due, the gossip that
    /// `gossip` gives until it has no more, then a group's turn.
    pub(super) fn next(
        &self,
        stream: u64,
        heartbeats_due: bool,
        mut gossip: impl FnMut() -> Vec<Message>,
        context: &mut Context<'_>,
    ) -> Next {
        let mut state = self.state.lock();
        match state.link {
            LinkState::Up(current) if current == stream => {}
            LinkState::Down(_, Some(dialling)) if dialling == stream => {
                state.waker = Some(context.waker().clone());
                return Next::Nothing;
            }
            LinkState::Up(_) | LinkState::Down(..) => return Next::Ended,
        }
        let mut writer = Writer::default();
        while let Some(note) = state.notes.pop_front() {
            writer.write(note);
        }
        while writer.bytes() < TOGETHER_BYTES
            && let Some((number, request)) = state.queue.next_urgent()
        {
            writer.write(Message::Request(number, request));
        }
        // They leave with whatever else leaves.
        let leaves = heartbeats_due || writer.frames() > 0 || state.queue.has_work();
        if leaves && state.queue.has_heartbeats() {
            writer.write(Message::Heartbeats(state.queue.take_heartbeats()));
        }
        if state.has_gossip {
            let told = gossip();
            state.has_gossip = !told.is_empty();
            told.into_iter().for_each(|message| writer.write(message));
        }
        while writer.bytes() < TOGETHER_BYTES {
            let turn = state.queue.next_turn(TURN_BYTES);
            if turn.is_empty() {
                break;
            }
            for (number, request) in turn {
                writer.write(Message::Request(number, request));
            }
        }
        if writer.frames() > 0 {
            return Next::Send(writer);
        }
        state.waker = Some(context.waker().clone());
        if state.queue.has_heartbeats() {
            Next::Gather
        } else {
            Next::Nothing
        }
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// A request whose caller still waits. Dropping it takes the request back, or forgets the reply.
struct Waiting {
    outbox: Arc<Outbox>,
    number: u64,
    to: ReplicaId,
    timeout: Duration,
    is_over: bool,
}

impl Waiting {
    async fn replied(
        mut self,
        deadline: Instant,
        replied: oneshot::Receiver<Result<PeerReply, CallError>>,
    ) -> Result<PeerReply, CallError> {
        match timeout_at(deadline, replied).await {
            Ok(Ok(result)) => {
                self.is_over = true;
                result
            }
            // The queue drops no request without a word.
            Ok(Err(_)) => Err(CallError::Lost {
                to: self.to,
                reason: "the connection is gone".into(),
            }),
            Err(_) => Err(self.timed_out()),
        }
    }

    fn timed_out(mut self) -> CallError {
        CallError::Timeout {
            to: self.to,
            after: self.timeout,
            sent: self.forget().unwrap_or(true),
        }
    }

    fn forget(&mut self) -> Option<bool> {
        self.is_over = true;
        let mut state = self.outbox.state.lock();
        let was_sent = state.queue.forget(self.number);
        // Its place may let others go on.
        if state.queue.has_work() {
            state.wake();
        }
        was_sent
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_over {
            self.forget();
        }
    }
}
