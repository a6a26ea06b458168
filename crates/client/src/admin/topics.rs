//! Creates, shows, changes and deletes topics.

use std::collections::BTreeMap;

use model::{BrokerId, Offset, PartitionIndex};
use rpc::v1;

use super::Admin;
use super::description::TopicDescription;
use crate::call_error::CallError;
use crate::calling::{Repeat, Topics};
use crate::refusal::Refusal;
use crate::wire;

/// A topic to create. Names and numbers are checked by the broker.
#[derive(Clone, Debug, Default)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; `None`: the broker's default.
    pub partitions: Option<i32>,
    /// Replicas of each; `None`: the broker's default.
    pub replication_factor: Option<i32>,
    /// Configs to set.
    pub configs: BTreeMap<String, String>,
    /// Only checks, creates nothing.
    pub validate_only: bool,
}

/// A topic that was created.
#[derive(Clone, Debug)]
pub struct CreatedTopic {
    /// The topic.
    pub topic: TopicDescription,
    /// What the user may not expect; empty: nothing.
    pub warning: String,
}

/// A change of configs: all of it or nothing.
#[derive(Clone, Debug, Default)]
pub struct TopicChange {
    /// Configs to set.
    pub set: BTreeMap<String, String>,
    /// Configs to return to their defaults.
    pub remove: Vec<String>,
}

/// Where a partition begins after deleting.
#[derive(Clone, Debug)]
pub struct LogStart {
    /// The partition.
    pub partition: PartitionIndex,
    /// The first offset there is now, or why nothing was deleted.
    pub outcome: Result<Offset, Refusal>,
}

/// A partition of which a loss is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedLoss {
    /// Which one.
    pub partition: PartitionIndex,
    /// The brokers whose replicas may start with what is left.
    pub brokers: Vec<BrokerId>,
    /// Who leads, where that is known: then what is lacking is given back by it.
    pub leader: Option<BrokerId>,
}

