//! The service Topic.

pub(crate) mod describe;
mod forwarded;
pub(crate) mod page;
pub(crate) mod requests;

use std::sync::Arc;

use broker::Broker;
use rpc::v1;
use rpc::v1::topic_server::Topic;
use tonic::{Request, Response, Status};

use crate::deadline::Deadline;
use crate::failure;
use crate::forward::{Forward, Hints};
use crate::meters::Meter;

/// Creates, shows, changes and deletes topics.
pub(crate) struct TopicService {
    broker: Arc<Broker>,
    forward: Forward,
    hints: Hints,
    meters: Meters,
}

struct Meters {
    create: Meter,
    get: Meter,
    list: Meter,
    update: Meter,
    delete: Meter,
    create_partitions: Meter,
    delete_records: Meter,
    apply_retention: Meter,
    accept_loss: Meter,
}

impl TopicService {
    pub(crate) fn new(broker: Arc<Broker>, forward: Forward) -> Self {
        Self {
            hints: Hints::new(Arc::clone(&broker)),
            broker,
            forward,
            meters: Meters {
                create: Meter::of("CreateTopic"),
                get: Meter::of("GetTopic"),
                list: Meter::of("ListTopics"),
                update: Meter::of("UpdateTopic"),
                delete: Meter::of("DeleteTopic"),
                create_partitions: Meter::of("CreatePartitions"),
                delete_records: Meter::of("DeleteRecords"),
                apply_retention: Meter::of("ApplyRetention"),
                accept_loss: Meter::of("AcceptLoss"),
            },
        }
    }

    async fn create(
        &self,
        request: v1::CreateTopicRequest,
    ) -> Result<v1::CreateTopicResponse, v1::Error> {
        let wanted = requests::create(request)?;
        let created = self.broker.create_topic(wanted).await;
        let created = created.map_err(|error| failure::change(&error))?;
        Ok(v1::CreateTopicResponse {
            topic: Some(describe::topic(created.topic)),
            warning: created
                .warning
                .map(|warning| warning.to_string())
                .unwrap_or_default(),
        })
    }

    fn get(&self, request: &v1::GetTopicRequest) -> Result<v1::GetTopicResponse, v1::Error> {
        let name = requests::name(&request.name)?;
        let topic = self
            .broker
            .topic(&name)
            .map_err(|error| failure::change(&error))?;
        Ok(v1::GetTopicResponse {
            topic: Some(describe::topic(topic)),
        })
    }

    fn list(&self, request: &v1::ListTopicsRequest) -> Result<v1::ListTopicsResponse, v1::Error> {
        let page = page::read(request)?;
        let found = self
            .broker
            .topics(page.after.as_ref(), &request.prefix, page.size);
        Ok(v1::ListTopicsResponse {
            topics: found.topics.into_iter().map(describe::topic).collect(),
            next_page_token: found
                .next_after
                .map(|name| page::token(&name))
                .unwrap_or_default(),
        })
    }

    async fn update(
        &self,
        request: v1::UpdateTopicRequest,
    ) -> Result<v1::UpdateTopicResponse, v1::Error> {
        let name = requests::name(&request.name)?;
        let set = request.set.into_iter().collect();
        let remove = request.remove.into_iter().collect();
        let updated = self
            .broker
            .update_topic(&name, set, remove, request.validate_only)
            .await;
        let updated = updated.map_err(|error| failure::change(&error).in_topic(name.as_str()))?;
        Ok(v1::UpdateTopicResponse {
            topic: Some(describe::topic(updated)),
        })
    }

    async fn delete(
        &self,
        request: v1::DeleteTopicRequest,
    ) -> Result<v1::DeleteTopicResponse, v1::Error> {
        let name = requests::name(&request.name)?;
        let deleted = self.broker.delete_topic(&name).await;
        let id = deleted.map_err(|error| failure::change(&error).in_topic(name.as_str()))?;
        Ok(v1::DeleteTopicResponse { id: id.to_string() })
    }

    async fn create_partitions(
        &self,
        request: v1::CreatePartitionsRequest,
    ) -> Result<v1::CreatePartitionsResponse, v1::Error> {
        let name = requests::name(&request.name)?;
        let total = requests::count("total", request.total)?;
        let grown = self.broker.create_partitions(&name, total).await;
        let grown = grown.map_err(|error| failure::change(&error).in_topic(name.as_str()))?;
        Ok(v1::CreatePartitionsResponse {
            topic: Some(describe::topic(grown)),
        })
    }

