//! Producers that keep a fixed number of batches in flight each: as much as the server takes.

use std::collections::VecDeque;
use std::iter::Cycle;
use std::net::SocketAddr;
use std::slice;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use futures_util::future::try_join_all;
use rpc::v1::ProduceStreamResponse;

use super::block_on;
use crate::harness::{Latencies, Pass};
use crate::wire::{Connection, Requests};

/// What one connection's streams do.
pub(crate) struct ClosedLoop {
    /// One stream per element, which sends these messages in turn, again and again, framed already.
    pub(crate) streams: Vec<Vec<Bytes>>,
    /// Batches in flight on each stream.
    pub(crate) in_flight: usize,
    /// When to stop.
    pub(crate) until: Until,
    /// The size of a batch in bytes.
    pub(crate) batch_bytes: usize,
}

/// When a closed loop stops.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// Each stream has sent this many batches. All of them count.
    Batches(u64),
    /// The time is over. Answers that come within `measured` behind `warm_up` count.
    Time {
        warm_up: Duration,
        measured: Duration,
    },
}

impl ClosedLoop {
    /// Sends to `server` and waits for the last answer.
    pub(crate) fn run(&self, server: SocketAddr) -> Result<Pass> {
        block_on(self.drive(server))
    }

    async fn drive(&self, server: SocketAddr) -> Result<Pass> {
        let connection = Connection::open(server).await?;
        let start = Instant::now();
        let streams = self
            .streams
            .iter()
            .map(|messages| self.stream(&connection, messages, start));
        let (mut batches, mut latencies) = (0, Latencies::default());
        for (count, its) in try_join_all(streams).await? {
            batches += count;
            latencies.merge(its);
        }
        let seconds = match self.until {
            Until::Batches(_) => start.elapsed(),
            Until::Time { measured, .. } => measured,
        };
        Ok(Pass {
            seconds: seconds.as_secs_f64(),
            bytes: batches * self.batch_bytes as u64,
            batches,
            latencies,
            ..Pass::default()
        })
    }

    /// One stream: how many batches counted, and how long they took.
    async fn stream(
        &self,
        connection: &Connection,
        messages: &[Bytes],
        start: Instant,
    ) -> Result<(u64, Latencies)> {
        let (requests, mut responses) = connection
            .call("strandline.v1.Producer/ProduceStream")
            .await?;
        let mut sending = Sending {
            requests,
            messages: messages.iter().cycle(),
            until: self.until,
            start,
            sent: 0,
            in_flight: VecDeque::new(),
        };
        for _ in 0..self.in_flight {
            sending.send_one()?;
        }
        let (mut count, mut latencies) = (0, Latencies::default());
        while !sending.in_flight.is_empty() {
            let response: ProduceStreamResponse = responses
                .next()
                .await?
                .context("the stream ended before the last answer")?;
            check(&response)?;
            let now = Instant::now();
            for _ in &response.results {
                let sent_at = sending
                    .in_flight
                    .pop_front()
                    .context("more answers than batches")?;
                if sending.counts(now) {
                    count += 1;
                    latencies.record(now - sent_at);
                }
                sending.send_one()?;
            }
        }
        sending.requests.finish()?;
        ensure!(
            responses.next::<ProduceStreamResponse>().await?.is_none(),
            "more answers than batches"
        );
        Ok((count, latencies))
    }
}

/// Refuses answers that carry an error.
pub(super) fn check(response: &ProduceStreamResponse) -> Result<()> {
    for result in &response.results {
        if let Some(error) = &result.error {
            bail!("a batch was refused: {} ({})", error.message, error.reason);
        }
    }
    Ok(())
}

struct Sending<'a> {
    requests: Requests,
    messages: Cycle<slice::Iter<'a, Bytes>>,
    until: Until,
    start: Instant,
    sent: u64,
    in_flight: VecDeque<Instant>,
}

impl Sending<'_> {
    /// Sends one more batch, unless it is enough.
    fn send_one(&mut self) -> Result<()> {
        let now = Instant::now();
        let enough = match self.until {
            Until::Batches(batches) => self.sent >= batches,
            Until::Time { warm_up, measured } => now >= self.start + warm_up + measured,
        };
        if let Some(message) = self.messages.next().filter(|_| !enough) {
            self.requests.send(message.clone())?;
            self.sent += 1;
            self.in_flight.push_back(now);
        }
        Ok(())
    }

    /// Whether an answer that came `now` counts.
    fn counts(&self, now: Instant) -> bool {
        match self.until {
            Until::Batches(_) => true,
            Until::Time { warm_up, measured } => {
                let from = self.start + warm_up;
                (from..from + measured).contains(&now)
            }
        }
    }
}
