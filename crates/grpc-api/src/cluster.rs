//! The service Cluster.

mod movements;

use std::sync::Arc;

use broker::Broker;
use model::TopicName;
use rpc::v1;
use rpc::v1::cluster_server::Cluster;
use tonic::{Request, Response, Status};

use crate::deadline::Deadline;
use crate::failure;
use crate::forward::Forward;
use crate::meters::Meter;
use crate::settings::Settings;
use crate::topic::describe;
use movements::Movements;

/// Shows the cluster, and moves leaderships and replicas about in it.
pub(crate) struct ClusterService {
    movements: Movements,
    forward: Forward,
    broker: Arc<Broker>,
    message_bytes_max: i64,
    version: String,
    meters: Meters,
}

struct Meters {
    describe: Meter,
    brokers: Meter,
    partitions: Meter,
    transfer_leadership: Meter,
    reassign: Meter,
    rebalance: Meter,
    drain: Meter,
    undrain: Meter,
    decommission: Meter,
    list_moves: Meter,
}

impl ClusterService {
    pub(crate) fn new(broker: Arc<Broker>, forward: Forward, settings: &Settings) -> Self {
        Self {
            movements: Movements::new(Arc::clone(&broker)),
            forward,
            broker,
            message_bytes_max: i64::try_from(settings.message_bytes_max).unwrap_or(i64::MAX),
            version: settings.version.clone(),
            meters: Meters {
                describe: Meter::of("DescribeCluster"),
                brokers: Meter::of("ListBrokers"),
                partitions: Meter::of("DescribePartitions"),
                transfer_leadership: Meter::of("TransferLeadership"),
                reassign: Meter::of("ReassignPartitions"),
                rebalance: Meter::of("Rebalance"),
                drain: Meter::of("Drain"),
                undrain: Meter::of("Undrain"),
                decommission: Meter::of("Decommission"),
                list_moves: Meter::of("ListMoves"),
            },
        }
    }

    fn describe(&self) -> v1::DescribeClusterResponse {
        let cluster = self.broker.describe_cluster();
        v1::DescribeClusterResponse {
            cluster_id: cluster.cluster.map(|id| id.to_string()).unwrap_or_default(),
            broker: describe::broker_id(cluster.broker),
            brokers: cluster.brokers.iter().map(describe::broker).collect(),
            topics: describe::count(cluster.topics),
            partitions: describe::count(cluster.partitions),
            message_bytes_max: self.message_bytes_max,
            version: self.version.clone(),
            under_replicated: describe::count(cluster.under_replicated),
            leaderless: describe::count(cluster.leaderless),
            in_doubt: describe::count(cluster.in_doubt),
            lossy: describe::count(cluster.lossy),
        }
    }

    async fn describe_partitions(
        &self,
        request: v1::DescribePartitionsRequest,
    ) -> Result<v1::DescribePartitionsResponse, v1::Error> {
        let names: Result<Vec<_>, _> = request
            .topics
            .iter()
            .map(|name| TopicName::new(name))
            .collect();
        let names = names?;
        if request.create_missing {
            for name in &names {
                let there = self.broker.partitions_to_produce_to(name).await;
                there.map_err(|error| failure::produce(&error))?;
            }
        }
        let found = self
            .broker
            .describe_topics((!names.is_empty()).then_some(&names[..]));
        Ok(v1::DescribePartitionsResponse {
            topics: found.topics.into_iter().map(describe::topic).collect(),
            unknown: found.unknown.iter().map(ToString::to_string).collect(),
        })
    }
}

#[tonic::async_trait]
impl Cluster for ClusterService {
    async fn describe_cluster(
        &self,
        _request: Request<v1::DescribeClusterRequest>,
    ) -> Result<Response<v1::DescribeClusterResponse>, Status> {
        let answer = async { Ok(self.describe()) };
        self.meters.describe.call_joined(&self.broker, answer).await
    }

    async fn list_brokers(
        &self,
        _request: Request<v1::ListBrokersRequest>,
    ) -> Result<Response<v1::ListBrokersResponse>, Status> {
        let answer = async {
            Ok(v1::ListBrokersResponse {
                brokers: self.describe().brokers,
            })
        };
        self.meters.brokers.call_joined(&self.broker, answer).await
    }

    async fn describe_partitions(
        &self,
        request: Request<v1::DescribePartitionsRequest>,
    ) -> Result<Response<v1::DescribePartitionsResponse>, Status> {
        let deadline = Deadline::of(request.metadata());
        let answer = self.describe_partitions(request.into_inner());
        self.meters
            .partitions
            .call_joined(&self.broker, deadline.or_fail(answer))
            .await
    }

    async fn transfer_leadership(
        &self,
        request: Request<v1::TransferLeadershipRequest>,
    ) -> Result<Response<v1::TransferLeadershipResponse>, Status> {
        let deadline = Deadline::of(request.metadata());
        let forward = self.forward.permitted(request.metadata());
        let work = self
            .movements
            .transfer(request.into_inner(), forward, deadline);
        let meter = &self.meters.transfer_leadership;
        meter
            .call_joined(&self.broker, deadline.or_fail(work))
            .await
    }

    async fn reassign_partitions(
        &self,
        request: Request<v1::ReassignPartitionsRequest>,
    ) -> Result<Response<v1::ReassignPartitionsResponse>, Status> {
        let deadline = Deadline::of(request.metadata());
        let work = self.movements.reassign(request.into_inner());
        let meter = &self.meters.reassign;
        meter
            .call_joined(&self.broker, deadline.or_fail(work))
            .await
    }

    async fn rebalance(
        &self,
        request: Request<v1::RebalanceRequest>,
    ) -> Result<Response<v1::RebalanceResponse>, Status> {
        let deadline = Deadline::of(request.metadata());
        let work = self.movements.rebalance(request.into_inner());
        let meter = &self.meters.rebalance;
        meter
            .call_joined(&self.broker, deadline.or_fail(work))
            .await
    }

    async fn drain(
        &self,
        request: Request<v1::DrainRequest>,
    ) -> Result<Response<v1::DrainResponse>, Status> {
        let deadline = Deadline::of(request.metadata());
        let work = self.movements.drain(request.into_inner());
        let meter = &self.meters.drain;
        meter
            .call_joined(&self.broker, deadline.or_fail(work))
            .await
    }

    async fn undrain(
        &self,
        request: Request<v1::UndrainRequest>,
    ) -> Result<Response<v1::UndrainResponse>, Status> {
        let deadline = Deadline::of(request.metadata());
        let work = self.movements.undrain(request.into_inner());
        let meter = &self.meters.undrain;
        meter
            .call_joined(&self.broker, deadline.or_fail(work))
            .await
    }

    async fn decommission(
        &self,
        request: Request<v1::DecommissionRequest>,
    ) -> Result<Response<v1::DecommissionResponse>, Status> {
        let deadline = Deadline::of(request.metadata());
        let work = self.movements.decommission(request.into_inner());
        let meter = &self.meters.decommission;
        meter
            .call_joined(&self.broker, deadline.or_fail(work))
            .await
    }

    async fn list_moves(
        &self,
        request: Request<v1::ListMovesRequest>,
    ) -> Result<Response<v1::ListMovesResponse>, Status> {
        let deadline = Deadline::of(request.metadata());
        let forward = self.forward.permitted(request.metadata());
        let work = self.movements.list(request.into_inner(), forward, deadline);
        self.meters
            .list_moves
            .call_joined(&self.broker, deadline.or_fail(work))
            .await
    }
}
