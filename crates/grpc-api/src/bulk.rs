//! The bulk calls, without tonic's copies: ProduceStream takes batches as slices of HTTP/2's frames, Subscribe and
//! Fetch send them as slices of the segments' maps.
//!
//! tonic gathers incoming frames in one buffer and outgoing messages in another. Beside that, everything is as gRPC
//! has it; the calls themselves are the services' own.

mod body;
pub(crate) mod messages;
mod pieces;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::{StreamExt, stream};
use rpc::codec::BoundedDecoder;
use rpc::v1;
use rpc::v1::consumer_server::Consumer;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::metadata::MetadataMap;
use tonic::server::NamedService;
use tonic::{Status, Streaming};
use tower::Service;

use crate::broken_message::explained;
use crate::consumer::ConsumerService;
use crate::held_body::hold;
use crate::producer::ProducerService;
use body::response;
use messages::Messages;

/// A service, the calls of it that are bulk, and everything else as tonic does it.
#[derive(Clone)]
pub(crate) struct Bulk<C, S> {
    calls: C,
    others: S,
}

impl<C, S> Bulk<C, S> {
    pub(crate) fn new(calls: C, others: S) -> Self {
        Self { calls, others }
    }
}

/// Answers the bulk calls of one service.
pub(crate) trait BulkCalls: Clone + Send + 'static {
    /// The response; that of `others`, where the call is not one of them.
    fn call(&self, request: Request<Body>, others: impl Others) -> ResponseFuture;
}

/// Answers a call that is no bulk call.
pub(crate) trait Others: FnOnce(Request<Body>) -> ResponseFuture {}

impl<F: FnOnce(Request<Body>) -> ResponseFuture> Others for F {}

/// A response on its way.
pub(crate) type ResponseFuture =
    Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<C, S: NamedService> NamedService for Bulk<C, S> {
    const NAME: &'static str = S::NAME;
}

impl<C, S> Service<Request<Body>> for Bulk<C, S>
where
    C: BulkCalls,
    S: Service<
            Request<Body>,
            Response = Response<Body>,
            Error = Infallible,
            Future = ResponseFuture,
        >,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.others.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> ResponseFuture {
        self.calls
            .call(request, |request| self.others.call(request))
    }
}

/// ProduceStream.
#[derive(Clone)]
pub(crate) struct BulkProduce {
    pub(crate) service: Arc<ProducerService>,
    pub(crate) message_bytes_max: usize,
}

impl BulkCalls for BulkProduce {
    fn call(&self, request: Request<Body>, others: impl Others) -> ResponseFuture {
        if request.uri().path() != "/strandline.v1.Producer/ProduceStream" {
            return others(request);
        }
        let (head, body) = request.into_parts();
        let requests = Messages::new(body, self.message_bytes_max);
        let headers = MetadataMap::from_headers(head.headers);
        let results = self.service.stream(requests, &headers);
        let response = response(results.map(|results| results.map(|results| pieces::of(&results))));
        Box::pin(std::future::ready(Ok(response)))
    }
}

/// Fetch and Subscribe.
#[derive(Clone)]
pub(crate) struct BulkConsume {
    pub(crate) service: Arc<ConsumerService>,
    pub(crate) message_bytes_max: usize,
}

impl BulkCalls for BulkConsume {
    fn call(&self, request: Request<Body>, others: impl Others) -> ResponseFuture {
        match request.uri().path() {
            "/strandline.v1.Consumer/Subscribe" => {
                let (head, body) = request.into_parts();
                let requests = self.requests(body);
                let headers = MetadataMap::from_headers(head.headers);
                let messages = self.service.stream(requests, &headers);
                let messages = messages.map(|message| message.map(pieces::of_subscription));
                Box::pin(std::future::ready(Ok(response(messages))))
            }
            "/strandline.v1.Consumer/Fetch" => {
                let (head, body) = request.into_parts();
                let requests = self.requests(body);
                let service = Arc::clone(&self.service);
                Box::pin(fetch(service, head.headers, requests))
            }
            _ => others(request),
        }
    }
}

impl BulkConsume {
    fn requests<T: prost::Message + prost::Name + Default + 'static>(
        &self,
        body: Body,
    ) -> Streaming<T> {
        let limit = Some(self.message_bytes_max);
        Streaming::new_request(BoundedDecoder::default(), body, None, limit)
    }
}

async fn fetch(
    service: Arc<ConsumerService>,
    headers: HeaderMap,
    mut requests: Streaming<v1::FetchRequest>,
) -> Result<Response<Body>, Infallible> {
    let fetched = match requests.message().await {
        Ok(Some(request)) => {
            let metadata = MetadataMap::from_headers(headers);
            let request =
                tonic::Request::from_parts(metadata, tonic::Extensions::default(), request);
            service.fetch(request).await
        }
        Ok(None) => Err(Status::invalid_argument("the call has no request")),
        Err(status) => Err(explained(status)),
    };
    Ok(match fetched {
        Err(status) => status.into_http(),
        Ok(fetched) => {
            let (_, message, extensions) = fetched.into_parts();
            let pieces = pieces::of_fetch(message);
            let mut response = response(stream::iter([Ok(pieces)]));
            *response.extensions_mut() = extensions;
            hold(response)
        }
    })
}
