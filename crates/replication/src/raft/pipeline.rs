//! AppendEntries to one replica, many at a time: requests leave while earlier ones are still unanswered, up to a bound
//! of requests and bytes; answers come out in the order of the requests.
//!
//! A request that only tells how far a partition is committed does not leave by itself: with few batches under way there
//! would be one behind each batch, and nobody reads from a follower. The next batch tells it too, or the next heartbeat.
//! Its answer is that to the next request, for openraft takes an answer for all entries up to the one it names.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{FutureExt, Stream, StreamExt};
use openraft::AnyError;
use openraft::entry::RaftEntry;
use openraft::errors::{RPCError, Unreachable};
use openraft::raft::{AppendEntriesRequest, StreamAppendError, StreamAppendResult};

use super::network::{Link, unreachable};
use super::types::{Payload, RaftLogId, Types};
use super::wire::{self, Append};
use crate::peer::{CallError, Called, PeerReply, Replied, RequestKind};

/// Most requests, and bytes, that are on their way to one replica of one group. A single larger request is let through.
const REQUESTS_MAX: usize = 128;
const BYTES_MAX: usize = 8 << 20;

type Answer = Result<StreamAppendResult<Types>, RPCError<Types>>;

/// Answers to a stream of requests. It ends with the first one that is not plain success.
pub(super) struct Pipeline<'s, S> {
    link: Link,
    kind: RequestKind,
    timeout: Duration,
    /// `None` once there are no more.
    input: Option<S>,
    /// Tells only how far the log is committed, and waits for something to go with.
    held: Option<AppendEntriesRequest<Types>>,
    /// The last entry of the newest request that has left, or that was acknowledged before.
    sent: Option<RaftLogId>,
    /// The request that waits for room in the peer's queue.
    leaving: Option<(Sent, Called)>,
    unanswered: VecDeque<(Sent, Replied)>,
    bytes: usize,
    /// An error of ours: it comes out behind the answers to what was sent before.
    failed: Option<Unreachable<Types>>,
    ended: bool,
    acknowledged: &'s mut Option<RaftLogId>,
}

/// A request on its way.
#[derive(Clone, Copy)]
struct Sent {
    term: u64,
    prev: Option<RaftLogId>,
    last: Option<RaftLogId>,
    bytes: usize,
}

