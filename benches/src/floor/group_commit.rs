//! The floor of durable produce: callers hand records to one flusher, which writes and syncs whatever has come
//! together while the last sync ran. The file was zero-filled and synced before, so that a sync writes no metadata.

use std::fs::{File, OpenOptions};
use std::io::IoSlice;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use parking_lot::{Condvar, Mutex};

use crate::harness::{Latencies, Pass};

/// The file; writing goes round in it.
const FILE_BYTES: u64 = 64 << 20;

/// Commits `record` again and again from `callers` threads, for `warm_up` and then for `measured`.
pub(crate) fn group_commit(
    directory: &Path,
    record: &[u8],
    callers: usize,
    warm_up: Duration,
    measured: Duration,
) -> Result<Pass> {
    let path = directory.join("group-commit");
    if !path.exists() {
        zero_fill(&path)?;
    }
    let file = OpenOptions::new().write(true).open(&path)?;
    let queue = Queue::default();
    let from = Instant::now() + warm_up;
    let until = from + measured;
    let mut latencies = Latencies::default();
    let mut batches = 0;
    thread::scope(|scope| {
        let flusher = scope.spawn(|| queue.flush(&file));
        let callers: Vec<_> = (0..callers)
            .map(|_| scope.spawn(|| call(&queue, record, from, until)))
            .collect();
        for caller in callers {
            let (count, its) = caller.join().map_err(|_| anyhow!("a caller panicked"))?;
            batches += count;
            latencies.merge(its);
        }
        queue.stop();
        flusher
            .join()
            .map_err(|_| anyhow!("the flusher panicked"))?
    })?;
    Ok(Pass {
        seconds: measured.as_secs_f64(),
        bytes: batches * record.len() as u64,
        batches,
        latencies,
        ..Pass::default()
    })
}

/// One caller: one record in flight, until the time is over.
fn call<'a>(
    queue: &Queue<'a>,
    record: &'a [u8],
    from: Instant,
    until: Instant,
) -> (u64, Latencies) {
    let (mut count, mut latencies) = (0, Latencies::default());
    loop {
        let start = Instant::now();
        if start >= until || !queue.commit(record) {
            return (count, latencies);
        }
        let end = Instant::now();
        if (from..until).contains(&end) {
            count += 1;
            latencies.record(end - start);
        }
    }
}

#[derive(Default)]
struct Queue<'a> {
    state: Mutex<State<'a>>,
    work: Condvar,
}

#[derive(Default)]
struct State<'a> {
    waiting: Vec<Waiting<'a>>,
    stopped: bool,
}

struct Waiting<'a> {
    record: &'a [u8],
    caller: Thread,
    durable: std::sync::Arc<AtomicBool>,
}

impl<'a> Queue<'a> {
    /// Whether the record is durable now; false where the flusher has ended.
    fn commit(&self, record: &'a [u8]) -> bool {
        let durable = std::sync::Arc::new(AtomicBool::new(false));
        {
            let mut state = self.state.lock();
            if state.stopped {
                return false;
            }
            state.waiting.push(Waiting {
                record,
                caller: thread::current(),
                durable: durable.clone(),
            });
        }
        self.work.notify_one();
        while !durable.load(Ordering::Acquire) {
            thread::park();
        }
        true
    }

    /// The flusher's work, until it is stopped.
    fn flush(&self, file: &File) -> Result<()> {
        let mut position = 0;
        let mut round = Vec::new();
        loop {
            {
                let mut state = self.state.lock();
                while state.waiting.is_empty() {
                    if state.stopped {
                        return Ok(());
                    }
                    self.work.wait(&mut state);
                }
                std::mem::swap(&mut state.waiting, &mut round);
            }
            let parts: Vec<_> = round
                .iter()
                .map(|waiting| IoSlice::new(waiting.record))
                .collect();
            let bytes: u64 = parts.iter().map(|part| part.len() as u64).sum();
            if position + bytes > FILE_BYTES {
                position = 0;
            }
            let written = rustix::io::pwritev(file, &parts, position)? as u64;
            ensure!(written == bytes, "wrote {written} of {bytes} bytes");
            rustix::fs::fdatasync(file)?;
            position += bytes;
            for waiting in round.drain(..) {
                waiting.durable.store(true, Ordering::Release);
                waiting.caller.unpark();
            }
        }
    }

    fn stop(&self) {
        self.state.lock().stopped = true;
        self.work.notify_one();
    }
}

fn zero_fill(path: &Path) -> Result<()> {
    use std::io::Write;
    let mut file = File::create(path).context("creating the floor's file")?;
    let zeros = vec![0; 1 << 20];
    for _ in 0..FILE_BYTES / zeros.len() as u64 {
        file.write_all(&zeros)?;
    }
    Ok(file.sync_all()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_caller_gets_its_records_durable() {
        let directory = tempfile::tempdir().unwrap();
        let time = Duration::from_millis(50);
        let pass = group_commit(directory.path(), &[7; 1024], 4, time, time * 4).unwrap();
        assert!(pass.batches > 0 && pass.p99() > 0.0, "{}", pass.summary());
    }
}
