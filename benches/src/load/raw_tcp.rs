//! The load for the floors that speak plain TCP.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Instant;

use anyhow::{Result, ensure};

use crate::harness::{Latencies, Pass};

/// As much as is handed to the kernel at a time, in bytes.
const WRITE_BYTES: usize = 1 << 20;

/// Sends `count` batches one behind the other, and waits until the receiver has written the last one.
pub(crate) fn send_batches(server: SocketAddr, batch: &[u8], count: u64) -> Result<Pass> {
    let at_a_time = (WRITE_BYTES / batch.len()).max(1) as u64;
    let several = batch.repeat(at_a_time as usize);
    let mut connection = TcpStream::connect(server)?;
    let start = Instant::now();
    let mut left = count;
    while left > 0 {
        let now = left.min(at_a_time);
        connection.write_all(&several[..now as usize * batch.len()])?;
        left -= now;
    }
    connection.shutdown(Shutdown::Write)?;
    let mut written = [0; 8];
    connection.read_exact(&mut written)?;
    let seconds = start.elapsed().as_secs_f64();
    let bytes = count * batch.len() as u64;
    ensure!(u64::from_le_bytes(written) == bytes, "bytes were lost");
    Ok(Pass {
        seconds,
        bytes,
        batches: count,
        ..Pass::default()
    })
}

/// Receives until the server closes.
pub(crate) fn receive_all(server: SocketAddr) -> Result<Pass> {
    let start = Instant::now();
    let mut connection = TcpStream::connect(server)?;
    let mut buffer = vec![0; WRITE_BYTES];
    let mut bytes = 0;
    loop {
        let received = connection.read(&mut buffer)?;
        if received == 0 {
            break;
        }
        bytes += received as u64;
    }
    Ok(Pass {
        seconds: start.elapsed().as_secs_f64(),
        bytes,
        ..Pass::default()
    })
}

/// Sends a message to an echo and waits for it, again and again.
pub(crate) fn raw_ping_pong(server: SocketAddr, message: &[u8], count: u64) -> Result<Pass> {
    let mut connection = TcpStream::connect(server)?;
    connection.set_nodelay(true)?;
    let mut echo = vec![0; message.len()];
    let mut latencies = Latencies::default();
    let start = Instant::now();
    for _ in 0..count {
        let sent_at = Instant::now();
        connection.write_all(message)?;
        connection.read_exact(&mut echo)?;
        latencies.record(sent_at.elapsed());
    }
    Ok(Pass {
        seconds: start.elapsed().as_secs_f64(),
        batches: count,
        latencies,
        ..Pass::default()
    })
}