impl<'s, S> Pipeline<'s, S>
where
    S: Stream<Item = AppendEntriesRequest<Types>> + Unpin,
{
    pub(super) fn new(
        link: Link,
        kind: RequestKind,
        timeout: Duration,
        input: S,
        acknowledged: &'s mut Option<RaftLogId>,
    ) -> Self {
        Self {
            link,
            kind,
            timeout,
            input: Some(input),
            held: None,
            sent: *acknowledged,
            leaving: None,
            unanswered: VecDeque::new(),
            bytes: 0,
            failed: None,
            ended: false,
            acknowledged,
        }
    }

    /// Sends what there is to send, as far as there is room.
    fn poll_requests(&mut self, cx: &mut Context<'_>) {
        loop {
            if let Some((sent, called)) = &mut self.leaving {
                let replied = match called.poll_unpin(cx) {
                    Poll::Pending => return,
                    Poll::Ready(Ok(replied)) => replied,
                    Poll::Ready(Err(error)) => std::future::ready(Err(error)).boxed(),
                };
                self.unanswered.push_back((*sent, replied));
                self.leaving = None;
            }
            let is_full = self.unanswered.len() >= REQUESTS_MAX || self.bytes >= BYTES_MAX;
            let Some(input) = self.input.as_mut().filter(|_| !is_full) else {
                return;
            };
            match input.poll_next_unpin(cx) {
                Poll::Pending => return,
                Poll::Ready(Some(request)) if self.may_wait(&request) => self.held = Some(request),
                Poll::Ready(Some(request)) => {
                    self.held = None;
                    self.send(request);
                }
                Poll::Ready(None) => {
                    self.input = None;
                    match self.held.take() {
                        Some(held) => self.send(held),
                        None => return,
                    }
                }
            }
        }
    }

    /// Whether the replica has been sent all that the request is about, but for how far the log is committed. In a state
    /// group followers act on what is committed: they are told at once.
    fn may_wait(&self, request: &AppendEntriesRequest<Types>) -> bool {
        let is_log = self.kind == RequestKind::Append && self.link.is_of_a_log();
        is_log
            && request.entries.is_empty()
            && request.prev_log_id.is_some()
            && request.prev_log_id == self.sent
    }

    fn send(&mut self, request: AppendEntriesRequest<Types>) {
        let prev = request.prev_log_id;
        let first = request.entries.first().map(RaftEntry::log_id);
        if first.is_some_and(|first| self.link.is_about_to_go(first.index)) {
            return self.fail("it lacks entries that are about to be deleted");
        }
        let last = request.entries.last().map(RaftEntry::log_id).or(prev);
        let whole = request
            .entries
            .into_iter()
            .map(|entry| match entry.payload {
                Payload::Whole(whole) => Some(whole.batch),
                _ => None,
            });
        let Some(batches) = whole.collect() else {
            // A bug of ours: the log reader gives nothing else.
            return self.fail("an entry without its bytes cannot be sent");
        };
        let append = Append {
            vote: request.vote,
            prev,
            committed: request.leader_commit,
            batches,
        };
        let term = append.vote.leader_id.term;
        let message = append.encode();
        let bytes = message.0.len() + message.1.iter().map(bytes::Bytes::len).sum::<usize>();
        let called = self.link.send(self.kind, message, self.timeout);
        self.bytes += bytes;
        self.sent = last;
        let sent = Sent {
            term,
            prev,
            last,
            bytes,
        };
        self.leaving = Some((sent, called));
    }

    fn fail(&mut self, reason: &'static str) {
        self.failed = Some(Unreachable::new(&AnyError::error(reason)));
        self.input = None;
    }

    /// What openraft is told of a reply. It trusts the replica; what cannot be is an error here.
    fn answer(&mut self, sent: Sent, reply: Result<PeerReply, CallError>) -> Answer {
        let reply = reply.map_err(unreachable)?;
        let appended = wire::decode_appended(&reply.head);
        let appended = appended.ok_or_else(|| self.link.nonsense("to an append something"))?;
        let (to, settled) = (self.link.to, &self.link.settled);
        settled.say(to, sent.term, appended.is_settled);
        match appended.result {
            Ok(matched) if matched == sent.last => {
                *self.acknowledged = (*self.acknowledged).max(matched);
                Ok(Ok(matched))
            }
            Err(StreamAppendError::Conflict(missing)) if Some(missing) == sent.prev => {
                self.check_reversion(missing)?;
                Ok(Err(StreamAppendError::Conflict(missing)))
            }
            Err(StreamAppendError::HigherVote(vote)) => {
                Ok(Err(StreamAppendError::HigherVote(vote)))
            }
            Ok(_) | Err(StreamAppendError::Conflict(_)) => {
                Err(self.link.nonsense("to an append with entries").into())
            }
        }
    }

    /// A replica that lacks what it acknowledged has lost its disk, or part of it. openraft has no answer to that: a
    /// debug build panics, another one stops sending. It must be removed, and added again under another id.
    fn check_reversion(&self, missing: RaftLogId) -> Result<(), Unreachable<Types>> {
        // A heartbeat names an entry that was acknowledged.
        if self.kind != RequestKind::Heartbeat && Some(missing) > *self.acknowledged {
            return Ok(());
        }
        let (to, group) = (self.link.to, self.link.group());
        let text = format!(
            "replica {to} lacks entry {missing} of {group}, which it acknowledged: its disk has not kept what it had synced. \
             It gets nothing more until its broker is started with an empty data directory, which other replicas fill"
        );
        if self.link.misses(missing) {
            tracing::error!("{text}");
        }
        Err(Unreachable::new(&AnyError::error(text)))
    }
}

impl<S> Stream for Pipeline<'_, S>
where
    S: Stream<Item = AppendEntriesRequest<Types>> + Unpin,
{
    type Item = Answer;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Answer>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        this.poll_requests(cx);
        let Some((sent, replied)) = this.unanswered.front_mut() else {
            if this.input.is_some() || this.leaving.is_some() {
                return Poll::Pending;
            }
            this.ended = true;
            return Poll::Ready(this.failed.take().map(|failed| Err(failed.into())));
        };
        let sent = *sent;
        let Poll::Ready(reply) = replied.poll_unpin(cx) else {
            return Poll::Pending;
        };
        this.unanswered.pop_front();
        this.bytes -= sent.bytes;
        let answer = this.answer(sent, reply);
        this.ended = !matches!(answer, Ok(Ok(_)));
        // Room was made: what waits for it is looked at with the next answer, which is asked for at once.
        Poll::Ready(Some(answer))
    }
}
