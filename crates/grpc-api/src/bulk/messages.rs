//! Requests out of HTTP/2's frames. A message that lies whole in one frame is a slice of it; only what crosses a
//! frame's border is copied together.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::Stream;
use prost::{Message, Name};
use rpc::codec::BoundedDecoder;
use rpc::{Reason, v1};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Body as HttpBody;

/// A flag that says whether it is compressed, and the message's length.
const PREFIX_BYTES: usize = 5;
/// A smaller message is copied: it would keep the whole frame in memory for as long as it waits for its result.
const COPIED_BYTES_MAX: usize = 4 << 10;

/// The messages of a request body. Ends after the first error.
pub(super) struct Messages<T> {
    body: Body,
    framing: Framing,
    decoder: BoundedDecoder<T>,
    is_over: bool,
}

impl<T: Message + Name + Default> Messages<T> {
    pub(super) fn new(body: Body, message_bytes_max: usize) -> Self {
        Self {
            body,
            framing: Framing::new(message_bytes_max),
            decoder: BoundedDecoder::default(),
            is_over: false,
        }
    }

    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, Status>>> {
        loop {
            if let Some(message) = self.framing.take()? {
                return Poll::Ready(Some(self.decoder.read(message)));
            }
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)?) {
                Some(frame) => self.framing.feed(frame.into_data().unwrap_or_default()),
                None if self.framing.partial.is_empty() => return Poll::Ready(None),
                None => return Poll::Ready(Some(Err(cut_short()))),
            }
        }
    }
}

impl<T: Message + Name + Default + Unpin> Stream for Messages<T> {
    type Item = Result<T, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.is_over {
            return Poll::Ready(None);
        }
        let message = std::task::ready!(this.poll_message(context));
        this.is_over = !matches!(message, Some(Ok(_)));
        Poll::Ready(message)
    }
}

/// Finds the messages in a row of frames.
pub(crate) struct Framing {
    /// What is left of the last frame.
    rest: Bytes,
    /// A message, its prefix included, of which more is to come.
    partial: BytesMut,
    message_bytes_max: usize,
}

impl Framing {
    pub(crate) fn new(message_bytes_max: usize) -> Self {
        Self {
            rest: Bytes::new(),
            partial: BytesMut::new(),
            message_bytes_max,
        }
    }

    /// Goes on with the next frame; nothing must be left of the last one.
    pub(crate) fn feed(&mut self, frame: Bytes) {
        self.rest = frame;
    }

    /// Takes a message, without its prefix. `None` where the next frame is needed; nothing is left of this one then.
    pub(crate) fn take(&mut self) -> Result<Option<Bytes>, Status> {
        if self.partial.is_empty() && self.rest.len() >= PREFIX_BYTES {
            let bytes = self.message_bytes(&self.rest)?;
            if self.rest.len() - PREFIX_BYTES >= bytes {
                self.rest.advance(PREFIX_BYTES);
                let message = self.rest.split_to(bytes);
                return Ok(Some(if bytes <= COPIED_BYTES_MAX {
                    Bytes::copy_from_slice(&message)
                } else {
                    message
                }));
            }
        }
        if !self.gather(PREFIX_BYTES) {
            return Ok(None);
        }
        let bytes = self.message_bytes(&self.partial)?;
        if !self.gather(PREFIX_BYTES + bytes) {
            return Ok(None);
        }
        let mut message = self.partial.split().freeze();
        message.advance(PREFIX_BYTES);
        Ok(Some(message))
    }

    /// Moves bytes behind the partial message until it has `wanted`; whether it has.
    fn gather(&mut self, wanted: usize) -> bool {
        let missing = wanted.saturating_sub(self.partial.len());
        let moved = self.rest.split_to(missing.min(self.rest.len()));
        self.partial.reserve(missing);
        self.partial.extend_from_slice(&moved);
        moved.len() == missing
    }

    fn message_bytes(&self, mut prefix: &[u8]) -> Result<usize, Status> {
        let (Ok(flag), Ok(bytes)) = (prefix.try_get_u8(), prefix.try_get_u32()) else {
            return Err(cut_short());
        };
        if flag != 0 {
            let message = "the message is compressed; compress the batches instead, the broker stores them as they come";
            return Err(Status::unimplemented(message));
        }
        let limit = self.message_bytes_max;
        match usize::try_from(bytes) {
            Ok(bytes) if bytes <= limit => Ok(bytes),
            _ => {
                let message = format!(
                    "the message has {bytes} bytes, the limit is {limit}; send smaller batches, or raise the broker's \
                     message limit"
                );
                let error = v1::Error::new(Reason::MessageTooLarge, message);
                Err(error.with("bytes", bytes).with("limit", limit).into())
            }
        }
    }
}

fn cut_short() -> Status {
    let message = "the stream ends inside a message; send it again";
    v1::Error::new(Reason::MalformedMessage, message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(messages: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for message in messages {
            bytes.push(0);
            bytes.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
            bytes.extend(*message);
        }
        bytes
    }

    #[test]
    fn messages_are_found_wherever_the_frames_are_cut() {
        let large = vec![9; 10_000];
        let messages: [&[u8]; 5] = [b"", b"one", &large, b"two", &large];
        let stream = framed(&messages);
        for frame_bytes in [1, 2, 3, 5, 7, 4_096, 10_005, 20_000, stream.len()] {
            let (mut framing, mut found) = (Framing::new(10_000), Vec::new());
            for frame in stream.chunks(frame_bytes) {
                framing.rest = Bytes::copy_from_slice(frame);
                while let Some(message) = framing.take().unwrap() {
                    found.push(message);
                }
                assert!(framing.rest.is_empty());
            }
            assert_eq!(found, messages, "frames of {frame_bytes} bytes");
            assert!(framing.partial.is_empty());
        }
    }

    #[test]
    fn a_large_message_in_one_frame_is_a_slice_of_it() {
        let frame = Bytes::from(framed(&[&[1; 5_000], &[2; 5_000]]));
        let mut framing = Framing::new(10_000);
        framing.rest = frame.clone();
        let first = framing.take().unwrap().unwrap();
        assert_eq!(first.as_ptr(), frame[5..].as_ptr());
    }

    #[test]
    fn a_message_over_the_limit_is_refused_by_its_prefix() {
        let mut framing = Framing::new(8);
        framing.rest = Bytes::from_static(&[0, 0, 0, 0, 9]);
        let refused = framing.take().unwrap_err();
        assert_eq!(v1::Error::from_status(&refused).reason, "MESSAGE_TOO_LARGE");
        framing.rest = Bytes::from_static(&[1, 0, 0, 0, 1, 0]);
        assert_eq!(
            framing.take().unwrap_err().code(),
            tonic::Code::Unimplemented
        );
    }
}
