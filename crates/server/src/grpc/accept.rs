//! Accepts connections and hands them to the cores in turn, so that each has its share.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};

use super::Accepted;

/// How long to wait when the process or the machine has run out of files or memory: only others can help that.
const PAUSE: Duration = Duration::from_millis(50);

/// The loop that accepts. It ends, and closes the listener, once it is told to stop.
///
/// # Errors
/// The listener cannot be watched by the caller's runtime.
pub(super) fn accept(
    listener: std::net::TcpListener,
    queues: Vec<mpsc::Sender<Accepted>>,
    connections: Arc<Semaphore>,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<impl Future<Output = ()>> {
    let listener = TcpListener::from_std(listener)?;
    let accept_all = async move {
        for queue in queues.iter().cycle() {
            let accepted = next(&listener, &connections).await;
            // The core is gone only when the process ends, and then the connection may go too.
            let _ = queue.send(accepted).await;
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

async fn next(listener: &TcpListener, connections: &Arc<Semaphore>) -> Accepted {
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
        let Ok(permit) = connections.clone().try_acquire_owned() else {
            metrics::counter!("strandline_connections_refused_total").increment(1);
            tracing::debug!(%address, "refused: there are as many connections as connections_max allows");
            continue;
        };
        // It leaves this runtime for its core's. A socket that refuses is one that is gone.
        if let Ok(stream) = stream.set_nodelay(true).and_then(|()| stream.into_std()) {
            return Accepted { stream, permit };
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
