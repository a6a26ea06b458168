//! One open stream of records.

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt, TryFutureExt};
use model::Offset;
use rpc::v1;
use rpc::v1::consumer_client::ConsumerClient;
use rpc::v1::subscribe_request::Request;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Channel;
use tonic::{Response, Status};

use crate::topic_partition::TopicPartition;
use crate::wire;

/// What the broker sends.
type Responses = Pin<Box<dyn Stream<Item = Result<v1::SubscribeResponse, Status>> + Send>>;

/// One open stream of records, or one that is being opened.
pub(super) struct SubscribeStream {
    /// Of the broker.
    pub(super) address: String,
    /// What is read over it still.
    pub(super) partitions: BTreeSet<TopicPartition>,
    /// The start, then a grant now and then.
    requests: mpsc::UnboundedSender<v1::SubscribeRequest>,
    responses: Responses,
    /// What the broker may send.
    credit: i64,
    /// What it may have sent, at most, before that is used.
    share: i64,
}

impl SubscribeStream {
    pub(super) fn open(
        address: String,
        mut api: ConsumerClient<Channel>,
        positions: Vec<(TopicPartition, Offset)>,
        share: i64,
    ) -> Self {
        let share = share.max(1);
        let partitions = positions.iter().map(|(of, offset)| v1::FetchPartition {
            topic: of.topic.as_str().to_owned(),
            partition: wire::partition_field(of.partition),
            offset: rpc::wire_offset(*offset),
            max_bytes: 0,
        });
        let start = v1::SubscribeStart {
            partitions: partitions.collect(),
            credit_bytes: share,
            format: v1::RecordFormat::Encoded.into(),
            isolation: v1::IsolationLevel::ReadUncommitted.into(),
        };
        let (requests, queue) = mpsc::unbounded_channel();
        let call = async move {
            let requests = UnboundedReceiverStream::new(queue);
            api.subscribe(requests).await.map(Response::into_inner)
        };
        let stream = Self {
            address,
            partitions: positions.into_iter().map(|(of, _)| of).collect(),
            requests,
            responses: Box::pin(call.try_flatten_stream()),
            credit: share,
            share,
        };
        stream.request(Request::Start(start));
        stream
    }

    /// The next response; `None` at the end of the stream.
    pub(super) fn poll_response(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<v1::SubscribeResponse, Status>>> {
        let response = self.responses.poll_next_unpin(context);
        if let Poll::Ready(Some(Ok(response))) = &response {
            self.credit = self.credit.saturating_sub(response.used_bytes.max(0));
        }
        response
    }

    /// What the broker may send ahead.
    pub(super) fn share(&self) -> i64 {
        self.share
    }

    /// Lets the broker send as much more as it has sent, once that is worth a message.
    pub(super) fn grant_what_was_used(&mut self) {
        let used = self.share.saturating_sub(self.credit);
        if used > self.share / 4 {
            self.request(Request::CreditBytes(used));
            self.credit = self.share;
        }
    }

    fn request(&self, request: Request) {
        // Where the stream has just broken, its end is the next thing that it tells.
        let _ = self.requests.send(v1::SubscribeRequest {
            request: Some(request),
        });
    }
}

impl fmt::Debug for SubscribeStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscribeStream")
            .field("address", &self.address)
            .field("partitions", &self.partitions)
            .field("credit", &self.credit)
            .finish_non_exhaustive()
    }
}
