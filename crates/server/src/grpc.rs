//! The gRPC port: one thread accepts, every core serves its share of the connections.
//!
//! A connection stays on the core that it was given to, on that core's current-thread runtime, together with
//! the partitions that live there: nothing steals work.
//!
//! ```text
//! accept ── a place and a window for the connection ──▶ one tonic server per core and width of window
//!   └─ admission: a place for each call ── arriving: room for each message ──▶ grpc-api
//! ```

mod accept;
mod admission;
mod arriving;
mod framing;
mod windows;

use std::io;
use std::net::TcpListener;

use replication::Cores;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::task::JoinSet;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::Routes;
use tonic::transport::Server;
use tower::layer::util::{Identity, Stack};

use self::accept::{Places, accept};
use self::admission::Admission;
use self::arriving::Room;
use self::windows::{WIDTHS, Window, Windows};
use crate::held::Held;
use crate::settings::Settings;

/// Connections that one core may have been given and not yet taken.
const HANDED_OVER_MAX: usize = 256;

/// A connection on its way from the thread that accepted it to its core.
struct Accepted {
    stream: std::net::TcpStream,
    place: Place,
}

/// What a connection holds until it is closed.
struct Place {
    _connection: OwnedSemaphorePermit,
    window: Window,
}

/// Where the connections of one core go, by the width of their windows.
type CoreQueues = Vec<mpsc::Sender<Accepted>>;

/// A running gRPC port. Dropping it closes every connection.
pub(crate) struct GrpcServer {
    stop: watch::Sender<bool>,
    /// One for each core, and the one that accepts.
    tasks: JoinSet<Result<(), tonic::transport::Error>>,
}

impl GrpcServer {
    /// Starts to accept on the caller's runtime, and to serve on the cores.
    ///
    /// # Errors
    /// The listener cannot be used by the runtime.
    pub(crate) fn start(
        listener: TcpListener,
        cores: &Cores,
        routes: &Routes,
        settings: &Settings,
    ) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        // Half for messages, half for what is sent ahead of them.
        let half = settings.request_bytes_max / 2;
        let admission = Admission::new(
            settings.calls_max,
            Room::new(half, settings.message_bytes_max),
        );
        let (mut tasks, mut queues) = (JoinSet::new(), Vec::new());
        for core in 0..cores.len() {
            let mut core_queues = CoreQueues::new();
            for width in WIDTHS {
                let (queue, accepted) = mpsc::channel(HANDED_OVER_MAX);
                let server =
                    grpc_api::tuned(Server::builder(), settings.streams_per_connection_max);
                let server = width.of(server).layer(admission.clone());
                let serve = serve(server, routes.clone(), accepted, stopped.clone());
                tasks.spawn_on(serve, cores.handle(core));
                core_queues.push(queue);
            }
            queues.push(core_queues);
        }
        let places = Places::new(settings.connections_max, Windows::new(half));
        let accepting = accept(listener, queues, places, stopped)?;
        tasks.spawn(async move {
            accepting.await;
            Ok(())
        });
        Ok(Self { stop, tasks })
    }

    /// Waits until something that serves has ended, which nothing may before it is told to. Returns why.
    pub(crate) async fn failed(&mut self) -> String {
        match self.tasks.join_next().await {
            Some(Ok(Err(error))) => error.to_string(),
            Some(Err(error)) => error.to_string(),
            Some(Ok(Ok(()))) | None => "it has ended without being told to".to_owned(),
        }
    }

    /// Accepts nothing more, and asks every client to finish and go.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until the last connection is closed.
    pub(crate) async fn closed(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a core has ended badly while stopping");
            }
        }
    }
}

async fn serve(
    mut server: Server<Stack<Admission, Identity>>,
    routes: Routes,
    accepted: mpsc::Receiver<Accepted>,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), tonic::transport::Error> {
    let connections = ReceiverStream::new(accepted).map(|accepted| {
        let stream = TcpStream::from_std(accepted.stream)?;
        Ok::<_, io::Error>(Held::new(stream, accepted.place))
    });
    let stop = async move {
        // An error means that the sender is gone: stop as well.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    server
        .add_routes(routes)
        .serve_with_incoming_shutdown(connections, stop)
        .await
}
