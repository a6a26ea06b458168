//! One open stream of records.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;

use futures_util::{Stream, StreamExt, TryFutureExt};
use model::Offset;
use rpc::v1;
use rpc::v1::subscribe_request::Request;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Response, Status};

use crate::client::Client;
use crate::topic_partition::TopicPartition;
use crate::wire;

/// What the broker sends.
type Responses = Pin<Box<dyn Stream<Item = Result<v1::SubscribeResponse, Status>> + Send>>;

/// One open stream of records, or one that is being opened.
pub(super) struct SubscribeStream {
    /// The start, then a grant now and then.
    requests: mpsc::UnboundedSender<v1::SubscribeRequest>,
    responses: Responses,
    /// What has been used and not granted again.
    used_bytes: i64,
    /// How much use is worth a grant.
    grant_from: i64,
}

impl SubscribeStream {
    pub(super) fn open(
        client: &Client,
        positions: &BTreeMap<TopicPartition, Offset>,
        credit_bytes: u64,
    ) -> Self {
        let credit_bytes = i64::try_from(credit_bytes.max(1)).unwrap_or(i64::MAX);
        let partitions = positions.iter().map(|(of, offset)| v1::FetchPartition {
            topic: of.topic.as_str().to_owned(),
            partition: wire::partition_field(of.partition),
            offset: rpc::wire_offset(*offset),
            max_bytes: 0,
        });
        let start = v1::SubscribeStart {
            partitions: partitions.collect(),
            credit_bytes,
            format: v1::RecordFormat::Encoded.into(),
            isolation: v1::IsolationLevel::ReadUncommitted.into(),
        };
        let (requests, queue) = mpsc::unbounded_channel();
        let mut api = client.consumer_api();
        let call = async move {
            let requests = UnboundedReceiverStream::new(queue);
            api.subscribe(requests).await.map(Response::into_inner)
        };
        let stream = Self {
            requests,
            responses: Box::pin(call.try_flatten_stream()),
            used_bytes: 0,
            grant_from: credit_bytes / 4,
        };
        stream.request(Request::Start(start));
        stream
    }

    /// The next response; `None` at the end of the stream. May be dropped while it waits.
    pub(super) async fn response(&mut self) -> Option<Result<v1::SubscribeResponse, Status>> {
        let response = self.responses.next().await;
        if let Some(Ok(response)) = &response {
            self.used_bytes = self.used_bytes.saturating_add(response.used_bytes.max(0));
        }
        response
    }

    /// Lets the broker send as much more as it has sent, once that is worth a message.
    pub(super) fn grant_what_was_used(&mut self) {
        if self.used_bytes > self.grant_from {
            self.request(Request::CreditBytes(self.used_bytes));
            self.used_bytes = 0;
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
            .field("used_bytes", &self.used_bytes)
            .finish_non_exhaustive()
    }
}
