//! HTTP/2 on the peer port: one thread's task accepts, every core serves its share of the streams.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderValue, Request, Response, header};
use tonic::server::NamedService;
use tonic::transport::Server;
use tower::Service;

use super::gate::{Door, Gate, Gated};
use super::inbound;
use crate::peer::PeerLimits;
use crate::peer::dial::PATH;
use crate::peer::network::Shared;
use crate::peer::replies::Replies;
use crate::peer::stream::{Gather, Incoming, ReplyBody};

/// Connections that one core may have been given and not yet taken.
const HANDED_OVER_MAX: usize = 64;
/// A request stream may send so far ahead of being read; a connection has one stream.
const STREAM_WINDOW_BYTES: u32 = 8 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;
/// A batch of up to 1 MiB comes in one frame of HTTP/2.
const FRAME_BYTES_MAX: u32 = 1 << 20;
const HEADER_BYTES_MAX: u32 = 16 << 10;
/// How long to wait when the process has run out of files or memory.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves the port on the cores; the tasks end once the network stops.
pub(in crate::peer) fn serve(
    shared: &Arc<Shared>,
    listener: TcpListener,
    cores: &[Handle],
) -> Vec<JoinHandle<()>> {
    let (mut tasks, mut queues) = (Vec::new(), Vec::new());
    for core in cores {
        let (queue, accepted) = mpsc::channel(HANDED_OVER_MAX);
        let serving = serve_core(shared.clone(), accepted, shared.stop.subscribe());
        tasks.push(core.spawn(serving));
        queues.push(queue);
    }
    let door = Door::new(shared.settings.limits.connect_timeout);
    let accepting = accept(listener, queues, door, shared.stop.subscribe());
    tasks.extend(cores.first().map(|core| core.spawn(accepting)));
    tasks
}

async fn serve_core(
    shared: Arc<Shared>,
    accepted: mpsc::Receiver<Arrived>,
    mut stopped: watch::Receiver<bool>,
) {
    let limits = &shared.settings.limits;
    let mut server = tuned(Server::builder(), limits);
    let service = PeerService(shared.clone());
    let stop = async move {
        // An error means that the sender is gone: stop as well.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let serving = server
        .add_service(service)
        .serve_with_incoming_shutdown(Accepted(accepted), stop);
    if let Err(error) = serving.await {
        tracing::error!(%error, "a core serves other brokers no more");
    }
}

fn tuned(server: Server, limits: &PeerLimits) -> Server {
    server
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES_MAX)
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .max_concurrent_streams(1)
        .http2_keepalive_interval(Some(limits.keepalive_interval))
        .http2_keepalive_timeout(Some(limits.keepalive_timeout))
        .tcp_nodelay(true)
}

async fn accept(
    listener: TcpListener,
    queues: Vec<mpsc::Sender<Arrived>>,
    door: Door,
    mut stopped: watch::Receiver<bool>,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the peer port cannot be watched"),
    };
    let accepting = async {
        for queue in queues.iter().cycle() {
            let arrived = next(&listener, &door).await;
            // The core is gone only when the process ends.
            let _ = queue.send(arrived).await;
        }
    };
    tokio::select! {
        () = accepting => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
}

async fn next(listener: &tokio::net::TcpListener, door: &Door) -> Arrived {
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection of another broker");
                sleep(PAUSE).await;
                continue;
            }
        };
        let Some(gate) = door.enter() else {
            tracing::debug!(%from, "closed at once: too many connections have not said which broker they are of");
            continue;
        };
        // It leaves this runtime for its core's. A socket that refuses is one that is gone.
        if let Ok(stream) = stream.set_nodelay(true).and_then(|()| stream.into_std()) {
            return (stream, gate);
        }
    }
}

/// A connection, and its gate.
type Arrived = (std::net::TcpStream, Arc<Gate>);

/// The connections that a core is given.
struct Accepted(mpsc::Receiver<Arrived>);

impl Stream for Accepted {
    type Item = io::Result<Gated>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Gated>>> {
        let arrived = self.0.poll_recv(context);
        arrived.map(|arrived| {
            let gated = |(stream, gate)| Ok(Gated::new(TcpStream::from_std(stream)?, gate));
            arrived.map(gated)
        })
    }
}

/// `strandline.internal.v1.Peer`.
#[derive(Clone)]
struct PeerService(Arc<Shared>);

impl NamedService for PeerService {
    const NAME: &'static str = "strandline.internal.v1.Peer";
}

impl Service<Request<Body>> for PeerService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.uri().path() != PATH {
            let status = Status::unimplemented("brokers call nothing but Connect on this port");
            return ready(Ok(status.into_http()));
        }
        let gate = request.extensions().get::<Arc<Gate>>().cloned();
        let limits = &self.0.settings.limits;
        // What a peer may have open by its own limit, twice: it may have given up what is still open here.
        let replies = Replies::new(2 * limits.queue_bytes_max, limits.frame_bytes_max);
        let incoming = Incoming::new(request.into_body(), limits.frame_bytes_max);
        let body = ReplyBody {
            pieces: VecDeque::new(),
            replies: replies.clone(),
            gather: Gather::new(limits.heartbeat_gather),
            is_over: false,
        };
        tokio::spawn(inbound::run(self.0.clone(), incoming, replies, gate));
        let mut response = Response::new(Body::new(body));
        let content_type = HeaderValue::from_static("application/grpc");
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type);
        ready(Ok(response))
    }
}
