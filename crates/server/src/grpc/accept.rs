//! Accepts connections and hands them to the cores in turn, so that each has its share.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::windows::Windows;
use super::{Accepted, CoreQueues, Place};

/// How long to wait when the process or the machine has run out of files or memory: only others can help that.
const PAUSE: Duration = Duration::from_millis(50);

/// The places that connections may have.
pub(super) struct Places {
    connections: Arc<Semaphore>,
    windows: Windows,
}

impl Places {
    pub(super) fn new(connections_max: u64, windows: Windows) -> Self {
        let most = usize::try_from(connections_max).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            connections: Arc::new(Semaphore::new(most)),
            windows,
        }
    }

    /// A place; `None` where every one is taken.
    fn take(&self) -> Option<Place> {
        let connection = self.connections.clone().try_acquire_owned().ok()?;
        Some(Place {
            _connection: connection,
            window: self.windows.take(),
        })
    }
}

/// The loop that accepts. It ends, and closes the listener, once it is told to stop.
///
/// # Errors
/// The listener cannot be watched by the caller's runtime.
pub(super) fn accept(
    listener: std::net::TcpListener,
    queues: Vec<CoreQueues>,
    places: Places,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<impl Future<Output = ()>> {
    let listener = TcpListener::from_std(listener)?;
    let accept_all = async move {
        for core in queues.iter().cycle() {
            let accepted = next(&listener, &places).await;
            if let Some(queue) = core.get(accepted.place.window.width) {
                // The core is gone only when the process ends, and then the connection may go too.
                let _ = queue.send(accepted).await;
            }
        }
    };
    Ok(async move {
        tokio::select! {
            () = accept_all => {}
            // An error means that the sender is gone: stop as well.
            _ = stopped.wait_for(|stop| *stop) => {}
        }
    })
}

async fn next(listener: &TcpListener, places: &Places) -> Accepted {
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                tracing::error!(%error, "cannot accept connections");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Some(place) = places.take() else {
            metrics::counter!("strandline_connections_refused_total").increment(1);
            tracing::debug!(%address, "refused: there are as many connections as connections_max allows");
            continue;
        };
        // It leaves this runtime for its core's. A socket that refuses is one that is gone.
        if let Ok(stream) = stream.set_nodelay(true).and_then(|()| stream.into_std()) {
            return Accepted { stream, place };
        }
    }
}

/// The client has gone before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
