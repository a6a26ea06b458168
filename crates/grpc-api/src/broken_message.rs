//! Explains messages that tonic refuses before any of our code sees them, because they are too large.
//!
//! tonic answers OUT_OF_RANGE; other gRPC servers answer RESOURCE_EXHAUSTED. Unary calls are answered by tonic itself,
//! so their responses are looked at; streams hand the status to the service, which asks [`explained`].

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use rpc::{Reason, v1};
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::server::NamedService;
use tonic::{Code, Status};
use tower::Service;

use crate::held_body::hold;

/// A service whose refusals of messages are explained.
#[derive(Clone, Debug)]
pub(crate) struct ExplainBrokenMessages<S>(pub(crate) S);

impl<S: NamedService> NamedService for ExplainBrokenMessages<S> {
    const NAME: &'static str = S::NAME;
}

type ResponseFuture = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<S> Service<Request<Body>> for ExplainBrokenMessages<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> ResponseFuture {
        let response = self.0.call(request);
        Box::pin(async move {
            let response = response.await?;
            let status = refusal(response.headers());
            Ok(match status {
                Some(status) => explained(status).into_http(),
                None => hold(response),
            })
        })
    }
}

/// The status of a response that failed at once, where it may be tonic's own: ours carry details.
fn refusal(headers: &HeaderMap) -> Option<Status> {
    headers.get("grpc-status")?;
    Status::from_header_map(headers)
        .filter(|status| status.code() != Code::Ok && status.details().is_empty())
}

/// The status, with a reason and the usual code where tonic refused a message.
pub(crate) fn explained(status: Status) -> Status {
    let text = status.message();
    if status.code() != Code::OutOfRange || !text.contains("message length too large") {
        return status;
    }
    let text = text.strip_prefix("Error, ").unwrap_or(text);
    let message = format!("{text}; send smaller batches, or raise the broker's message limit");
    v1::Error::new(Reason::MessageTooLarge, message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tonic_says_gets_a_reason_and_what_we_say_stays() {
        let large = Status::out_of_range(
            "Error, decoded message length too large: found 9 bytes, the limit is: 8 bytes",
        );
        let large = explained(large);
        assert_eq!(large.code(), Code::ResourceExhausted);
        assert_eq!(v1::Error::from_status(&large).reason, "MESSAGE_TOO_LARGE");
        let ours = Status::from(v1::Error::new(Reason::OffsetBelowLogStart, "too low"));
        let mut response = ours.clone().into_http::<Body>();
        assert!(refusal(response.headers_mut()).is_none());
        assert_eq!(explained(ours).code(), Code::OutOfRange);
    }
}
