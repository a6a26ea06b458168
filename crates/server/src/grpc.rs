//! The gRPC port: one thread accepts, every core serves its share of the connections.
//!
//! A connection stays on the core that it was given to, on that core's current-thread runtime, together with
//! the partitions that live there: nothing steals work.

mod accept;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use replication::Cores;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::Routes;
use tonic::transport::Server;

use crate::held::Held;
use crate::settings::Settings;

/// Connections that one core may have been given and not yet taken.
const HANDED_OVER_MAX: usize = 256;

/// A connection on its way from the thread that accepted it to its core.
struct Accepted {
    stream: std::net::TcpStream,
    permit: OwnedSemaphorePermit,
}

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
        let (mut tasks, mut queues) = (JoinSet::new(), Vec::new());
        for core in 0..cores.len() {
            let (queue, accepted) = mpsc::channel(HANDED_OVER_MAX);
            let server = grpc_api::tuned(Server::builder(), settings.streams_per_connection_max);
            let serve = serve(server, routes.clone(), accepted, stopped.clone());
            tasks.spawn_on(serve, cores.handle(core));
            queues.push(queue);
        }
        let most = usize::try_from(settings.connections_max).unwrap_or(Semaphore::MAX_PERMITS);
        let accepting = accept::accept(listener, queues, Arc::new(Semaphore::new(most)), stopped)?;
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
    mut server: Server,
    routes: Routes,
    accepted: mpsc::Receiver<Accepted>,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), tonic::transport::Error> {
    let connections = ReceiverStream::new(accepted).map(|accepted| {
        let stream = TcpStream::from_std(accepted.stream)?;
        Ok::<_, io::Error>(Held::new(stream, Some(accepted.permit)))
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
