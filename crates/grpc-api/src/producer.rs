//! The service Producer.

mod asked;
mod passer;
mod placement;
mod prepare;
mod session;
mod stream;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use broker::Broker;
use futures_util::Stream;
use model::{Acks, Clock};
use rpc::v1::producer_server::Producer;
use rpc::{InvalidField, v1};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use crate::codec_jobs::CodecJobs;
use crate::deadline::Deadline;
use crate::failure;
use crate::forward::Forward;
use crate::meters::{Meter, StreamMeter};
use crate::settings::Settings;
use crate::stop::StopSignal;
use asked::Asked;
use placement::Placement;
use prepare::Preparer;
use session::{SessionLimits, open};

/// Puts records into topics.
pub(crate) struct ProducerService {
    broker: Arc<Broker>,
    preparer: Preparer,
    limits: SessionLimits,
    forward: Forward,
    stop: StopSignal,
    meters: Meters,
}

struct Meters {
    init_producer: Meter,
    produce: Meter,
    produce_stream: StreamMeter,
}

impl ProducerService {
    pub(crate) fn new(
        broker: Arc<Broker>,
        clock: Arc<dyn Clock>,
        jobs: CodecJobs,
        forward: Forward,
        stop: StopSignal,
        settings: &Settings,
    ) -> Self {
        Self {
            preparer: Preparer {
                placement: Arc::new(Placement::new(Arc::clone(&broker))),
                clock,
                jobs,
                last_topic: None,
            },
            broker,
            limits: SessionLimits {
                bytes: settings.session_bytes_max,
                batches: settings.session_batches_max,
            },
            forward,
            stop,
            meters: Meters {
                init_producer: Meter::of("InitProducer"),
                produce: Meter::of("Produce"),
                produce_stream: StreamMeter::of("ProduceStream"),
            },
        }
    }

    async fn issue_id(&self) -> Result<v1::InitProducerResponse, v1::Error> {
        let issued = self.broker.init_producer().await;
        let id = issued.map_err(|error| failure::init_producer(&error))?;
        Ok(v1::InitProducerResponse {
            // Ids end where Kafka's signed field does.
            producer_id: i64::try_from(id.get()).unwrap_or(i64::MAX),
            epoch: 0,
        })
    }

    async fn produce_all(
        &self,
        request: v1::ProduceRequest,
        deadline: Deadline,
        forward: Option<Forward>,
    ) -> Result<v1::ProduceResponse, v1::Error> {
        let acks = Acks::from(v1::Acks::read("acks", request.acks)?);
        if request.batches.is_empty() {
            return Err(InvalidField::missing("batches", "at least one batch").into());
        }
        let (submitter, mut answers) = open(&self.broker, &self.preparer, self.limits, forward);
        let batches = request.batches.iter().enumerate();
        let asked: Vec<_> = batches
            .map(|(place, batch)| Asked::of(place, batch))
            .collect();
        let handed_on = AtomicUsize::new(0);
        let submit = async {
            // Taken in, so that the session ends with the last batch.
            let mut submitter = submitter;
            for (place, batch) in request.batches.into_iter().enumerate() {
                if submitter.submit(place, batch, acks).await.is_err() {
                    return;
                }
                handed_on.store(place + 1, Ordering::Relaxed);
            }
        };
        let mut results = Vec::new();
        let collect = async {
            while let Some(answered) = answers.next().await {
                results.extend(answered.unwrap_or_default());
            }
        };
        let both = async { tokio::join!(submit, collect) };
        if deadline.bound(both).await.is_none() {
            results.extend(answers.abandon());
            if acks == Acks::Quorum {
                // The first of them may have been handed on in part.
                let missing = asked.into_iter().skip(handed_on.into_inner());
                results.extend(missing.map(Asked::outcome_unknown));
            }
        }
        Ok(v1::ProduceResponse { results })
    }
}

impl ProducerService {
    /// One stream of batches, and their results.
    pub(crate) fn stream<R>(
        &self,
        requests: R,
        headers: &MetadataMap,
    ) -> impl Stream<Item = Result<v1::ProduceStreamResponse, Status>> + Send + use<R>
    where
        R: Stream<Item = Result<v1::ProduceStreamRequest, Status>> + Send + Unpin + 'static,
    {
        let forward = self.forward.permitted(headers);
        let (submitter, answers) = open(&self.broker, &self.preparer, self.limits, forward);
        tokio::spawn(stream::read(requests, submitter, self.stop.clone()));
        stream::responses(answers, self.meters.produce_stream.open())
    }
}

#[tonic::async_trait]
impl Producer for ProducerService {
    async fn init_producer(
        &self,
        request: Request<v1::InitProducerRequest>,
    ) -> Result<Response<v1::InitProducerResponse>, Status> {
        let deadline = Deadline::of(request.metadata());
        let work = deadline.or_fail(self.issue_id());
        self.meters.init_producer.call(work).await
    }

    async fn produce(
        &self,
        request: Request<v1::ProduceRequest>,
    ) -> Result<Response<v1::ProduceResponse>, Status> {
        let deadline = Deadline::of(request.metadata());
        let forward = self.forward.permitted(request.metadata());
        let work = self.produce_all(request.into_inner(), deadline, forward);
        self.meters.produce.call(work).await
    }

    type ProduceStreamStream =
        Pin<Box<dyn Stream<Item = Result<v1::ProduceStreamResponse, Status>> + Send>>;

    async fn produce_stream(
        &self,
        request: Request<Streaming<v1::ProduceStreamRequest>>,
    ) -> Result<Response<Self::ProduceStreamStream>, Status> {
        let (headers, _, requests) = request.into_parts();
        Ok(Response::new(Box::pin(self.stream(requests, &headers))))
    }
}
