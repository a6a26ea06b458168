//! Writes lines as records: cuts the input, fills batches, sends them, gathers the results.

use std::io;
use std::num::NonZeroU32;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use client::{OutgoingBatch, Producer};
use indicatif::ProgressBar;
use model::batch::Codec;
use model::{Offset, PartitionIndex, Timestamp, TopicName};
use tokio::select;
use tokio::time::{Instant, sleep_until};

use super::batches::OpenBatches;
use super::input::Input;
use super::lines::{LineSplitter, LineTooLong};
use super::placement::Placement;
use super::record::{LineRecord, RecordShape};
use super::tally::Tally;
use crate::failure::{Exit, Failure};
use crate::session::Session;

/// What bounds a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchLimits {
    /// The topic's `max.message.bytes`.
    pub(super) topic: u64,
    /// What the broker's message limit leaves for a batch.
    pub(super) message: u64,
}

/// Writes lines as records.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    pub(super) session: &'a Session,
    pub(super) topic: TopicName,
    pub(super) producer: &'a Producer,
    pub(super) placement: Placement,
    pub(super) shape: RecordShape,
    pub(super) codec: Codec,
    pub(super) limits: BatchLimits,
    pub(super) linger: Duration,
    pub(super) batches: OpenBatches,
    pub(super) tally: Tally,
    /// The number of the line that comes next.
    pub(super) line: u64,
    /// The offset that the next batch must get.
    pub(super) expected: Option<Offset>,
    pub(super) is_interrupted: bool,
}

/// How long what is under way is waited for after an interrupt.
const LAST_WAIT: Duration = Duration::from_secs(2);

