//! Reads partitions on and on, by offset, over one stream with byte credits.
//!
//! Reading twice does no harm, so a broken stream is opened again at the offsets reached, until nothing has come for
//! [`ConsumerSettings::retry_for`].

mod chunk;
mod error;
mod stream;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use model::Offset;
use rpc::v1;
use tokio::time::{Instant, sleep};

pub use chunk::Chunk;
pub use error::{ConsumeError, Damage, DamagedError};

use crate::call_error::CallError;
use crate::client::Client;
use crate::refusal::Refusal;
use crate::topic_partition::TopicPartition;
use stream::SubscribeStream;

const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// How a [`Consumer`] works.
#[derive(Clone, Debug)]
pub struct ConsumerSettings {
    /// How many bytes, counted as stored, the broker may send ahead. One batch may be larger.
    pub credit_bytes: u64,
    /// How long a broker that cannot be reached, or a partition without a leader, is tried again.
    pub retry_for: Duration,
}

impl Default for ConsumerSettings {
    fn default() -> Self {
        Self {
            credit_bytes: 16 << 20,
            retry_for: Duration::from_secs(30),
        }
    }
}

/// Reads partitions on and on. The order within a partition is kept.
#[derive(Debug)]
pub struct Consumer {
    client: Client,
    settings: ConsumerSettings,
    /// Where to read on, for each partition that is still read.
    positions: BTreeMap<TopicPartition, Offset>,
    stream: Option<SubscribeStream>,
    /// Received, and not handed out yet.
    ready: VecDeque<v1::FetchResult>,
    /// Since when nothing has come and why, as the last attempt has it.
    trouble: Option<(Instant, ConsumeError)>,
    backoff: Duration,
}

impl Consumer {
    /// Begins to read partitions, each from an offset. Nothing is sent yet.
    pub fn subscribe(
        client: &Client,
        starts: impl IntoIterator<Item = (TopicPartition, Offset)>,
        settings: ConsumerSettings,
    ) -> Self {
        Self {
            client: client.clone(),
            settings,
            positions: starts.into_iter().collect(),
            stream: None,
            ready: VecDeque::new(),
            trouble: None,
            backoff: BACKOFF_MIN,
        }
    }

    /// Reads a partition no further.
    pub fn unsubscribe(&mut self, partition: &TopicPartition) {
        if self.positions.remove(partition).is_some() {
            // The stream would go on sending it: the next one does without.
            self.stream = None;
            self.ready.retain(|result| !is_of(result, partition));
        }
    }

    /// The next records of some partition; `None` once no partition is read any more. May be dropped while it waits.
    ///
    /// # Errors
    /// [`ConsumeError`]. A partition that is refused for good is read no further; the others may be.
    pub async fn next(&mut self) -> Result<Option<Chunk>, ConsumeError> {
        while !self.positions.is_empty() {
            if let Some(result) = self.ready.pop_front() {
                match self.take(result) {
                    Ok(None) => {}
                    Ok(chunk) => return Ok(chunk),
                    Err(error) => self.retry_or_give_up(error).await?,
                }
            } else if let Err(error) = self.receive().await {
                self.retry_or_give_up(error.into()).await?;
            }
        }
        Ok(None)
    }

    /// Receives the next message, over a new stream if there is none.
    async fn receive(&mut self) -> Result<(), CallError> {
        let stream = self.stream.get_or_insert_with(|| {
            SubscribeStream::open(&self.client, &self.positions, self.settings.credit_bytes)
        });
        // All that came before is handed out and, being asked for more, dealt with.
        stream.grant_what_was_used();
        match stream.response().await {
            Some(Ok(response)) => {
                self.ready.extend(response.results);
                Ok(())
            }
            Some(Err(status)) => Err(self.client.call_error(&status)),
            None => Err(CallError::Disconnected {
                address: self.client.address().to_owned(),
                cause: "the broker ended the stream".to_owned(),
            }),
        }
    }

    /// What a result holds that is new.
    fn take(&mut self, result: v1::FetchResult) -> Result<Option<Chunk>, ConsumeError> {
        let partition = self
            .positions
            .keys()
            .find(|partition| is_of(&result, partition))
            .cloned();
        let Some(partition) = partition else {
            return Ok(None);
        };
        if let Some(error) = result.error {
            let refusal = Refusal::from(error);
            return Err(ConsumeError::Partition { partition, refusal });
        }
        let Some(position) = self.positions.get_mut(&partition) else {
            return Ok(None);
        };
        let chunk = Chunk::read(partition, *position, result)
            .map_err(|problem| self.client.malformed(problem))?;
        let is_new = chunk.next_offset > *position;
        *position = chunk.next_offset;
        self.trouble = None;
        self.backoff = BACKOFF_MIN;
        Ok(is_new.then_some(chunk))
    }

    /// Waits before the next attempt, where there is to be one.
    async fn retry_or_give_up(&mut self, error: ConsumeError) -> Result<(), ConsumeError> {
        if !error.is_passing() {
            if let ConsumeError::Partition { partition, .. } = &error {
                self.unsubscribe(&partition.clone());
            }
            return Err(error);
        }
        self.stream = None;
        self.ready.clear();
        let since = self
            .trouble
            .as_ref()
            .map_or_else(Instant::now, |(since, _)| *since);
        if since.elapsed() >= self.settings.retry_for {
            self.trouble = None;
            return Err(error);
        }
        self.trouble = Some((since, error));
        sleep(self.backoff).await;
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
        Ok(())
    }
}

fn is_of(result: &v1::FetchResult, partition: &TopicPartition) -> bool {
    result.topic == partition.topic.as_str()
        && i64::from(result.partition) == i64::from(partition.partition.get())
}