    async fn accept(
        &self,
        request: v1::AcceptLossRequest,
    ) -> Result<v1::AcceptLossResponse, v1::Error> {
        let name = requests::name(&request.name)?;
        let partition = request.partition;
        let partition = partition.map(|number| rpc::partition("partition", number));
        let partition = partition.transpose()?;
        let accepted = self
            .broker
            .accept_loss(&name, partition, request.validate_only)
            .await;
        let accepted = accepted.map_err(|error| failure::change(&error).in_topic(name.as_str()))?;
        Ok(v1::AcceptLossResponse {
            accepted: accepted.into_iter().map(describe::accepted_loss).collect(),
        })
    }
}

#[tonic::async_trait]
impl Topic for TopicService {
    async fn create_topic(
        &self,
        request: Request<v1::CreateTopicRequest>,
    ) -> Result<Response<v1::CreateTopicResponse>, Status> {
        let deadline = Deadline::of(request.metadata());
        let work = self.create(request.into_inner());
        self.meters
            .create
            .call_joined(&self.broker, deadline.or_fail(work))
            .await
    }

    async fn get_topic(
        &self,
        request: Request<v1::GetTopicRequest>,
    ) -> Result<Response<v1::GetTopicResponse>, Status> {
        self.meters
            .get
            .call_joined(&self.broker, async { self.get(request.get_ref()) })
            .await
    }

    async fn list_topics(
        &self,
        request: Request<v1::ListTopicsRequest>,
    ) -> Result<Response<v1::ListTopicsResponse>, Status> {
        self.meters
            .list
            .call_joined(&self.broker, async { self.list(request.get_ref()) })
            .await
    }

    async fn update_topic(
        &self,
        request: Request<v1::UpdateTopicRequest>,
    ) -> Result<Response<v1::UpdateTopicResponse>, Status> {
        let deadline = Deadline::of(request.metadata());
        let work = self.update(request.into_inner());
        self.meters
            .update
            .call_joined(&self.broker, deadline.or_fail(work))
            .await
    }

    async fn delete_topic(
        &self,
        request: Request<v1::DeleteTopicRequest>,
    ) -> Result<Response<v1::DeleteTopicResponse>, Status> {
        let deadline = Deadline::of(request.metadata());
        let work = self.delete(request.into_inner());
        self.meters
            .delete
            .call_joined(&self.broker, deadline.or_fail(work))
            .await
    }

    async fn create_partitions(
        &self,
        request: Request<v1::CreatePartitionsRequest>,
    ) -> Result<Response<v1::CreatePartitionsResponse>, Status> {
        let deadline = Deadline::of(request.metadata());
        let work = self.create_partitions(request.into_inner());
        self.meters
            .create_partitions
            .call_joined(&self.broker, deadline.or_fail(work))
            .await
    }

    async fn delete_records(
        &self,
        request: Request<v1::DeleteRecordsRequest>,
    ) -> Result<Response<v1::DeleteRecordsResponse>, Status> {
        let deadline = Deadline::of(request.metadata());
        let forward = self.forward.permitted(request.metadata());
        let work = self.delete_records(request.into_inner(), forward, deadline);
        self.meters
            .delete_records
            .call_joined(&self.broker, deadline.or_fail(work))
            .await
    }

    async fn accept_loss(
        &self,
        request: Request<v1::AcceptLossRequest>,
    ) -> Result<Response<v1::AcceptLossResponse>, Status> {
        let deadline = Deadline::of(request.metadata());
        let work = self.accept(request.into_inner());
        self.meters
            .accept_loss
            .call_joined(&self.broker, deadline.or_fail(work))
            .await
    }

    async fn apply_retention(
        &self,
        request: Request<v1::ApplyRetentionRequest>,
    ) -> Result<Response<v1::ApplyRetentionResponse>, Status> {
        let deadline = Deadline::of(request.metadata());
        let forward = self.forward.permitted(request.metadata());
        let work = self.apply_retention(request.into_inner(), forward, deadline);
        self.meters
            .apply_retention
            .call_joined(&self.broker, deadline.or_fail(work))
            .await
    }
}
