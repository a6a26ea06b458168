//! Replies on their way back to one peer: gathered where they are heartbeats', bounded together with the requests that
//! have not been answered.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::stats::Counters;
use super::wire::{Answer, Message, OVERHEAD_BYTES_MAX, Writer};
use super::{Answered, ReplySlot};

/// How many bytes of small replies leave together.
const TOGETHER_BYTES: usize = 64 << 10;

/// The replies to one peer on one stream.
pub(super) struct Replies {
    state: Mutex<State>,
    /// Something was answered or sent: there may be room.
    room: Notify,
    held_bytes_max: usize,
    frame_bytes_max: usize,
    /// Of the peer, once it has said who it is.
    counters: OnceLock<Arc<Counters>>,
}

#[derive(Default)]
struct State {
    ready: VecDeque<(u64, Answer)>,
    notes: VecDeque<Message>,
    heartbeats: Vec<(u64, Answer)>,
    /// Heartbeats that are not answered yet.
    heartbeats_open: usize,
    /// Bytes of requests not answered, and of replies not sent.
    held: usize,
    is_closing: bool,
    waker: Option<Waker>,
}

/// What the stream has to send next.
pub(super) enum NextReplies {
    /// This.
    Send(Writer),
    /// Nothing yet; answers to heartbeats are being gathered.
    Gather,
    /// Nothing yet.
    Nothing,
    /// Nothing any more.
    Ended,
}

impl Replies {
    pub(super) fn new(held_bytes_max: usize, frame_bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            room: Notify::new(),
            held_bytes_max,
            frame_bytes_max,
            counters: OnceLock::new(),
        })
    }

    /// What is sent is counted here from now on.
    pub(super) fn count(&self, counters: Arc<Counters>) {
        // A stream has one Hello.
        let _ = self.counters.set(counters);
    }

    /// Frames have been sent.
    pub(super) fn counted(&self, frames: u64, bytes: u64) {
        if let Some(counters) = self.counters.get() {
            counters.sent(frames, bytes);
        }
    }

    /// The slot for the reply to a request of so many bytes.
    pub(super) fn slot(self: &Arc<Self>, number: u64, request_bytes: usize) -> ReplySlot {
        self.state.lock().held += request_bytes;
        let replies = self.clone();
        ReplySlot::new(move |answered| {
            let answer = replies.bounded(answered);
            let mut state = replies.state.lock();
            state.held = state.held.saturating_sub(request_bytes) + answer.payload_bytes();
            state.ready.push_back((number, answer));
            state.wake();
            drop(state);
            replies.room.notify_one();
        })
    }

    /// The slot for the reply to a heartbeat.
    pub(super) fn heartbeat_slot(self: &Arc<Self>, number: u64) -> ReplySlot {
        self.state.lock().heartbeats_open += 1;
        let replies = self.clone();
        ReplySlot::new(move |answered| {
            let answer = replies.bounded(answered);
            let mut state = replies.state.lock();
            state.heartbeats_open = state.heartbeats_open.saturating_sub(1);
            state.heartbeats.push((number, answer));
            state.wake();
        })
    }

    /// Answers that there is no such group.
    pub(super) fn no_such_group(&self, number: u64) {
        let mut state = self.state.lock();
        state.ready.push_back((number, Answer::NoSuchGroup));
        state.wake();
    }

    /// Sends a note before everything else.
    pub(super) fn note(&self, message: Message) {
        let mut state = self.state.lock();
        state.notes.push_back(message);
        state.wake();
    }

    /// Sends what is ready, then ends the stream.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closing = true;
        state.wake();
    }

    /// Waits until there is room for another request.
    pub(super) async fn room(&self) {
        loop {
            let room = self.room.notified();
            if self.state.lock().held <= self.held_bytes_max {
                return;
            }
            room.await;
        }
    }

    /// What the stream is to send next.
    pub(super) fn next(&self, heartbeats_due: bool, context: &mut Context<'_>) -> NextReplies {
        let mut state = self.state.lock();
        let mut writer = Writer::default();
        while let Some(note) = state.notes.pop_front() {
            writer.write(note);
        }
        let leaves = heartbeats_due || state.heartbeats_open == 0 || !state.ready.is_empty();
        if leaves && !state.heartbeats.is_empty() {
            let heartbeats = std::mem::take(&mut state.heartbeats);
            writer.write(Message::HeartbeatReplies(heartbeats));
        }
        while writer.bytes() < TOGETHER_BYTES
            && let Some((number, answer)) = state.ready.pop_front()
        {
            state.held = state.held.saturating_sub(answer.payload_bytes());
            writer.write(Message::Reply(number, answer));
        }
        if writer.frames() > 0 {
            drop(state);
            self.room.notify_one();
            return NextReplies::Send(writer);
        }
        if state.is_closing {
            return NextReplies::Ended;
        }
        state.waker = Some(context.waker().clone());
        if state.heartbeats.is_empty() {
            NextReplies::Nothing
        } else {
            NextReplies::Gather
        }
    }

    fn bounded(&self, answered: Answered) -> Answer {
        match answered {
            Answered::Reply(reply) => {
                let bytes = reply.payload_bytes();
                if bytes + OVERHEAD_BYTES_MAX > self.frame_bytes_max {
                    Answer::TooLarge(bytes)
                } else {
                    Answer::Reply(reply)
                }
            }
            Answered::Refused(reason) => Answer::Refused(reason),
            Answered::Dropped => Answer::Dropped,
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
