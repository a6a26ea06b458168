//! Producers that send at a fixed rate whatever the server does. A batch's latency counts from when it was *due*, so
//! that a server which stalls cannot hide the batches that it kept from being sent (coordinated omission).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::future::{try_join, try_join_all};
use parking_lot::Mutex;
use rpc::v1::ProduceStreamResponse;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::block_on;
use super::closed_loop::check;
use crate::harness::{Latencies, Pass};
use crate::wire::{Connection, Requests, Responses};

/// What one connection's streams do together.
pub(crate) struct OpenLoop {
    /// One stream per element, which sends this message in its turn, framed already.
    pub(crate) streams: Vec<Bytes>,
    /// Batches per second over all streams.
    pub(crate) rate: f64,
    /// Batches sent before any counts.
    pub(crate) warm_up: u64,
    /// Batches that count.
    pub(crate) measured: u64,
    /// The size of a batch in bytes.
    pub(crate) batch_bytes: usize,
}

/// What is on its way on one stream.
struct Stream<'a> {
    message: &'a Bytes,
    /// When each batch in flight was due, and whether it counts.
    due: Mutex<VecDeque<(Instant, bool)>>,
}

impl OpenLoop {
    /// Sends to `server` and waits for the last answer.
    pub(crate) fn run(&self, server: SocketAddr) -> Result<Pass> {
        let (now_due, due) = unbounded_channel();
        thread::scope(|scope| {
            // A runtime's timers are exact to a millisecond only.
            scope.spawn(|| self.keep_time(now_due));
            block_on(self.drive(server, due))
        })
    }

    /// Says when a batch is due, until all are or nobody listens any more.
    fn keep_time(&self, now_due: UnboundedSender<(u64, Instant)>) {
        let start = Instant::now();
        for number in 0..self.warm_up + self.measured {
            let due = start + Duration::from_secs_f64(number as f64 / self.rate);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if now_due.send((number, due)).is_err() {
                return;
            }
        }
    }

    async fn drive(
        &self,
        server: SocketAddr,
        due: UnboundedReceiver<(u64, Instant)>,
    ) -> Result<Pass> {
        let connection = Connection::open(server).await?;
        let streams: Vec<_> = self
            .streams
            .iter()
            .map(|message| Stream {
                message,
                due: Mutex::default(),
            })
            .collect();
        let (mut requests, mut readers) = (Vec::new(), Vec::new());
        for stream in &streams {
            let (sending, responses) = connection
                .call("strandline.v1.Producer/ProduceStream")
                .await?;
            requests.push(sending);
            readers.push(read(stream, responses));
        }
        let (sent_for, read) =
            try_join(self.send(due, requests, &streams), try_join_all(readers)).await?;
        let mut latencies = Latencies::default();
        read.into_iter().for_each(|its| latencies.merge(its));
        Ok(Pass {
            seconds: sent_for.as_secs_f64(),
            bytes: self.measured * self.batch_bytes as u64,
            batches: self.measured,
            latencies,
            ..Pass::default()
        })
    }

    /// Sends what is due, in turn on each stream. Returns how long it took to send what counts.
    async fn send(
        &self,
        mut due: UnboundedReceiver<(u64, Instant)>,
        mut requests: Vec<Requests>,
        streams: &[Stream<'_>],
    ) -> Result<Duration> {
        let mut first = None;
        while let Some((number, when)) = due.recv().await {
            let turn = number as usize % streams.len().max(1);
            let counts = number >= self.warm_up;
            if counts && first.is_none() {
                first = Some(when);
            }
            let stream = &streams[turn];
            stream.due.lock().push_back((when, counts));
            requests[turn].send(stream.message.clone())?;
        }
        for mut stream in requests {
            stream.finish()?;
        }
        Ok(first.map_or(Duration::ZERO, |first| first.elapsed()))
    }
}

/// Takes a stream's answers until it ends.
async fn read(stream: &Stream<'_>, mut responses: Responses) -> Result<Latencies> {
    let mut latencies = Latencies::default();
    while let Some(response) = responses.next::<ProduceStreamResponse>().await? {
        check(&response)?;
        let now = Instant::now();
        for _ in &response.results {
            let due = stream.due.lock().pop_front();
            let (due, counts) = due.context("more answers than batches")?;
            if counts {
                latencies.record(now - due);
            }
        }
    }
    Ok(latencies)
}
