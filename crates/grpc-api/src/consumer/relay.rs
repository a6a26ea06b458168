//! A subscription to partitions that other brokers lead: one stream to each leader, their messages put together.
//!
//! With one leader the client's credit is handed through to it. With several each gets a part of it for good, which is
//! filled up as its messages are sent; and while the client's credit is used up, none is read, so that HTTP/2's windows
//! hold them back. The client gets at most such a part more than it granted.

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::poll_fn;
use futures_util::{Stream, StreamExt, TryFutureExt};
use rpc::v1;
use rpc::v1::subscribe_request::Request as Wish;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, UnboundedReceiverStream};
use tonic::{Response, Status};

use super::gather::results_of;
use super::subscribe::{End, Message, Reading, Requests, Subscription, grant};
use crate::broken_message::explained;
use crate::forward::{Forward, Group, Target, groups};
use crate::stop::{StopSignal, shutting_down};

/// The most credit that one of several leaders has.
const LANE_CREDIT_MAX: i64 = 1 << 20;

type Messages = Pin<Box<dyn Stream<Item = Message> + Send>>;

/// The streams of one subscription.
pub(super) struct Relay {
    lanes: Vec<Lane>,
    /// Whose turn it is to be looked at first.
    turn: usize,
    /// The client's, as far as this broker counts it.
    credit: i64,
    grants: bool,
    hands_credit_through: bool,
    heartbeat_interval: Duration,
    stop: StopSignal,
}

/// A stream from one leader; this broker may be one.
struct Lane {
    target: Option<Target>,
    /// What of it is read still.
    partitions: Vec<v1::FetchPartition>,
    requests: mpsc::UnboundedSender<v1::SubscribeRequest>,
    messages: Messages,
}

impl Subscription {
    /// The streams, where other brokers lead any of the partitions.
    pub(super) fn relay(&self, start: v1::SubscribeStart, reading: &Reading) -> Option<Relay> {
        let forward = self.forward.as_ref()?;
        let parts = start.partitions.iter().cloned().zip(&reading.partitions);
        let groups = groups(parts.collect(), |(_, wanted)| {
            forward.elsewhere(&wanted.topic, wanted.partition)
        });
        if groups.iter().all(|group| group.target.is_none()) {
            return None;
        }
        let hands_credit_through = groups.len() == 1;
        let count = i64::try_from(groups.len()).unwrap_or(i64::MAX);
        let credit = if hands_credit_through {
            reading.credit
        } else {
            (reading.credit / (2 * count)).clamp(1, LANE_CREDIT_MAX)
        };
        let lanes = groups.into_iter().map(|group| {
            let start = v1::SubscribeStart {
                partitions: partitions_of(&group),
                credit_bytes: credit,
                ..start
            };
            self.lane(group.target, start, forward)
        });
        Some(Relay {
            lanes: lanes.collect(),
            turn: 0,
            credit: reading.credit,
            grants: true,
            hands_credit_through,
            heartbeat_interval: self.heartbeat_interval,
            stop: self.stop.clone(),
        })
    }

    fn lane(&self, target: Option<Target>, start: v1::SubscribeStart, forward: &Forward) -> Lane {
        let (requests, queue) = mpsc::unbounded_channel();
        let partitions = start.partitions.clone();
        // The receiver is there still.
        let _ = requests.send(v1::SubscribeRequest {
            request: Some(Wish::Start(start)),
        });
        let queue = UnboundedReceiverStream::new(queue);
        let messages: Messages = match &target {
            None => {
                let (sender, messages) = mpsc::channel(1);
                let here = Self {
                    forward: None,
                    ..self.clone()
                };
                tokio::spawn(
                    async move { Box::pin(here.run(Box::pin(queue.map(Ok)), sender)).await },
                );
                Box::pin(ReceiverStream::new(messages))
            }
            Some(target) => {
                let api = forward.consumer(target).map_err(Status::from);
                let request = forward.request(queue, None);
                let call = async move { api?.subscribe(request).await.map(Response::into_inner) };
                let messages = call.try_flatten_stream();
                Box::pin(messages.map(|message| message.map(|message| (message, None))))
            }
        };
        Lane {
            target,
            partitions,
            requests,
            messages,
        }
    }
}

fn partitions_of<W>(group: &Group<(v1::FetchPartition, W)>) -> Vec<v1::FetchPartition> {
    let parts = group.parts.iter();
    parts.map(|(_, (asked, _))| asked.clone()).collect()
}

