//! The HTTP port: `/metrics`, `/metrics/partitions`, `/healthz`, `/readyz`. It changes nothing.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::health::Health;
use crate::held::Held;
use crate::metrics::{self, Metrics};

/// Connections at a time; more wait. Whoever asks for health or metrics needs one.
const CONNECTIONS_MAX: usize = 64;

/// What the handlers ask.
#[derive(Clone)]
pub(crate) struct Shown {
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Metrics,
    /// The data directory.
    pub(crate) data: Arc<Path>,
}

/// Serves until it is dropped.
///
/// # Errors
/// The listener cannot be used by the runtime.
pub(crate) async fn serve(listener: std::net::TcpListener, shown: Shown) -> io::Result<()> {
    let listener = Limited {
        listener: TcpListener::from_std(listener)?,
        connections: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
    };
    axum::serve(listener, router(shown)).await
}

fn router(shown: Shown) -> Router {
    Router::new()
        .route("/metrics", get(whole))
        .route("/metrics/partitions", get(partitions))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .fallback(not_found)
        .with_state(shown)
}

async fn whole(State(shown): State<Shown>) -> Response {
    text(move || {
        let (broker, network) = (shown.health.broker(), shown.health.network());
        shown.metrics.render(&metrics::Shown {
            broker: broker.as_deref(),
            peers: network.map_or_else(Vec::new, |network| network.stats()),
            is_ready: shown.health.report().ready,
            data: &shown.data,
        })
    })
    .await
}

async fn partitions(State(shown): State<Shown>) -> Response {
    text(move || {
        let broker = shown.health.broker();
        broker.map_or_else(String::new, |broker| metrics::render_partitions(&broker))
    })
    .await
}

/// With thousands of partitions this takes milliseconds, which no partition should wait for.
async fn text(render: impl FnOnce() -> String + Send + 'static) -> Response {
    let format = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    match tokio::task::spawn_blocking(render).await {
        Ok(text) => (format, text).into_response(),
        // The process is stopping, or a bug was logged.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn ready(State(shown): State<Shown>) -> Response {
    let report = shown.health.report();
    let status = match report.ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    // A report of texts and numbers can always be written.
    let json = serde_json::to_string(&report).unwrap_or_default() + "\n";
    (status, [(CONTENT_TYPE, "application/json")], json).into_response()
}

async fn not_found(uri: Uri) -> Response {
    let text = format!(
        "{} is not here; /metrics, /metrics/partitions, /healthz and /readyz are\n",
        uri.path()
    );
    (StatusCode::NOT_FOUND, text).into_response()
}

/// Accepts no more connections than there are permits.
struct Limited {
    listener: TcpListener,
    connections: Arc<Semaphore>,
}

impl Listener for Limited {
    type Io = Held<TcpStream, Option<OwnedSemaphorePermit>>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        // The semaphore is never closed.
        let permit = self.connections.clone().acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        (Held::new(stream, permit), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
