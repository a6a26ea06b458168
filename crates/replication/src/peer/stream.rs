//! The bodies of a stream, and the frames of the body that comes.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use thiserror::Error;
use tokio::time::{Sleep, sleep};
use tonic::body::Body;
use tonic::codegen::Body as HttpBody;
use tonic::codegen::http::HeaderMap;
use tonic::{Code, Status};

use super::leader_table::LeaderTable;
use super::outbox::{Next, Outbox};
use super::replies::{NextReplies, Replies};
use super::stats::Counters;
use super::wire::{Framing, Malformed, Message, Writer, decode};
use model::BrokerId;

/// How many groups one frame tells of.
const LEADERS_PER_FRAME: usize = 1_000;

/// What a stream of requests sends.
pub(super) struct RequestBody {
    pub(super) pieces: VecDeque<Bytes>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) stream: u64,
    pub(super) gather: Gather,
    pub(super) leaders: Arc<LeaderTable>,
    pub(super) peer: BrokerId,
    pub(super) counters: Arc<Counters>,
}

/// What a stream of replies sends.
pub(super) struct ReplyBody {
    pub(super) pieces: VecDeque<Bytes>,
    pub(super) replies: Arc<Replies>,
    pub(super) gather: Gather,
    pub(super) is_over: bool,
}

/// The time that heartbeats are gathered for.
pub(super) struct Gather {
    duration: Duration,
    until: Option<Pin<Box<Sleep>>>,
}

impl Gather {
    pub(super) fn new(duration: Duration) -> Self {
        Self {
            duration,
            until: None,
        }
    }

    /// Whether the time that began with the first one is over.
    fn is_due(&mut self, context: &mut Context<'_>) -> bool {
        let Some(until) = &mut self.until else {
            return false;
        };
        let is_over = until.as_mut().poll(context).is_ready();
        if is_over {
            self.until = None;
        }
        is_over
    }

    /// Lets it begin. Whether it is over at once.
    fn begin(&mut self, context: &mut Context<'_>) -> bool {
        let duration = self.duration;
        self.until.get_or_insert_with(|| Box::pin(sleep(duration)));
        self.is_due(context)
    }
}

impl RequestBody {
    fn poll_writer(&mut self, context: &mut Context<'_>) -> Poll<Option<Writer>> {
        let mut due = self.gather.is_due(context);
        loop {
            let (leaders, peer) = (&self.leaders, self.peer);
            let gossip = || match leaders.next_for(peer, LEADERS_PER_FRAME) {
                None => Vec::new(),
                Some(telling) => {
                    let mut told = Vec::new();
                    if telling.begins || !telling.leaders.is_empty() {
                        told.push(Message::Leaders {
                            begins: telling.begins,
                            leaders: telling.leaders,
                        });
                    }
                    told.extend(telling.numbers.map(Message::Numbers));
                    told
                }
            };
            match self.outbox.next(self.stream, due, gossip, context) {
                Next::Send(writer) => return Poll::Ready(Some(writer)),
                Next::Ended => return Poll::Ready(None),
                Next::Nothing => return Poll::Pending,
                Next::Gather if self.gather.begin(context) => due = true,
                Next::Gather => return Poll::Pending,
            }
        }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            match std::task::ready!(self.poll_writer(context)) {
                None => return Poll::Ready(None),
                Some(writer) => {
                    let (frames, bytes) = (writer.frames() as u64, writer.bytes() as u64);
                    self.counters.sent(frames, bytes);
                    self.pieces = writer.finish();
                }
            }
        }
    }
}

impl ReplyBody {
    fn poll_writer(&mut self, context: &mut Context<'_>) -> Poll<Option<Writer>> {
        let mut due = self.gather.is_due(context);
        loop {
            match self.replies.next(due, context) {
                NextReplies::Send(writer) => return Poll::Ready(Some(writer)),
                NextReplies::Ended => return Poll::Ready(None),
                NextReplies::Nothing => return Poll::Pending,
                NextReplies::Gather if self.gather.begin(context) => due = true,
                NextReplies::Gather => return Poll::Pending,
            }
        }
    }
}

impl HttpBody for ReplyBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if self.is_over {
                return Poll::Ready(None);
            }
            match std::task::ready!(self.poll_writer(context)) {
                None => {
                    self.is_over = true;
                    let mut trailers = HeaderMap::new();
                    let added = Status::new(Code::Ok, "").add_header(&mut trailers);
                    return Poll::Ready(Some(added.map(|()| Frame::trailers(trailers))));
                }
                Some(writer) => {
                    let (frames, bytes) = (writer.frames() as u64, writer.bytes() as u64);
                    self.replies.counted(frames, bytes);
                    self.pieces = writer.finish();
                }
            }
        }
    }
}

/// The frames that come.
pub(super) struct Incoming {
    body: Body,
    framing: Framing,
    /// The bytes of the frame that was taken last.
    pub(super) frame_bytes: usize,
}

/// Why no further frame comes.
#[derive(Debug, Error)]
pub(super) enum Broken {
    #[error("the stream broke: {0}")]
    Transport(String),
    #[error("{0}")]
    Framing(String),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("the other side has closed the stream")]
    Closed,
}

impl Incoming {
    pub(super) fn new(body: Body, frame_bytes_max: usize) -> Self {
        Self {
            body,
            framing: Framing::new(frame_bytes_max),
            frame_bytes: 0,
        }
    }

    /// The next frame.
    pub(super) async fn next(&mut self) -> Result<Message, Broken> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, Broken>> {
        loop {
            let taken = self.framing.take();
            if let Some(frame) = taken.map_err(|error| Broken::Framing(error.to_string()))? {
                self.frame_bytes = frame.len();
                return Poll::Ready(Ok(decode(frame)?));
            }
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                None => return Poll::Ready(Err(Broken::Closed)),
                Some(Err(status)) => {
                    let reason = status.message().to_owned();
                    return Poll::Ready(Err(Broken::Transport(reason)));
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.framing.feed(data),
                    Err(_trailers) => return Poll::Ready(Err(Broken::Closed)),
                },
            }
        }
    }
}
