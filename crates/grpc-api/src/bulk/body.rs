//! A response body: the pieces of each message as they are, then the status.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http_body::Frame;
use tonic::body::Body;
use tonic::codegen::Body as HttpBody;
use tonic::codegen::http::{HeaderMap, HeaderValue, Response};
use tonic::{Code, Status};

use super::pieces::Pieces;

/// A response of these messages.
pub(super) fn response(
    messages: impl Stream<Item = Result<Pieces, Status>> + Send + 'static,
) -> Response<Body> {
    let mut response = Response::new(Body::new(PieceBody {
        messages: Box::pin(messages),
        pieces: VecDeque::new(),
        is_over: false,
    }));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

struct PieceBody<S> {
    messages: Pin<Box<S>>,
    pieces: VecDeque<Bytes>,
    is_over: bool,
}

impl<S: Stream<Item = Result<Pieces, Status>>> HttpBody for PieceBody<S> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if self.is_over {
                return Poll::Ready(None);
            }
            let status = match std::task::ready!(self.messages.as_mut().poll_next(context)) {
                Some(Ok(pieces)) => {
                    self.pieces = pieces.into();
                    continue;
                }
                Some(Err(status)) => status,
                None => Status::new(Code::Ok, ""),
            };
            self.is_over = true;
            let mut trailers = HeaderMap::new();
            return Poll::Ready(Some(
                status
                    .add_header(&mut trailers)
                    .map(|()| Frame::trailers(trailers)),
            ));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over && self.pieces.is_empty()
    }
}
