//! The floor of bulk produce: receive batches over TCP, check their CRC-32C, write them to a file.
//!
//! A connection carries batches as they are stored, one behind the other. When the sender closes its side, the
//! answer is the number of bytes written, 8 bytes little-endian. Every connection gets a new file, which grows.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use crc_fast::{CrcAlgorithm, checksum};
use model::batch::{BatchHeader, CRC_COVERS_FROM, HEADER_BYTES};

use crate::harness::announce;

/// As much as is received, checked and written at a time; it stays in the processor's cache.
const BUFFER_BYTES: usize = 256 << 10;
/// Buffers on their way between the two threads.
const BUFFERS: usize = 4;
/// Where the header's CRC field lies.
const CRC_FIELD: std::ops::Range<usize> = 17..21;

/// Serves one connection after the other.
pub(super) fn serve(
    listener: &TcpListener,
    data: &Path,
    receive: fn(TcpStream, File) -> Result<u64>,
) -> Result<()> {
    announce(listener.local_addr()?)?;
    let path = data.join(format!("received-{}", process::id()));
    for connection in listener.incoming() {
        let connection = connection?;
        let mut answer_to = connection.try_clone()?;
        let written = receive(connection, File::create(&path)?)?;
        answer_to.write_all(&written.to_le_bytes())?;
        fs::remove_file(&path)?;
    }
    Ok(())
}

/// One thread does everything.
pub(super) fn serially(mut from: TcpStream, to: File) -> Result<u64> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let (mut filled, mut written) = (0, 0);
    loop {
        let received = from.read(&mut buffer[filled..])?;
        if received == 0 {
            ensure!(filled == 0, "the connection ended inside a batch");
            return Ok(written);
        }
        filled += received;
        let whole = check(&buffer[..filled])?;
        to.write_all_at(&buffer[..whole], written)?;
        written += whole as u64;
        buffer.copy_within(whole..filled, 0);
        filled -= whole;
    }
}

/// One thread receives, another checks and writes.
pub(super) fn overlapped(from: TcpStream, to: File) -> Result<u64> {
    let (full, to_write) = sync_channel::<(Vec<u8>, usize)>(BUFFERS);
    let (empty, to_fill) = sync_channel(BUFFERS);
    for _ in 0..BUFFERS {
        empty.send(vec![0; BUFFER_BYTES])?;
    }
    thread::scope(|scope| {
        let writing = scope.spawn(move || {
            let mut written = 0;
            for (buffer, whole) in to_write {
                ensure!(check(&buffer[..whole])? == whole, "a batch was cut");
                to.write_all_at(&buffer[..whole], written)?;
                written += whole as u64;
                // Nobody fills buffers any more once everything is received.
                let _ = empty.send(buffer);
            }
            Ok(written)
        });
        receive_into(from, &to_fill, &full)?;
        drop(full);
        writing
            .join()
            .map_err(|_| anyhow!("the writing thread panicked"))?
    })
}

/// Receives into one empty buffer after the other; the start of an unfinished batch moves on to the next.
fn receive_into(
    mut from: TcpStream,
    empty: &Receiver<Vec<u8>>,
    full: &SyncSender<(Vec<u8>, usize)>,
) -> Result<()> {
    let mut buffer = empty.recv()?;
    let mut filled = 0;
    loop {
        let received = from.read(&mut buffer[filled..])?;
        if received == 0 {
            ensure!(filled == 0, "the connection ended inside a batch");
            return Ok(());
        }
        filled += received;
        let whole = whole_batches(&buffer[..filled])?;
        if whole > 0 {
            let mut next = empty.recv()?;
            next[..filled - whole].copy_from_slice(&buffer[whole..filled]);
            filled -= whole;
            full.send((std::mem::replace(&mut buffer, next), whole))?;
        }
    }
}

/// Checks the CRC of every whole batch, and returns their length together.
fn check(bytes: &[u8]) -> Result<usize> {
    let mut checked = 0;
    while let Some(batch) = first_batch(&bytes[checked..])? {
        let stored = &batch[CRC_FIELD];
        let computed = checksum(CrcAlgorithm::Crc32Iscsi, &batch[CRC_COVERS_FROM..]) as u32;
        ensure!(stored == computed.to_be_bytes(), "a batch has a wrong CRC");
        checked += batch.len();
    }
    Ok(checked)
}

/// The length of all whole batches together.
fn whole_batches(bytes: &[u8]) -> Result<usize> {
    let mut whole = 0;
    while let Some(batch) = first_batch(&bytes[whole..])? {
        whole += batch.len();
    }
    Ok(whole)
}

fn first_batch(bytes: &[u8]) -> Result<Option<&[u8]>> {
    if bytes.len() < HEADER_BYTES {
        return Ok(None);
    }
    let total = BatchHeader::parse(bytes)
        .context("reading a batch header")?
        .total_bytes();
    ensure!(total <= BUFFER_BYTES, "a batch of {total} bytes");
    Ok(bytes.get(..total))
}

#[cfg(test)]
mod tests {
    use std::net::Shutdown;

    use super::*;
    use crate::load::encoded_batch;

    fn send_and_read_back(receive: fn(TcpStream, File) -> Result<u64>, bytes: &[u8]) -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (receiver, _) = listener.accept().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("received");
        let file = File::create(&path).unwrap();
        let sent = thread::scope(|scope| {
            scope.spawn(|| {
                // The receiver may give up early.
                let _ = sender.write_all(bytes);
                sender.shutdown(Shutdown::Write)
            });
            receive(receiver, file)
        })?;
        assert_eq!(sent, bytes.len() as u64);
        assert_eq!(fs::read(&path).unwrap(), bytes);
        Ok(())
    }

    #[test]
    fn what_is_received_is_written_whole_and_in_order() {
        let bytes: Vec<u8> = [70_000, 1024, 200_000, 80, 999]
            .iter()
            .cycle()
            .take(50)
            .flat_map(|size| encoded_batch(*size, 1).unwrap())
            .collect();
        send_and_read_back(serially, &bytes).unwrap();
        send_and_read_back(overlapped, &bytes).unwrap();
    }

    #[test]
    fn a_flipped_bit_is_noticed() {
        let mut bytes = encoded_batch(5_000, 1).unwrap().to_vec();
        bytes[3_000] ^= 1;
        assert!(send_and_read_back(serially, &bytes).is_err());
        assert!(send_and_read_back(overlapped, &bytes).is_err());
    }
}
