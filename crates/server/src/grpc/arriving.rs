//! The body of a request, handed on only as far as there is memory for its messages.
//!
//! A message's room is taken, whole, before its prefix goes on to the decoder, which allocates by it, and while
//! nothing else is held: so those who hold room never wait for more. A stream gives it back when the decoder asks
//! for what follows (by then the message counts in the broker's own budget); a call that has one message keeps it
//! until it is answered.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use rpc::{Reason, v1};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tokio_util::sync::PollSemaphore;
use tonic::Status;
use tonic::body::Body;

use super::framing::Framing;

/// How long a message that holds room may make no progress.
const STALL_MAX: Duration = Duration::from_secs(30);

/// The memory that messages may hold while they arrive.
#[derive(Clone)]
pub(super) struct Room {
    /// A permit is 1 KiB.
    left: Arc<Semaphore>,
    message_bytes_max: u64,
}

/// The room of one call, where that is kept until the call is answered.
pub(super) type Kept = Arc<Mutex<Option<OwnedSemaphorePermit>>>;

impl Room {
    /// Room for so many bytes. A larger message than `message_bytes_max` will be refused by the decoder.
    pub(super) fn new(bytes: u64, message_bytes_max: u64) -> Self {
        let kibibytes = usize::try_from(bytes / 1024).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            left: Arc::new(Semaphore::new(kibibytes.min(Semaphore::MAX_PERMITS))),
            message_bytes_max,
        }
    }

    /// Permits for a message: never more than there are, for half of them hold the largest message.
    fn permits(&self, length: u32) -> u32 {
        let bytes = u64::from(length).min(self.message_bytes_max);
        u32::try_from(bytes / 1024).unwrap_or(u32::MAX)
    }
}

/// A request's body.
pub(super) struct Arriving {
    body: Body,
    room: Room,
    wait: PollSemaphore,
    framing: Framing,
    /// Received, and not handed on.
    rest: Bytes,
    /// `rest` up to here goes on once there is room for a message of this length.
    waiting: Option<(usize, u32)>,
    kept: Kept,
    /// Whether what is kept is kept until the call is answered.
    until_answered: bool,
    stall: Option<Pin<Box<Sleep>>>,
}

impl Arriving {
    pub(super) fn new(body: Body, room: Room, kept: Kept, until_answered: bool) -> Self {
        Self {
            body,
            wait: PollSemaphore::new(room.left.clone()),
            room,
            framing: Framing::default(),
            rest: Bytes::new(),
            waiting: None,
            kept,
            until_answered,
            stall: None,
        }
    }

    fn keep(&self, permit: Option<OwnedSemaphorePermit>) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = permit;
    }

    /// The next part of `rest`, which is not empty, once there is room for it.
    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<Frame<Bytes>> {
        let (bytes, length) = match self.waiting {
            Some(waiting) => waiting,
            None => {
                let step = self.framing.step(&self.rest);
                let Some(length) = step.begins else {
                    return Poll::Ready(Frame::data(self.rest.split_to(step.bytes)));
                };
                self.keep(None);
                *self.waiting.insert((step.bytes, length))
            }
        };
        // The semaphore is never closed.
        let permit = ready!(
            self.wait
                .poll_acquire_many(context, self.room.permits(length))
        );
        self.keep(permit);
        self.waiting = None;
        Poll::Ready(Frame::data(self.rest.split_to(bytes)))
    }

    /// Whether a message holds room and has not come any further for too long.
    fn poll_stall(&mut self, context: &mut Context<'_>) -> Poll<Status> {
        if !self.framing.is_in_large() {
            return Poll::Pending;
        }
        let stall = self
            .stall
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(STALL_MAX)));
        ready!(stall.as_mut().poll(context));
        let seconds = STALL_MAX.as_secs();
        let message = format!(
            "no byte of a message that had begun came for {seconds} s; it held memory that others wait for"
        );
        Poll::Ready(v1::Error::new(Reason::DeadlineExceeded, message).into())
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if !this.until_answered && !this.framing.is_in_large() && this.waiting.is_none() {
            this.keep(None);
        }
        if !this.rest.is_empty() {
            return this.poll_rest(context).map(|frame| Some(Ok(frame)));
        }
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Pending => this.poll_stall(context).map(|status| Some(Err(status))),
            Poll::Ready(Some(Ok(frame))) => {
                this.stall = None;
                match frame.into_data() {
                    Ok(data) if data.is_empty() => Poll::Ready(Some(Ok(Frame::data(data)))),
                    Ok(data) => {
                        this.rest = data;
                        this.poll_rest(context).map(|frame| Some(Ok(frame)))
                    }
                    Err(trailers) => Poll::Ready(Some(Ok(trailers))),
                }
            }
            ended => ended,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests;