impl Writer<'_> {
    /// Writes all that comes, until the end, the first failure or an interrupt; then waits for what is under way.
    pub(super) async fn write(
        &mut self,
        mut input: Input,
        mut splitter: LineSplitter,
        progress: &ProgressBar,
    ) -> Result<(), Failure> {
        let mut interrupt = pin!(tokio::signal::ctrl_c());
        let mut flush_at = Instant::now();
        while !self.tally.has_failed() {
            select! {
                biased;
                _ = &mut interrupt => {
                    self.is_interrupted = true;
                    self.give_up(Failure::new(Exit::Failed, "INTERRUPTED", "interrupted before the end of the input"));
                }
                settled = self.tally.settle_next(), if self.tally.waits() => settled?,
                chunk = input.next() => match chunk {
                    Some(Ok(chunk)) => {
                        progress.inc(chunk.len() as u64);
                        if self.batches.is_empty() {
                            flush_at = Instant::now() + self.linger;
                        }
                        self.take(chunk, &mut splitter).await?;
                    }
                    Some(Err(error)) => {
                        let message = format!("cannot read the input: {error}");
                        self.give_up(Failure::new(Exit::Failed, "INPUT", message));
                    }
                    None => {
                        if let Some(line) = splitter.finish() {
                            self.take_line(line).await?;
                        }
                        break;
                    }
                },
                () = sleep_until(flush_at), if !self.batches.is_empty() => self.flush().await?,
            }
        }
        if !self.tally.has_failed() {
            self.flush().await?;
        }
        if let Some(line) = self
            .batches
            .first_line()
            .filter(|_| self.tally.has_failed())
        {
            self.tally.leave_out(line);
        }
        self.settle_all(interrupt).await
    }

    /// Waits for what is under way; after an interrupt, not for long.
    async fn settle_all(
        &mut self,
        mut interrupt: Pin<&mut impl Future<Output = io::Result<()>>>,
    ) -> Result<(), Failure> {
        let mut give_up_at = self.is_interrupted.then(|| Instant::now() + LAST_WAIT);
        while self.tally.waits() {
            let patience = sleep_until(give_up_at.unwrap_or_else(|| Instant::now() + LAST_WAIT));
            select! {
                biased;
                settled = self.tally.settle_next() => settled?,
                _ = &mut interrupt, if !self.is_interrupted => {
                    self.is_interrupted = true;
                    give_up_at = Some(Instant::now() + LAST_WAIT);
                    self.give_up(Failure::new(Exit::Failed, "INTERRUPTED", "interrupted before every record was acknowledged"));
                }
                () = patience, if give_up_at.is_some() => {
                    self.tally.abandon();
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Takes the whole lines of what has come. What came before a line that is too long is sent all the same.
    async fn take(&mut self, mut chunk: Bytes, splitter: &mut LineSplitter) -> Result<(), Failure> {
        while !self.tally.has_failed() {
            match splitter.next(&mut chunk) {
                Ok(Some(line)) => self.take_line(line).await?,
                Ok(None) => return Ok(()),
                Err(too_long) => {
                    self.flush().await?;
                    self.give_up(line_failure(self.line, &too_long));
                }
            }
        }
        Ok(())
    }

    async fn take_line(&mut self, line: Bytes) -> Result<(), Failure> {
        let record = self.shape.take_apart(line);
        let key = record.key.as_deref();
        // Once a batch is sent, records without a key go on to another partition.
        while let Some(partition) = self.placement.of(key)
            && self
                .batches
                .is_too_full_for(partition, self.shape.bytes_max(&record))
        {
            self.send(partition).await?;
        }
        if self.tally.has_failed() {
            return Ok(());
        }
        let Some(partition) = self.placement.of(key) else {
            return self.send_first(record).await;
        };
        self.batches
            .push(partition, self.line, &record, &self.shape);
        self.line += 1;
        if self.batches.is_full(partition) {
            self.send(partition).await?;
        }
        if self.batches.are_too_many() {
            self.flush().await?;
        }
        Ok(())
    }

    /// Sends all open batches.
    async fn flush(&mut self) -> Result<(), Failure> {
        while let Some(partition) = self.batches.earliest()
            && !self.tally.has_failed()
        {
            self.send(partition).await?;
        }
        Ok(())
    }

    /// Sends the open batch of a partition.
    async fn send(&mut self, partition: PartitionIndex) -> Result<(), Failure> {
        let Some(open) = self.batches.take(partition) else {
            return Ok(());
        };
        self.placement.batch_ended(partition);
        let (first_line, records) = (open.first_line, open.builder.len() as u64);
        let batch = match open.builder.build() {
            Ok(batch) => batch,
            Err(error) => {
                let failure = Failure::new(Exit::OverLimit, "BATCH_TOO_LARGE", error.to_string());
                self.tally.miss(first_line, failure);
                return Ok(());
            }
        };
        if let Some(failure) = self.limits.check(batch.total_bytes() as u64, first_line) {
            self.tally.miss(first_line, failure);
            return Ok(());
        }
        let mut outgoing = OutgoingBatch::encoded(self.topic.clone(), partition, &batch);
        if let Some(expected) = self.expected {
            outgoing = outgoing.at_offset(expected);
            self.expected = Some(Offset::new(expected.get() + records));
        }
        self.hand_on(outgoing, first_line, records).await
    }

    /// Sends one record to a topic of which nothing is known, learns from that how many partitions there are.
    async fn send_first(&mut self, record: LineRecord) -> Result<(), Failure> {
        let line = self.line;
        self.line += 1;
        let record = self.shape.record(
            record,
            Timestamp::from_system_time(std::time::SystemTime::now()),
        );
        let outgoing = OutgoingBatch::unplaced(self.topic.clone(), record, self.codec);
        self.hand_on(outgoing, line, 1).await?;
        while self.tally.waits() {
            self.tally.settle_next().await?;
        }
        if self.tally.has_failed() {
            return Ok(());
        }
        let topic = self.session.admin().find_topic(self.topic.as_str()).await?;
        let partitions = topic.map_or(0, |topic| topic.partitions.len());
        if let Some(partitions) = u32::try_from(partitions).ok().and_then(NonZeroU32::new) {
            self.placement = Placement::spread(partitions, 0);
        }
        Ok(())
    }

    async fn hand_on(
        &mut self,
        batch: OutgoingBatch,
        first_line: u64,
        records: u64,
    ) -> Result<(), Failure> {
        let delivery = self
            .producer
            .send(batch)
            .await
            .map_err(|error| Failure::new(Exit::Failed, "ABANDONED", error.to_string()))?;
        self.tally.expect(first_line, records, delivery);
        Ok(())
    }

    /// Takes no more lines.
    fn give_up(&mut self, failure: Failure) {
        self.tally.miss(self.line, failure);
    }
}

impl BatchLimits {
    /// Why a batch of this size may not be sent.
    fn check(&self, bytes: u64, line: u64) -> Option<Failure> {
        if bytes > self.topic {
            let limit = self.topic;
            let message = format!(
                "the batch from line {line} on has {bytes} bytes, the topic allows {limit} (max.message.bytes); \
                 send shorter lines or raise the limit with `strand topic alter`"
            );
            return Some(
                Failure::new(Exit::OverLimit, "BATCH_TOO_LARGE", message).with("limit", limit),
            );
        }
        (bytes > self.message).then(|| {
            let limit = self.message;
            let message = format!(
                "the batch from line {line} on has {bytes} bytes, the broker's messages can hold {limit}; \
                 send shorter lines or start the broker with a larger message limit"
            );
            Failure::new(Exit::OverLimit, "MESSAGE_TOO_LARGE", message).with("limit", limit)
        })
    }
}

fn line_failure(line: u64, too_long: &LineTooLong) -> Failure {
    let message =
        format!("line {line}: {too_long}; split it, or send it by a client that needs no lines");
    Failure::new(Exit::OverLimit, "MESSAGE_TOO_LARGE", message)
        .with("line", line)
        .with("limit", too_long.limit)
}
