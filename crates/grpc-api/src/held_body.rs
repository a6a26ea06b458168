//! Keeps a part of the broker's fetch budget until a response has been handed to the connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use broker::FetchPermit;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::Response;
use tonic::codegen::{Body as HttpBody, Bytes};

/// What a response keeps: put among its extensions.
#[derive(Clone, Default)]
pub(crate) struct Held {
    _permit: Arc<FetchPermit>,
}

impl Held {
    pub(crate) fn new(permit: FetchPermit) -> Self {
        Self {
            _permit: Arc::new(permit),
        }
    }
}

/// The response, holding on to its permit until its body is sent or dropped.
pub(crate) fn hold(mut response: Response<Body>) -> Response<Body> {
    match response.extensions_mut().remove::<Held>() {
        None => response,
        Some(held) => response.map(|body| Body::new(HeldBody { body, _held: held })),
    }
}

struct HeldBody {
    body: Body,
    _held: Held,
}

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
