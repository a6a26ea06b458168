//! The floor of catch-up fetch: the kernel sends a file, and nobody looks at it.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;

use anyhow::{Context, Result};

use crate::harness::announce;

/// Sends the file at `path` whole to every connection, one after the other.
pub(super) fn serve(listener: &TcpListener, path: &Path) -> Result<()> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let length = file.metadata()?.len();
    announce(listener.local_addr()?)?;
    for connection in listener.incoming() {
        let connection = connection?;
        let mut sent = 0;
        while sent < length {
            let rest = usize::try_from(length - sent)?;
            // It advances `sent` itself.
            rustix::fs::sendfile(&connection, &file, Some(&mut sent), rest)?;
        }
    }
    Ok(())
}
