//! One HTTP/2 connection and the streams on it.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Method, Request, Version, header};
use prost::Message;
use tokio::net::TcpStream;

use super::message::Received;

const WINDOW_BYTES: u32 = 16 << 20;
const FRAME_BYTES: u32 = 1 << 20;

/// A connection. Its work is done by a task of the runtime that opened it.
#[derive(Clone)]
pub(crate) struct Connection {
    requests: SendRequest<Bytes>,
    server: SocketAddr,
}

impl Connection {
    pub(crate) async fn open(server: SocketAddr) -> Result<Self> {
        let socket = TcpStream::connect(server).await.context("connecting")?;
        socket.set_nodelay(true)?;
        let (requests, connection) = h2::client::Builder::new()
            .initial_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .max_frame_size(FRAME_BYTES)
            .max_send_buffer_size(WINDOW_BYTES as usize)
            .handshake(socket)
            .await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("the connection failed: {error}");
            }
        });
        Ok(Self { requests, server })
    }

    /// Calls a streaming method: `package.Service/Method`.
    pub(crate) async fn call(&self, method: &str) -> Result<(Requests, Responses)> {
        let request = Request::builder()
            .method(Method::POST)
            .version(Version::HTTP_2)
            .uri(format!("http://{}/{method}", self.server))
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .body(())?;
        let mut ready = self.requests.clone().ready().await?;
        let (response, body) = ready.send_request(request, false)?;
        let responses = Responses {
            state: State::Head(response),
            received: Received::default(),
        };
        Ok((Requests(body), responses))
    }
}

/// The sending half of a call.
pub(crate) struct Requests(SendStream<Bytes>);

impl Requests {
    /// Sends one message, framed already. What the peer has no window for yet waits in memory: the caller bounds it.
    pub(crate) fn send(&mut self, framed: Bytes) -> Result<()> {
        Ok(self.0.send_data(framed, false)?)
    }

    /// Says that no more will come.
    pub(crate) fn finish(&mut self) -> Result<()> {
        Ok(self.0.send_data(Bytes::new(), true)?)
    }
}

/// The receiving half of a call.
pub(crate) struct Responses {
    state: State,
    received: Received,
}

enum State {
    Head(ResponseFuture),
    Body(RecvStream),
}

impl Responses {
    /// The next message; none once the server has ended the call well.
    pub(crate) async fn next<M: Message + Default>(&mut self) -> Result<Option<M>> {
        loop {
            if let Some(message) = self.received.next()? {
                return Ok(Some(message));
            }
            match &mut self.state {
                State::Head(response) => {
                    let response = response.await?;
                    ensure!(response.status() == 200, "HTTP {}", response.status());
                    // An error may come without a body.
                    check_status(response.headers())?;
                    self.state = State::Body(response.into_body());
                }
                State::Body(body) => match body.data().await {
                    Some(bytes) => {
                        let bytes = bytes?;
                        self.received.push(&bytes);
                        body.flow_control().release_capacity(bytes.len())?;
                    }
                    None => {
                        ensure!(self.received.is_empty(), "the call ended inside a message");
                        check_status(&body.trailers().await?.unwrap_or_default())?;
                        return Ok(None);
                    }
                },
            }
        }
    }
}

fn check_status(headers: &HeaderMap) -> Result<()> {
    match headers.get("grpc-status") {
        None => Ok(()),
        Some(status) if status == "0" => Ok(()),
        Some(status) => {
            let message = headers.get("grpc-message");
            let message = message.map_or("", |message| message.to_str().unwrap_or_default());
            bail!("the call failed: gRPC status {status:?}: {message}")
        }
    }
}
