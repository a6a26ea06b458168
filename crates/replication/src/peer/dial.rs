//! Makes a stream to an address: resolves its name, connects, shakes hands.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::codegen::http::{Request, Uri, header};
use tonic::transport::{Channel, Endpoint};
use tower::ServiceExt;

use super::stream::Incoming;
use super::wire::{Message, Writer};
use super::{Hello, PeerLimits};

/// The method, as gRPC names it.
pub(super) const PATH: &str = "/strandline.internal.v1.Peer/Connect";

/// What a stream of replies may send ahead of being read.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;
const FRAME_BYTES_MAX: u32 = 1 << 20;

/// A stream whose other side has said who it is.
pub(super) struct Dialled {
    pub(super) hello: Hello,
    pub(super) incoming: Incoming,
    /// The connection: it is closed with this.
    pub(super) channel: Channel,
}

/// Why there is no stream.
#[derive(Debug, Error)]
pub(super) enum DialError {
    #[error("{address} cannot be resolved: {source}")]
    Resolve { address: String, source: io::Error },
    #[error("{address} cannot be connected to: {reason}")]
    Connect { address: String, reason: String },
    #[error("{address} has refused this broker: {reason}")]
    Refused { address: String, reason: String },
    #[error("{address} has not answered within {after:?}")]
    Timeout { address: String, after: Duration },
    #[error("{address} does not speak as a broker: {reason}")]
    Speech { address: String, reason: String },
}

/// What an address stands for at this moment.
pub(super) async fn resolve(address: &str, limit: Duration) -> Result<Vec<SocketAddr>, DialError> {
    match timeout(limit, tokio::net::lookup_host(address)).await {
        Ok(Ok(found)) => Ok(found.collect()),
        Ok(Err(source)) => Err(DialError::Resolve {
            address: address.to_owned(),
            source,
        }),
        Err(_) => Err(DialError::Timeout {
            address: address.to_owned(),
            after: limit,
        }),
    }
}

/// The first frame of a stream.
pub(super) fn hello_pieces(hello: Hello) -> VecDeque<Bytes> {
    let mut writer = Writer::default();
    writer.write(Message::Hello(hello));
    writer.finish()
}

/// Connects and shakes hands: `body` begins with the Hello.
pub(super) async fn dial(
    address: SocketAddr,
    body: Body,
    limits: &PeerLimits,
) -> Result<Dialled, DialError> {
    let text = address.to_string();
    let shake = shake_hands(&text, body, limits);
    let after = limits.connect_timeout;
    match timeout(after, shake).await {
        Ok(dialled) => dialled,
        Err(_) => Err(DialError::Timeout {
            address: text,
            after,
        }),
    }
}

async fn shake_hands(address: &str, body: Body, limits: &PeerLimits) -> Result<Dialled, DialError> {
    let connect = |error: &dyn std::error::Error| DialError::Connect {
        address: address.to_owned(),
        reason: with_sources(error),
    };
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|error| connect(&error))?
        .connect_timeout(limits.connect_timeout)
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES_MAX)
        .http2_keep_alive_interval(limits.keepalive_interval)
        .keep_alive_timeout(limits.keepalive_timeout)
        .keep_alive_while_idle(true);
    let channel = endpoint.connect().await.map_err(|error| connect(&error))?;
    let request = request(address, body).map_err(|error| connect(&error))?;
    let response = channel.clone().oneshot(request).await;
    let response = response.map_err(|error| connect(&error))?;
    let speech = |reason: String| DialError::Speech {
        address: address.to_owned(),
        reason,
    };
    if !response.status().is_success() || response.headers().contains_key("grpc-status") {
        return Err(speech(format!(
            "HTTP status {}, gRPC status {:?}",
            response.status(),
            response.headers().get("grpc-message")
        )));
    }
    let mut incoming = Incoming::new(response.into_body(), limits.frame_bytes_max);
    match incoming.next().await {
        Ok(Message::Hello(hello)) => Ok(Dialled {
            hello,
            incoming,
            channel,
        }),
        Ok(Message::Refusal { reason }) => Err(DialError::Refused {
            address: address.to_owned(),
            reason,
        }),
        Ok(_) => Err(speech("its first frame is no Hello".to_owned())),
        Err(error) => Err(speech(error.to_string())),
    }
}

fn request(address: &str, body: Body) -> Result<Request<Body>, tonic::codegen::http::Error> {
    let uri = Uri::builder()
        .scheme("http")
        .authority(address)
        .path_and_query(PATH)
        .build()?;
    Request::post(uri)
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        .body(body)
}

/// An error and what is behind it: tonic's own says "transport error" only.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// A random-looking share of a wait, so that brokers do not knock all at once: between half of it and the whole.
#[derive(Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
    pub(super) fn of(&mut self, wait: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        let share = (z >> 40) as u32;
        wait / 2 + (wait / 2).mul_f64(f64::from(share) / f64::from(1u32 << 24))
    }
}

/// A peer's stream body of nothing but a Hello: to learn who is there.
pub(super) fn probe(hello: Hello) -> Body {
    let pieces: Bytes = hello_pieces(hello).into_iter().flatten().collect();
    Body::new(OneFrame(Some(pieces)))
}

struct OneFrame(Option<Bytes>);

impl tonic::codegen::Body for OneFrame {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, tonic::Status>>> {
        let frame = self.0.take().map(|bytes| Ok(http_body::Frame::data(bytes)));
        std::task::Poll::Ready(frame)
    }
}
