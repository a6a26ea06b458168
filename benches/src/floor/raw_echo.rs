//! The floor of latency: a TCP echo.

use std::io::{Read, Write};
use std::net::TcpListener;

use anyhow::Result;

use crate::harness::announce;

/// Serves one connection after the other.
pub(super) fn serve(listener: &TcpListener) -> Result<()> {
    announce(listener.local_addr()?)?;
    let mut buffer = vec![0; 64 << 10];
    for connection in listener.incoming() {
        let mut connection = connection?;
        connection.set_nodelay(true)?;
        loop {
            let received = connection.read(&mut buffer)?;
            if received == 0 {
                break;
            }
            connection.write_all(&buffer[..received])?;
        }
    }
    Ok(())
}
