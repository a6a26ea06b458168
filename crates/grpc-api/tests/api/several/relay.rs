//! The way to one broker's API, which can break.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes connections on.
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    to: SocketAddr,
    /// What clients have sent.
    bytes: AtomicU64,
    broken: watch::Sender<bool>,
}

impl Relay {
    /// One before a listener.
    pub(super) async fn before(to: SocketAddr) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            to,
            bytes: AtomicU64::new(0),
            broken: watch::Sender::new(false),
        });
        let accepting = relay.clone();
        tokio::spawn(async move {
            let mut broken = accepting.broken.subscribe();
            let accept = async {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(accepting.clone().pass_on(client));
                }
            };
            tokio::select! {
                () = accept => {}
                _ = broken.wait_for(|broken| *broken) => {}
            }
        });
        relay
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// Every connection breaks, and no other is made.
    pub(super) async fn break_off(&self) {
        self.broken.send_replace(true);
        while TcpStream::connect(self.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }

    async fn pass_on(self: Arc<Self>, client: TcpStream) {
        let Ok(server) = TcpStream::connect(self.to).await else {
            return;
        };
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let asking = async {
            let mut bytes = vec![0; 1 << 16];
            while let Ok(read @ 1..) = from_client.read(&mut bytes).await {
                if to_server.write_all(&bytes[..read]).await.is_err() {
                    return;
                }
                self.bytes.fetch_add(read as u64, Ordering::AcqRel);
            }
        };
        let mut broken = self.broken.subscribe();
        tokio::select! {
            () = asking => {}
            _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
            _ = broken.wait_for(|broken| *broken) => {}
        }
    }
}