impl Relay {
    /// Hands messages on until nothing is left to read.
    pub(super) async fn run(
        mut self,
        mut requests: Requests,
        sender: &mpsc::Sender<Message>,
    ) -> Result<std::convert::Infallible, End> {
        let mut stop = self.stop.clone();
        loop {
            let may_send = self.credit > 0 || self.hands_credit_through;
            if self.lanes.is_empty() || !(may_send || self.grants) {
                return Err(End::Done);
            }
            let grants = self.grants;
            let heartbeat = self.heartbeat_interval;
            let told = tokio::select! {
                biased;
                wish = requests.next(), if grants => {
                    self.hear(wish.transpose())?;
                    None
                }
                () = sender.closed() => return Err(End::Done),
                () = stop.stopped() => return Err(shutting_down().into()),
                (at, message) = self.next(), if may_send => self.take(at, message)?,
                () = tokio::time::sleep(heartbeat), if !may_send => {
                    Some((v1::SubscribeResponse::default(), None))
                }
            };
            if let Some(told) = told {
                sender.send(Ok(told)).await.map_err(|_| End::Done)?;
            }
        }
    }

    /// Takes in what the client says.
    fn hear(&mut self, wish: Result<Option<v1::SubscribeRequest>, Status>) -> Result<(), End> {
        match wish.map_err(|status| End::Failed(explained(status)))? {
            None => {
                self.grants = false;
                if self.hands_credit_through {
                    // The leader ends it once the credit is used up.
                    for lane in &mut self.lanes {
                        lane.end_requests();
                    }
                }
            }
            Some(v1::SubscribeRequest {
                request: Some(Wish::CreditBytes(bytes)),
            }) => {
                self.credit = self.credit.saturating_add(grant(bytes)?);
                if self.hands_credit_through {
                    self.lanes.iter().for_each(|lane| lane.grant(bytes));
                }
            }
            Some(_) => {
                let expected = "more credit; what to read is said once, in the first message";
                return Err(rpc::InvalidField::missing("credit_bytes", expected).into());
            }
        }
        Ok(())
    }

    /// The next message of some lane; `None` at its end. May be dropped while it waits.
    async fn next(&mut self) -> (usize, Option<Message>) {
        let (lanes, turn) = (&mut self.lanes, &mut self.turn);
        poll_fn(|context| {
            for step in 0..lanes.len() {
                let at = (*turn + step) % lanes.len();
                if let Some(lane) = lanes.get_mut(at)
                    && let Poll::Ready(message) = lane.messages.poll_next_unpin(context)
                {
                    *turn = at + 1;
                    return Poll::Ready((at, message));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// What the client is told of a lane's message. A lane that breaks is told as its partitions' errors.
    fn take(
        &mut self,
        at: usize,
        message: Option<Message>,
    ) -> Result<Option<(v1::SubscribeResponse, Option<broker::FetchPermit>)>, End> {
        let Some(lane) = self.lanes.get_mut(at) else {
            return Ok(None);
        };
        match message {
            Some(Ok((mut message, permit))) => {
                lane.hear(&mut message);
                self.credit = self.credit.saturating_sub(message.used_bytes);
                if !self.hands_credit_through && message.used_bytes > 0 {
                    lane.grant(message.used_bytes);
                }
                if lane.partitions.is_empty() {
                    self.lanes.remove(at);
                }
                Ok(Some((message, permit)))
            }
            ended => {
                let lane = self.lanes.remove(at);
                match (lane.target, ended) {
                    (Some(target), Some(Err(status))) if !lane.partitions.is_empty() => {
                        let failure = Err(target.failure(&status));
                        let results = results_of(&lane.partitions, failure, &target);
                        let message = v1::SubscribeResponse {
                            results,
                            used_bytes: 0,
                        };
                        Ok(Some((message, None)))
                    }
                    (None, Some(Err(status))) => Err(End::Failed(status)),
                    _ => Ok(None),
                }
            }
        }
    }
}

impl Lane {
    /// Notes how far the partitions have come, and names their leader.
    fn hear(&mut self, message: &mut v1::SubscribeResponse) {
        for result in &mut message.results {
            result.leader = self.target.as_ref().and_then(Target::told);
            let is_it = |read: &v1::FetchPartition| {
                read.topic == result.topic && read.partition == result.partition
            };
            if result.error.is_some() {
                self.partitions.retain(|read| !is_it(read));
            } else if let Some(read) = self.partitions.iter_mut().find(|read| is_it(read)) {
                read.offset = result.next_offset;
            }
        }
    }

    fn grant(&self, bytes: i64) {
        // Where the stream has just ended, that is the next thing that it tells.
        let _ = self.requests.send(v1::SubscribeRequest {
            request: Some(Wish::CreditBytes(bytes)),
        });
    }

    fn end_requests(&mut self) {
        let (closed, _) = mpsc::unbounded_channel();
        self.requests = closed;
    }
}
