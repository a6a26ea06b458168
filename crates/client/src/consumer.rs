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
    knows_brokers: bool,
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
            knows_brokers: false,
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
                self.hear(response);
                if !std::mem::replace(&mut self.knows_brokers, true) {
                    // Where the others are is needed once this broker is gone.
                    let client = self.client.clone();
                    tokio::spawn(async move { client.learn_brokers().await });
                }
                Ok(())
            }
            Some(Err(status)) => Err(self.client.call_error(&status)),
            None => {
                let address = self.client.address();
                self.client.turn_away_from(&address);
                let cause = "the broker ended the stream".to_owned();
                Err(CallError::Disconnected { address, cause })
            }
        }
    }

    /// Takes in a message. One without any error, be it a heartbeat of a quiet topic, ends the trouble.
    fn hear(&mut self, response: v1::SubscribeResponse) {
        if response.results.iter().all(|result| result.error.is_none()) {
            self.trouble = None;
            self.backoff = BACKOFF_MIN;
        }
        self.ready.extend(response.results);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> ConsumeError {
        let address = "127.0.0.1:1".to_owned();
        let cause = "connection reset".to_owned();
        CallError::Disconnected { address, cause }.into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_topic_s_second_broken_stream_long_after_the_first_is_tried_again_too() {
        let client = Client::connect("127.0.0.1:1").unwrap();
        let mut consumer = Consumer::subscribe(&client, [], ConsumerSettings::default());
        consumer.retry_or_give_up(lost()).await.unwrap();
        consumer.hear(v1::SubscribeResponse::default());
        tokio::time::sleep(Duration::from_secs(3600)).await;
        consumer.retry_or_give_up(lost()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_partition_that_is_refused_each_time_is_not_tried_for_ever() {
        let client = Client::connect("127.0.0.1:1").unwrap();
        let settings = ConsumerSettings::default();
        let (retry_for, started) = (settings.retry_for, Instant::now());
        let mut consumer = Consumer::subscribe(&client, [], settings);
        while consumer.retry_or_give_up(lost()).await.is_ok() {
            let refused = v1::FetchResult {
                error: Some(v1::Error::default()),
                ..v1::FetchResult::default()
            };
            consumer.hear(v1::SubscribeResponse {
                results: vec![refused],
                used_bytes: 0,
            });
        }
        assert!(started.elapsed() >= retry_for);
    }
}
