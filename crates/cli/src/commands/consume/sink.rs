//! Writes to stdout on a thread of its own, so that a reader who is slow holds up nothing but itself.

use std::io::{self, Write};
use std::thread::JoinHandle;

use tokio::sync::mpsc;

/// Pieces written ahead.
const PIECES_AHEAD: usize = 4;

/// Stdout, written to by a thread. Everything is flushed at once.
#[derive(Debug)]
pub(super) struct Sink {
    pieces: mpsc::Sender<Vec<u8>>,
    writer: JoinHandle<io::Result<()>>,
}

impl Sink {
    pub(super) fn open() -> Self {
        let (pieces, queue) = mpsc::channel(PIECES_AHEAD);
        let writer = std::thread::spawn(move || write_all(queue));
        Self { pieces, writer }
    }

    /// Hands bytes on; `false` where nobody reads any more, or they cannot be written.
    pub(super) async fn write(&self, piece: Vec<u8>) -> bool {
        self.pieces.send(piece).await.is_ok()
    }

    /// Waits until all is written. A reader that has gone away is no error.
    pub(super) async fn close(self) -> io::Result<()> {
        drop(self.pieces);
        let joined = tokio::task::spawn_blocking(|| self.writer.join()).await;
        match joined {
            Ok(Ok(Err(error))) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(io::Error::other("the thread that writes has ended")),
        }
    }
}

fn write_all(mut queue: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    while let Some(piece) = queue.blocking_recv() {
        stdout.write_all(&piece)?;
        // What has come with it is on its way too: one flush for all.
        if queue.is_empty() {
            stdout.flush()?;
        }
    }
    stdout.flush()
}
