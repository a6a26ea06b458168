//! Connections that have not said who they are: few at a time, and not for long.
//!
//! Whoever reaches the port can open connections and say nothing, or speak HTTP/2 and never send a Hello. Such a
//! connection has its place among [`UNPROVEN_MAX`] until a broker has introduced itself on it and was let in, and is
//! closed where that takes too long. A connection carries one stream: once that has ended, it is closed too.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until};
use tonic::transport::server::Connected;

/// Most connections on which nobody has introduced itself: more than the brokers of a large cluster that all look for
/// each other make at a time.
const UNPROVEN_MAX: usize = 256;
/// How long the last words of a stream may take to leave.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Lets connections in.
#[derive(Clone)]
pub(super) struct Door {
    places: Arc<Semaphore>,
    patience: Duration,
}

impl Door {
    /// A connection may go without a Hello for twice as long as a broker waits for one.
    pub(super) fn new(connect_timeout: Duration) -> Self {
        Self {
            places: Arc::new(Semaphore::new(UNPROVEN_MAX)),
            patience: connect_timeout * 2,
        }
    }

    /// The gate of a new connection; `None` where too many others have not said who they are.
    pub(super) fn enter(&self) -> Option<Arc<Gate>> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        Some(Arc::new(Gate {
            place: Mutex::new(Some(place)),
            ends: watch::Sender::new(Some(Instant::now() + self.patience)),
        }))
    }
}

/// Says how long a connection may live.
pub(in crate::peer) struct Gate {
    /// Among those who have not said who they are.
    place: Mutex<Option<OwnedSemaphorePermit>>,
    /// `None`: as long as both sides like.
    ends: watch::Sender<Option<Instant>>,
}

impl Gate {
    /// A broker has introduced itself and was let in.
    pub(super) fn open(&self) {
        drop(self.place.lock().take());
        self.ends.send_replace(None);
    }

    /// Its stream has ended.
    pub(super) fn close(&self) {
        self.ends.send_replace(Some(Instant::now() + LAST_WORDS));
    }
}

/// A connection behind its gate.
pub(super) struct Gated {
    stream: TcpStream,
    gate: Arc<Gate>,
    ending: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Gated {
    pub(super) fn new(stream: TcpStream, gate: Arc<Gate>) -> Self {
        let ending = Box::pin(ended(gate.ends.subscribe()));
        Self {
            stream,
            gate,
            ending,
        }
    }
}

/// Resolves once the time of a connection is over.
async fn ended(mut ends: watch::Receiver<Option<Instant>>) {
    loop {
        let until = *ends.borrow_and_update();
        let over = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            // The sender lives as long as the connection.
            changed = ends.changed() => if changed.is_err() { return },
            () = over => return,
        }
    }
}

impl Connected for Gated {
    type ConnectInfo = Arc<Gate>;

    fn connect_info(&self) -> Arc<Gate> {
        self.gate.clone()
    }
}

impl AsyncRead for Gated {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_pending() && self.ending.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Gated {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
