//! A running broker.

use std::collections::{BTreeMap, BTreeSet};

use model::{Offset, PartitionIndex, ProducerId, TopicId, TopicName};

use crate::{
    BrokerSettings, ChangeError, ClusterDescription, CreateTopic, CreatedTopic, DeleteRecordsError,
    FetchAnswer, FetchPermit, FetchRequest, FoundOffset, InitProducerError, ListOffsetsError,
    OffsetQuery, PartitionError, ProduceResults, ProduceSession, Readiness, TopicDescription,
    TopicListing, TopicsAndGaps,
};

/// A running broker. Shared as an `Arc`.
#[derive(Debug)]
pub struct Broker {
    settings: BrokerSettings,
}

impl Broker {
    /// The settings it was started with.
    pub fn settings(&self) -> &BrokerSettings {
        &self.settings
    }

    /// Stops taking work, waits (bounded) for what is in flight, stops the background loops and the groups.
    pub async fn shutdown(&self) {}

    /// Whether every local partition serves all that it should.
    pub fn readiness(&self) -> Readiness {
        Readiness::default()
    }

    /// A new session, for one stream or one unary call.
    pub fn produce_session(&self) -> (ProduceSession, ProduceResults) {
        (ProduceSession {}, ProduceResults {})
    }

    /// Reads records by offset; waits for them where there are not enough yet.
    pub async fn fetch(&self, request: FetchRequest) -> FetchAnswer {
        let shutting_down = |_| Err(PartitionError::ShuttingDown.into());
        FetchAnswer {
            partitions: request.partitions.iter().map(shutting_down).collect(),
            permit: FetchPermit::default(),
        }
    }

    /// Finds offsets: one answer for each query, in the same order. `Ok(None)` where no record is that late.
    pub async fn list_offsets(
        &self,
        queries: Vec<OffsetQuery>,
    ) -> Vec<Result<Option<FoundOffset>, ListOffsetsError>> {
        let shutting_down = |_| Err(PartitionError::ShuttingDown.into());
        queries.iter().map(shutting_down).collect()
    }

    /// Issues a producer id, nobody else's. Its epoch is 0.
    ///
    /// # Errors
    /// [`InitProducerError`], where a new block of ids was needed and not to be had.
    pub async fn init_producer(&self) -> Result<ProducerId, InitProducerError> {
        Err(ChangeError::ShuttingDown.into())
    }

    /// Creates a topic, and waits until its local partitions are open.
    ///
    /// # Errors
    /// [`ChangeError::Refused`] where it breaks a rule.
    pub async fn create_topic(&self, wanted: CreateTopic) -> Result<CreatedTopic, ChangeError> {
        let _ = wanted;
        Err(ChangeError::ShuttingDown)
    }

    /// One topic with its configs.
    ///
    /// # Errors
    /// [`metadata::Refusal::UnknownTopic`].
    pub fn topic(&self, name: &TopicName) -> Result<TopicDescription, ChangeError> {
        let _ = name;
        Err(ChangeError::ShuttingDown)
    }

    /// At most `limit` topics (at least one) whose names begin with `prefix`, from the first after `after`.
    pub fn topics(&self, after: Option<&TopicName>, prefix: &str, limit: usize) -> TopicListing {
        let _ = (after, prefix, limit);
        TopicListing::default()
    }

    /// The topics of these names; `None`: all of them.
    pub fn describe_topics(&self, names: Option<&[TopicName]>) -> TopicsAndGaps {
        let _ = names;
        TopicsAndGaps::default()
    }

    /// Sets configs and returns others to their defaults, all or none; in force when this returns.
    ///
    /// # Errors
    /// [`ChangeError::Refused`] where there is no such topic, or a config breaks a rule.
    pub async fn update_topic(
        &self,
        name: &TopicName,
        set: BTreeMap<String, String>,
        remove: BTreeSet<String>,
        validate_only: bool,
    ) -> Result<TopicDescription, ChangeError> {
        let _ = (name, set, remove, validate_only);
        Err(ChangeError::ShuttingDown)
    }

    /// Deletes a topic with all its records; returns the id of the incarnation that is gone.
    ///
    /// # Errors
    /// [`ChangeError::Refused`] where there is no such topic.
    pub async fn delete_topic(&self, name: &TopicName) -> Result<TopicId, ChangeError> {
        let _ = name;
        Err(ChangeError::ShuttingDown)
    }

    /// Adds partitions until there are `total`.
    ///
    /// # Errors
    /// [`ChangeError::Refused`] where there are that many, or too many.
    pub async fn create_partitions(
        &self,
        name: &TopicName,
        total: u32,
    ) -> Result<TopicDescription, ChangeError> {
        let _ = (name, total);
        Err(ChangeError::ShuttingDown)
    }

    /// Deletes the records below `before`, or all committed ones; returns the new log start.
    ///
    /// # Errors
    /// [`DeleteRecordsError`].
    pub async fn delete_records(
        &self,
        topic: &TopicName,
        partition: PartitionIndex,
        before: Option<Offset>,
    ) -> Result<Offset, DeleteRecordsError> {
        let _ = (topic, partition, before);
        Err(PartitionError::ShuttingDown.into())
    }

    /// Applies `retention.ms` and `retention.bytes` to a topic's partitions now; returns each one's log start.
    ///
    /// # Errors
    /// [`ChangeError::Refused`] where there is no such topic.
    pub async fn apply_retention(
        &self,
        topic: &TopicName,
    ) -> Result<Vec<(PartitionIndex, Result<Offset, DeleteRecordsError>)>, ChangeError> {
        let _ = topic;
        Err(ChangeError::ShuttingDown)
    }

    /// The cluster as this broker knows it.
    pub fn describe_cluster(&self) -> ClusterDescription {
        ClusterDescription {
            cluster: None,
            broker: self.settings.identity.broker,
            brokers: Vec::new(),
            topics: 0,
            partitions: 0,
        }
    }
}
