//! Reads a file or stdin on a thread of its own, as it comes.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Read};
use std::path::Path;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::failure::{Exit, Failure};

const CHUNK_BYTES: usize = 256 << 10;
/// Chunks read ahead.
const CHUNKS_AHEAD: usize = 2;

/// Bytes as they come.
#[derive(Debug)]
pub(super) struct Input {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    /// How many bytes will come, where that is known.
    pub(super) length: Option<u64>,
    /// Whether a person types them.
    pub(super) is_typed: bool,
}

impl Input {
    /// Begins to read `file`, or stdin.
    pub(super) fn open(file: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = file else {
            let stdin = io::stdin();
            let is_typed = stdin.is_terminal();
            return Ok(Self::read(stdin, None, is_typed));
        };
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = opened.map_err(|error| {
            let (exit, reason) = match error.kind() {
                ErrorKind::NotFound => (Exit::NotFound, "FILE_NOT_FOUND"),
                _ => (Exit::Failed, "INPUT"),
            };
            Failure::new(
                exit,
                reason,
                format!("cannot read {}: {error}", path.display()),
            )
        })?;
        let length = metadata.is_file().then_some(metadata.len());
        Ok(Self::read(file, length, false))
    }

    fn read(source: impl Read + Send + 'static, length: Option<u64>, is_typed: bool) -> Self {
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        // Not one of the runtime's threads: it may wait for a person for ever.
        std::thread::spawn(move || read_all(source, &sender));
        Self {
            chunks,
            length,
            is_typed,
        }
    }

    /// The next bytes; `None` at the end. May be dropped while it waits.
    pub(super) async fn next(&mut self) -> Option<io::Result<Bytes>> {
        self.chunks.recv().await
    }
}

fn read_all(mut source: impl Read, chunks: &mpsc::Sender<io::Result<Bytes>>) {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let chunk = match source.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => Ok(Bytes::copy_from_slice(
                buffer.get(..length).unwrap_or_default(),
            )),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = chunk.is_err();
        if chunks.blocking_send(chunk).is_err() || failed {
            return;
        }
    }
}
