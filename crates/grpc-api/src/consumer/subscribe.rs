//! One subscription: reads on and on, as far as the client's credit goes.
//!
//! At most two messages are made ahead of the one that is being sent; the broker's permit for a message's bytes is kept
//! until the next one is asked for.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use broker::{Broker, FetchPartition, FetchPermit, FetchRequest};
use futures_util::{Stream, StreamExt, stream};
use model::Offset;
use rpc::v1::subscribe_request::Request as Wish;
use rpc::{InvalidField, v1};
use tokio::sync::mpsc;
use tonic::Status;

use super::Asked;
use super::request::{BYTES_MAX_DEFAULT, bytes_max, partitions};
use super::respond::{Responder, Results};
use crate::broken_message::explained;
use crate::forward::{Forward, Hints};
use crate::meters::OpenStream;
use crate::stop::{StopSignal, shutting_down};

/// How much is read for one message, in stored bytes: large enough that messages cost nothing, small enough that
/// the first records do not wait for the last ones.
const READ_BYTES: u64 = 1 << 20;

/// What a subscription needs.
#[derive(Clone)]
pub(super) struct Subscription {
    /// Where other leaders may be asked.
    pub(super) forward: Option<Forward>,
    pub(super) hints: Hints,
    pub(super) broker: Arc<Broker>,
    pub(super) responder: Responder,
    pub(super) heartbeat_interval: Duration,
    pub(super) message_bytes_max: usize,
    pub(super) stop: StopSignal,
}

pub(super) type Message = Result<(v1::SubscribeResponse, Option<FetchPermit>), Status>;

/// What the client says.
pub(super) type Requests = Pin<Box<dyn Stream<Item = Result<v1::SubscribeRequest, Status>> + Send>>;

/// Why a subscription is over.
pub(super) enum End {
    /// Nothing is left to read, or nobody listens.
    Done,
    /// The client is told this.
    Failed(Status),
}