impl Admin {
    /// Creates a topic.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn create_topic(&self, topic: NewTopic) -> Result<CreatedTopic, CallError> {
        let request = v1::CreateTopicRequest {
            name: topic.name,
            partitions: topic.partitions,
            replication_factor: topic.replication_factor,
            configs: topic.configs.into_iter().collect(),
            validate_only: topic.validate_only,
        };
        let answer = self
            .client
            .call(Repeat::IfNotDone, request, Topics::create_topic)
            .await?;
        Ok(CreatedTopic {
            topic: self.topic(answer.topic)?,
            warning: answer.warning,
        })
    }

    /// One topic with its partitions and configs.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn get_topic(&self, name: &str) -> Result<TopicDescription, CallError> {
        let request = v1::GetTopicRequest {
            name: name.to_owned(),
        };
        let answer = self
            .client
            .call(Repeat::Always, request, Topics::get_topic)
            .await?;
        self.topic(answer.topic)
    }

    /// All topics whose names begin with `prefix`, sorted by name, without their configs.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn list_topics(&self, prefix: &str) -> Result<Vec<TopicDescription>, CallError> {
        let mut topics = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListTopicsRequest {
                page_size: 0,
                page_token: page_token.clone(),
                prefix: prefix.to_owned(),
            };
            let page = self
                .client
                .call(Repeat::Always, request, Topics::list_topics)
                .await?;
            for info in page.topics {
                topics.push(self.topic(Some(info))?);
            }
            if page.next_page_token.is_empty() {
                return Ok(topics);
            }
            if page.next_page_token == page_token {
                return Err(self
                    .client
                    .malformed("a page of topics is followed by itself"));
            }
            page_token = page.next_page_token;
        }
    }

    /// Sets configs and returns others to their defaults.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn update_topic(
        &self,
        name: &str,
        change: TopicChange,
    ) -> Result<TopicDescription, CallError> {
        let request = v1::UpdateTopicRequest {
            name: name.to_owned(),
            set: change.set.into_iter().collect(),
            remove: change.remove,
            validate_only: false,
        };
        let answer = self
            .client
            .call(Repeat::Always, request, Topics::update_topic)
            .await?;
        self.topic(answer.topic)
    }

    /// Deletes a topic with all its records; the id of the incarnation that is gone.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn delete_topic(&self, name: &str) -> Result<String, CallError> {
        let request = v1::DeleteTopicRequest {
            name: name.to_owned(),
        };
        let answer = self
            .client
            .call(Repeat::IfNotDone, request, Topics::delete_topic)
            .await?;
        Ok(answer.id)
    }

    /// Adds partitions, up to `total`.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn create_partitions(
        &self,
        name: &str,
        total: i32,
    ) -> Result<TopicDescription, CallError> {
        let name = name.to_owned();
        let request = v1::CreatePartitionsRequest { name, total };
        let answer = self
            .client
            .call(Repeat::IfNotDone, request, Topics::create_partitions)
            .await?;
        self.topic(answer.topic)
    }

    /// Deletes the records below an offset (`None`: all of them) from partitions of a topic.
    ///
    /// # Errors
    /// [`CallError`]; what failed for single partitions stands in the result.
    pub async fn delete_records(
        &self,
        topic: &str,
        partitions: impl IntoIterator<Item = (i32, Option<i64>)>,
    ) -> Result<Vec<LogStart>, CallError> {
        let partitions =
            partitions
                .into_iter()
                .map(|(partition, before_offset)| v1::DeleteRecordsPartition {
                    topic: topic.to_owned(),
                    partition,
                    before_offset,
                });
        let request = v1::DeleteRecordsRequest {
            partitions: partitions.collect(),
        };
        let answer = self
            .client
            .call(Repeat::Always, request, Topics::delete_records)
            .await?;
        self.log_starts(answer.results)
    }

    /// Applies a topic's retention now.
    ///
    /// # Errors
    /// [`CallError`]; what failed for single partitions stands in the result.
    pub async fn apply_retention(&self, name: &str) -> Result<Vec<LogStart>, CallError> {
        let request = v1::ApplyRetentionRequest {
            name: name.to_owned(),
        };
        let answer = self
            .client
            .call(Repeat::Always, request, Topics::apply_retention)
            .await?;
        self.log_starts(answer.results)
    }

    /// Lets the replicas in doubt of a partition (`None`: of all of the topic's) start with what is left after a power cut;
    /// with `validate_only` says what would be accepted.
    ///
    /// # Errors
    /// [`CallError`]: refused where nothing is in doubt.
    pub async fn accept_loss(
        &self,
        name: &str,
        partition: Option<i32>,
        validate_only: bool,
    ) -> Result<Vec<AcceptedLoss>, CallError> {
        let request = v1::AcceptLossRequest {
            name: name.to_owned(),
            partition,
            validate_only,
        };
        let answer = self
            .client
            .call(Repeat::IfNotDone, request, Topics::accept_loss)
            .await?;
        let read = |loss: v1::AcceptedLoss| {
            Ok(AcceptedLoss {
                partition: wire::partition(loss.partition)?,
                brokers: wire::brokers(loss.brokers)?,
                leader: loss.leader.map(wire::broker).transpose()?,
            })
        };
        let accepted: Result<_, wire::Problem> = answer.accepted.into_iter().map(read).collect();
        accepted.map_err(|problem| self.client.malformed(problem))
    }

    pub(super) fn topic(&self, info: Option<v1::TopicInfo>) -> Result<TopicDescription, CallError> {
        let info = info.ok_or_else(|| self.client.malformed("there is no topic in it"))?;
        TopicDescription::read(info).map_err(|problem| self.client.malformed(problem))
    }

    fn log_starts(&self, results: Vec<v1::LogStartResult>) -> Result<Vec<LogStart>, CallError> {
        let read = |result: v1::LogStartResult| {
            Ok(LogStart {
                partition: wire::partition(result.partition)?,
                outcome: match result.error {
                    Some(error) => Err(Refusal::from(error)),
                    None => Ok(wire::offset("log_start", result.log_start)?),
                },
            })
        };
        let starts: Result<_, wire::Problem> = results.into_iter().map(read).collect();
        starts.map_err(|problem| self.client.malformed(problem))
    }
}
