//! The service Consumer.

mod gather;
mod offsets;
mod plain;
mod relay;
pub(crate) mod request;
mod respond;
mod subscribe;

use std::pin::Pin;
use std::sync::Arc;

use broker::Broker;
use futures_util::Stream;
use model::Offset;
use rpc::v1;
use rpc::v1::consumer_server::Consumer;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use crate::codec_jobs::CodecJobs;
use crate::deadline::Deadline;
use crate::forward::{Forward, Hints};
use crate::held_body::Held;
use crate::meters::{Meter, StreamMeter};
use crate::settings::Settings;
use crate::stop::StopSignal;
use respond::Responder;
use subscribe::Subscription;

/// Reads records by offset.
pub(crate) struct ConsumerService {
    broker: Arc<Broker>,
    responder: Responder,
    settings: Settings,
    forward: Forward,
    hints: Hints,
    stop: StopSignal,
    meters: Meters,
}

struct Meters {
    fetch: Meter,
    list_offsets: Meter,
    subscribe: StreamMeter,
}

impl ConsumerService {
    pub(crate) fn new(
        broker: Arc<Broker>,
        jobs: CodecJobs,
        forward: Forward,
        stop: StopSignal,
        settings: &Settings,
    ) -> Self {
        Self {
            hints: Hints::new(Arc::clone(&broker)),
            forward,
            broker,
            responder: Responder::new(jobs, settings),
            settings: settings.clone(),
            stop,
            meters: Meters {
                fetch: Meter::of("Fetch"),
                list_offsets: Meter::of("ListOffsets"),
                subscribe: StreamMeter::of("Subscribe"),
            },
        }
    }

    /// Reads what this broker leads.
    async fn read_here(
        &self,
        request: v1::FetchRequest,
        deadline: Deadline,
    ) -> Result<(v1::FetchResponse, Held), v1::Error> {
        let mut wanted = request::fetch(request, self.settings.message_bytes_max)?;
        wanted.fetch.wait_max = deadline.cut(wanted.fetch.wait_max);
        let (asked, format) = (wanted.asked, wanted.format);
        let answer = {
            let mut stop = self.stop.clone();
            let mut at_once = wanted.fetch.clone();
            tokio::select! {
                biased;
                answer = self.broker.fetch(wanted.fetch) => answer,
                () = stop.stopped() => {
                    at_once.wait_max = std::time::Duration::ZERO;
                    self.broker.fetch(at_once).await
                }
            }
        };
        let response = self
            .responder
            .respond(answer, &asked, format, wanted.bytes_max)
            .await?;
        let message = v1::FetchResponse {
            results: response.results,
        };
        Ok((message, Held::new(response.permit)))
    }
}

impl ConsumerService {
    /// One subscription, and its messages.
    pub(crate) fn stream(
        &self,
        requests: Streaming<v1::SubscribeRequest>,
        headers: &MetadataMap,
    ) -> impl Stream<Item = Result<v1::SubscribeResponse, Status>> + Send + use<> {
        let subscription = Subscription {
            forward: self.forward.permitted(headers),
            hints: self.hints.clone(),
            broker: Arc::clone(&self.broker),
            responder: self.responder.clone(),
            heartbeat_interval: self.settings.heartbeat_interval,
            message_bytes_max: self.settings.message_bytes_max,
            stop: self.stop.clone(),
        };
        subscription.start(Box::pin(requests), self.meters.subscribe.open())
    }
}

#[tonic::async_trait]
impl Consumer for ConsumerService {
    async fn fetch(
        &self,
        request: Request<v1::FetchRequest>,
    ) -> Result<Response<v1::FetchResponse>, Status> {
        let deadline = Deadline::of(request.metadata());
        let forward = self.forward.permitted(request.metadata());
        let work = self.read(request.into_inner(), deadline, forward);
        let (message, held) = self.meters.fetch.call(work).await?.into_inner();
        let mut response = Response::new(message);
        response.extensions_mut().insert(held);
        Ok(response)
    }

    type SubscribeStream =
        Pin<Box<dyn Stream<Item = Result<v1::SubscribeResponse, Status>> + Send>>;

    async fn subscribe(
        &self,
        request: Request<Streaming<v1::SubscribeRequest>>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let (headers, _, requests) = request.into_parts();
        Ok(Response::new(Box::pin(self.stream(requests, &headers))))
    }

    async fn list_offsets(
        &self,
        request: Request<v1::ListOffsetsRequest>,
    ) -> Result<Response<v1::ListOffsetsResponse>, Status> {
        let deadline = Deadline::of(request.metadata());
        let forward = self.forward.permitted(request.metadata());
        let work = deadline.or_fail(self.find(request.into_inner(), forward, deadline));
        self.meters.list_offsets.call(work).await
    }
}

/// What a client asked for, to be repeated in the result.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    topic: model::TopicName,
    partition: model::PartitionIndex,
    offset: Offset,
}