impl From<v1::Error> for End {
    fn from(error: v1::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<InvalidField> for End {
    fn from(error: InvalidField) -> Self {
        v1::Error::from(error).into()
    }
}

/// What is read, from where, with how much credit.
pub(super) struct Reading {
    pub(super) partitions: Vec<FetchPartition>,
    format: v1::RecordFormat,
    pub(super) credit: i64,
    /// Whether the client may still grant more.
    grants: bool,
}

impl Subscription {
    /// Starts the subscription; what is returned are its messages.
    pub(super) fn start(
        self,
        requests: Requests,
        open: OpenStream,
    ) -> impl Stream<Item = Result<v1::SubscribeResponse, Status>> + Send + use<> {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(self.run(requests, sender));
        stream::unfold((receiver, None, open), |(mut receiver, sent, open)| async {
            // What was returned before has been written to the connection's buffers by now.
            drop(sent);
            let message: Message = receiver.recv().await?;
            let (message, permit) = match message {
                Ok((message, permit)) => (Ok(message), permit),
                Err(status) => (Err(status), None),
            };
            Some((message, (receiver, permit, open)))
        })
    }

    pub(super) async fn run(mut self, requests: Requests, sender: mpsc::Sender<Message>) {
        let end = match self.read_on(requests, &sender).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        if let End::Failed(status) = end {
            // Where nobody listens, nobody minds.
            let _ = sender.send(Err(status)).await;
        }
    }

    async fn read_on(
        &mut self,
        mut requests: Requests,
        sender: &mpsc::Sender<Message>,
    ) -> Result<std::convert::Infallible, End> {
        let (mut reading, start) = self.begin(&mut requests).await?;
        if let Some(relay) = self.relay(start, &reading) {
            return relay.run(requests, sender).await;
        }
        loop {
            if reading.partitions.is_empty() || (reading.credit <= 0 && !reading.grants) {
                return Err(End::Done);
            }
            let message = if reading.credit > 0 {
                self.read(&mut reading, &mut requests, sender).await?
            } else {
                self.wait_for_credit(&mut reading, &mut requests, sender)
                    .await?
            };
            if let Some(message) = message {
                sender.send(Ok(message)).await.map_err(|_| End::Done)?;
            }
        }
    }

    async fn begin(
        &mut self,
        requests: &mut Requests,
    ) -> Result<(Reading, v1::SubscribeStart), End> {
        let first = tokio::select! {
            first = requests.next() => first.transpose().map_err(|status| End::Failed(explained(status)))?,
            () = self.stop.stopped() => return Err(shutting_down().into()),
        };
        let Some(Wish::Start(start)) = first.and_then(|first| first.request) else {
            let expected = "the first message of the stream, which says what to read";
            return Err(InvalidField::missing("start", expected).into());
        };
        let (partitions, _) = partitions(&start.partitions)?;
        // Checks that an answer of so many partitions fits.
        bytes_max(0, partitions.len(), self.message_bytes_max)?;
        v1::IsolationLevel::read("isolation", start.isolation)
            .map_err(|error| error.within("start"))?;
        let format = v1::RecordFormat::read("format", start.format);
        let reading = Reading {
            partitions,
            format: format.map_err(|error| error.within("start"))?,
            credit: grant(start.credit_bytes).map_err(|error| error.within("start"))?,
            grants: true,
        };
        Ok((reading, start))
    }

    /// Reads once; waits for records no longer than until the next heartbeat is due.
    async fn read(
        &mut self,
        reading: &mut Reading,
        requests: &mut Requests,
        sender: &mpsc::Sender<Message>,
    ) -> Result<Option<(v1::SubscribeResponse, Option<FetchPermit>)>, End> {
        let bytes_max = bytes_max(
            reading.read_bytes(),
            reading.partitions.len(),
            self.message_bytes_max,
        )?;
        let broker = Arc::clone(&self.broker);
        let fetch = broker.fetch(FetchRequest {
            partitions: reading.partitions.clone(),
            wait_max: self.heartbeat_interval,
            bytes_min: 1,
            bytes_max: Some(bytes_max),
        });
        let mut fetch = std::pin::pin!(fetch);
        let answer = loop {
            tokio::select! {
                biased;
                answer = &mut fetch => break answer,
                wish = requests.next(), if reading.grants => reading.hear(wish.transpose())?,
                () = sender.closed() => return Err(End::Done),
                () = self.stop.stopped() => return Err(shutting_down().into()),
            }
        };
        let asked = reading.asked();
        let plain_bytes = BYTES_MAX_DEFAULT.min(self.message_bytes_max as u64);
        let read = self
            .responder
            .respond(answer, &asked, reading.format, plain_bytes)
            .await?;
        let (mut message, permit) = reading.advance(read);
        for result in &mut message.results {
            let error = result.error.take();
            result.error = error.map(|error| self.hints.complete(error));
        }
        Ok(Some((message, permit)))
    }

    /// Waits for credit; a heartbeat where there is none for too long.
    async fn wait_for_credit(
        &mut self,
        reading: &mut Reading,
        requests: &mut Requests,
        sender: &mpsc::Sender<Message>,
    ) -> Result<Option<(v1::SubscribeResponse, Option<FetchPermit>)>, End> {
        tokio::select! {
            biased;
            wish = requests.next() => {
                reading.hear(wish.transpose())?;
                Ok(None)
            }
            () = tokio::time::sleep(self.heartbeat_interval) => {
                Ok(Some((v1::SubscribeResponse::default(), None)))
            }
            () = sender.closed() => Err(End::Done),
            () = self.stop.stopped() => Err(shutting_down().into()),
        }
    }
}

impl Reading {
    fn read_bytes(&self) -> u64 {
        u64::try_from(self.credit).unwrap_or(1).clamp(1, READ_BYTES)
    }

    fn asked(&self) -> Vec<Asked> {
        let asked = |wanted: &FetchPartition| Asked {
            topic: wanted.topic.clone(),
            partition: wanted.partition,
            offset: wanted.offset,
        };
        self.partitions.iter().map(asked).collect()
    }

    /// Takes in what the client says while records are read.
    fn hear(&mut self, wish: Result<Option<v1::SubscribeRequest>, Status>) -> Result<(), End> {
        match wish.map_err(|status| End::Failed(explained(status)))? {
            None => self.grants = false,
            Some(v1::SubscribeRequest {
                request: Some(Wish::CreditBytes(bytes)),
            }) => self.credit = self.credit.saturating_add(grant(bytes)?),
            Some(_) => {
                let expected = "more credit; what to read is said once, in the first message";
                return Err(InvalidField::missing("credit_bytes", expected).into());
            }
        }
        Ok(())
    }

    /// Goes on behind what was read. Partitions that gave something go to the back, so that none is starved; those
    /// with an error are read no further.
    fn advance(&mut self, read: Results) -> (v1::SubscribeResponse, Option<FetchPermit>) {
        let used_bytes = i64::try_from(read.used_bytes).unwrap_or(i64::MAX);
        self.credit = self.credit.saturating_sub(used_bytes);
        let mut told = Vec::new();
        let (mut waiting, mut served) = (Vec::new(), Vec::new());
        for (mut wanted, result) in self.partitions.drain(..).zip(read.results) {
            let has_records = !result.records.is_empty() || !result.batches.is_empty();
            if result.error.is_none() {
                wanted.offset = Offset::new(u64::try_from(result.next_offset).unwrap_or_default());
                if has_records {
                    &mut served
                } else {
                    &mut waiting
                }
                .push(wanted);
            }
            if has_records || result.error.is_some() {
                told.push(result);
            }
        }
        waiting.append(&mut served);
        self.partitions = waiting;
        let message = v1::SubscribeResponse {
            results: told,
            used_bytes,
        };
        (message, Some(read.permit))
    }
}

pub(super) fn grant(bytes: i64) -> Result<i64, InvalidField> {
    if bytes >= 1 {
        Ok(bytes)
    } else {
        Err(InvalidField::new("credit_bytes", bytes, "1 byte or more"))
    }
}
