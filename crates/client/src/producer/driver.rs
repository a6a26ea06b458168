//! The task behind a producer: sends what is queued, gives results out, opens the stream again when it breaks.

use std::collections::VecDeque;
use std::time::Duration;

use model::Acks;
use tokio::select;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::ProducerSettings;
use super::error::ProduceError;
use super::in_flight::InFlight;
use super::ledger::Ledger;
use super::stream::ProduceStream;
use crate::call_error::CallError;
use crate::client::Client;

const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

pub(super) struct Driver {
    client: Client,
    settings: ProducerSettings,
    queue: mpsc::UnboundedReceiver<InFlight>,
    /// To be sent before what is queued, in this order.
    again: VecDeque<InFlight>,
    backoff: Duration,
}

/// How a stream ended.
enum End {
    /// All was sent and answered.
    Finished,
    /// It broke.
    Broken(CallError),
}

impl Driver {
    pub(super) fn new(
        client: Client,
        settings: ProducerSettings,
        queue: mpsc::UnboundedReceiver<InFlight>,
    ) -> Self {
        Self {
            client,
            settings,
            queue,
            again: VecDeque::new(),
            backoff: BACKOFF_MIN,
        }
    }

    /// Runs until the producer is closed and every batch has its result.
    pub(super) async fn run(mut self) -> Result<(), ProduceError> {
        let mut lost = None;
        while let Some(first) = self.next().await {
            let mut stream = ProduceStream::open(&self.client);
            let mut ledger = Ledger::default();
            self.send(first, &stream, &mut ledger);
            let cause = match self.converse(&mut stream, &mut ledger).await {
                End::Finished => break,
                End::Broken(cause) => cause,
            };
            let sent = stream.abandon();
            if self.settings.acks == Acks::None && sent > 0 {
                lost = Some(ProduceError::unknown(cause.to_string()));
            }
            self.send_again_first(ledger.abandon(sent, &cause));
            self.wait().await;
        }
        lost.map_or(Ok(()), Err)
    }

    /// Talks over one stream until it ends.
    async fn converse(&mut self, stream: &mut ProduceStream, ledger: &mut Ledger) -> End {
        let alarm = sleep_until(ledger.next_deadline().unwrap_or_else(|| self.patience()));
        tokio::pin!(alarm);
        let (mut queue_ended, mut finished) = (false, false);
        loop {
            if ledger.is_drained() && ledger.must_pause() {
                self.wait().await;
                self.send_again_first(ledger.take_refused());
            }
            if queue_ended && !finished && ledger.is_drained() {
                stream.finish();
                finished = true;
                alarm.as_mut().reset(self.patience());
            }
            select! {
                biased;
                response = stream.response() => match response {
                    Some(Ok(response)) => {
                        self.backoff = BACKOFF_MIN;
                        for result in response.results {
                            if let Err(problem) = ledger.settle(result) {
                                return End::Broken(self.client.malformed(problem));
                            }
                        }
                    }
                    Some(Err(status)) => return End::Broken(self.client.call_error(&status)),
                    None if finished => return End::Finished,
                    None => return End::Broken(self.ended_by_broker()),
                },
                next = self.next(), if !queue_ended && !ledger.must_pause() => match next {
                    Some(in_flight) => self.send(in_flight, stream, ledger),
                    None => queue_ended = true,
                },
                () = &mut alarm => {
                    if finished {
                        return End::Broken(self.ended_by_broker());
                    }
                    ledger.expire(Instant::now());
                    alarm.as_mut().reset(ledger.next_deadline().unwrap_or_else(|| self.patience()));
                }
            }
            if queue_ended && ledger.must_pause() {
                // What was refused goes out once more, behind the queue's end.
                queue_ended = false;
            }
        }
    }

    /// The next batch to send whose time has not come; `None` when there will be none. May be dropped while it waits.
    async fn next(&mut self) -> Option<InFlight> {
        loop {
            let in_flight = match self.again.pop_front() {
                Some(in_flight) => in_flight,
                None => self.queue.recv().await?,
            };
            // A batch has at least one attempt.
            if in_flight.setback.is_none() || in_flight.deadline > Instant::now() {
                return Some(in_flight);
            }
            in_flight.give_up();
        }
    }

    fn send(&self, in_flight: InFlight, stream: &ProduceStream, ledger: &mut Ledger) {
        if let Some(waiting) = stream.send(in_flight, self.settings.acks) {
            ledger.push(waiting);
        }
    }

    /// Puts batches before all others that wait, in this order.
    fn send_again_first(&mut self, batches: Vec<InFlight>) {
        for in_flight in batches.into_iter().rev() {
            self.again.push_front(in_flight);
        }
    }

    /// Waits a little longer each time, until a response shows that the broker is back.
    async fn wait(&mut self) {
        sleep(self.backoff).await;
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
    }

    fn patience(&self) -> Instant {
        Instant::now() + self.settings.delivery_timeout
    }

    fn ended_by_broker(&self) -> CallError {
        CallError::Disconnected {
            address: self.client.address(),
            cause: "the broker ended the stream".to_owned(),
        }
    }
}
