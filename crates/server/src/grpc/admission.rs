//! Lets calls in: so many at a time, with so much memory for what arrives.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body::Body as HttpBody;
use rpc::{Reason, v1};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tower::{Layer, Service};

use super::arriving::{Arriving, Kept, Room};

/// Calls to which a client sends one message after the other. Each message of all others is kept in mind until the
/// call is answered.
const STREAMS: [&str; 2] = ["/ProduceStream", "/Subscribe"];

/// Questions of who decides whether the broker lives: they need hardly anything, and are let in however full it is.
const PROBES: &str = "/grpc.health.v1.Health/Check";

/// What all connections share.
#[derive(Clone)]
pub(super) struct Admission {
    calls: Arc<Semaphore>,
    calls_max: u64,
    room: Room,
}

impl Admission {
    pub(super) fn new(calls_max: u64, room: Room) -> Self {
        let permits = usize::try_from(calls_max).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            calls: Arc::new(Semaphore::new(permits)),
            calls_max,
            room,
        }
    }
}

impl<S> Layer<S> for Admission {
    type Service = Admitting<S>;

    fn layer(&self, service: S) -> Admitting<S> {
        Admitting {
            service,
            admission: self.clone(),
        }
    }
}

/// A service behind the admission.
#[derive(Clone)]
pub(super) struct Admitting<S> {
    service: S,
    admission: Admission,
}

impl<S> Service<Request<Body>> for Admitting<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let call = self.admission.calls.clone().try_acquire_owned().ok();
        if call.is_none() && request.uri().path() != PROBES {
            metrics::counter!("strandline_calls_refused_total").increment(1);
            let refused = refusal(self.admission.calls_max).into_http();
            return Box::pin(std::future::ready(Ok(refused)));
        }
        let path = request.uri().path();
        let is_stream = STREAMS.iter().any(|stream| path.ends_with(stream));
        let kept = Kept::default();
        let room = self.admission.room.clone();
        let request =
            request.map(|body| Body::new(Arriving::new(body, room, kept.clone(), !is_stream)));
        let response = self.service.call(request);
        Box::pin(async move {
            let response = response.await?;
            drop(kept);
            Ok(response.map(|body| Body::new(Answering { body, _call: call })))
        })
    }
}

fn refusal(calls_max: u64) -> Status {
    let message = format!(
        "{calls_max} calls are open already, as many as the broker's calls_max allows; try again in a moment"
    );
    v1::Error::new(Reason::Overloaded, message).into()
}

/// The body of a response: the call counts until it is sent.
struct Answering {
    body: Body,
    _call: Option<OwnedSemaphorePermit>,
}

impl HttpBody for Answering {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
