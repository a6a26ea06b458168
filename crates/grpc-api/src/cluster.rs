//! The service Cluster.

use std::sync::Arc;

use broker::Broker;
use model::TopicName;
use rpc::v1;
use rpc::v1::cluster_server::Cluster;
use tonic::{Request, Response, Status};

use crate::meters::Meter;
use crate::settings::Settings;
use crate::topic::describe;

/// Shows the cluster.
pub(crate) struct ClusterService {
    broker: Arc<Broker>,
    message_bytes_max: i64,
    version: String,
    meters: Meters,
}

struct Meters {
    describe: Meter,
    brokers: Meter,
    partitions: Meter,
}

impl ClusterService {
    pub(crate) fn new(broker: Arc<Broker>, settings: &Settings) -> Self {
        Self {
            broker,
            message_bytes_max: i64::try_from(settings.message_bytes_max).unwrap_or(i64::MAX),
            version: settings.version.clone(),
            meters: Meters {
                describe: Meter::of("DescribeCluster"),
                brokers: Meter::of("ListBrokers"),
                partitions: Meter::of("DescribePartitions"),
            },
        }
    }

    fn describe(&self) -> v1::DescribeClusterResponse {
        let cluster = self.broker.describe_cluster();
        let count = |count| i64::try_from(count).unwrap_or(i64::MAX);
        v1::DescribeClusterResponse {
            cluster_id: cluster.cluster.map(|id| id.to_string()).unwrap_or_default(),
            broker: describe::broker_id(cluster.broker),
            brokers: cluster.brokers.iter().map(describe::broker).collect(),
            topics: count(cluster.topics),
            partitions: count(cluster.partitions),
            message_bytes_max: self.message_bytes_max,
            version: self.version.clone(),
            ..v1::DescribeClusterResponse::default()
        }
    }

    fn describe_partitions(
        &self,
        request: v1::DescribePartitionsRequest,
    ) -> Result<v1::DescribePartitionsResponse, v1::Error> {
        let names: Result<Vec<_>, _> = request
            .topics
            .iter()
            .map(|name| TopicName::new(name))
            .collect();
        let names = names?;
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
        self.meters.describe.call(answer).await
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
        self.meters.brokers.call(answer).await
    }

    async fn describe_partitions(
        &self,
        request: Request<v1::DescribePartitionsRequest>,
    ) -> Result<Response<v1::DescribePartitionsResponse>, Status> {
        let answer = async { self.describe_partitions(request.into_inner()) };
        self.meters.partitions.call(answer).await
    }

    async fn transfer_leadership(
        &self,
        _request: Request<v1::TransferLeadershipRequest>,
    ) -> Result<Response<v1::TransferLeadershipResponse>, Status> {
        Err(not_yet())
    }

    async fn reassign_partitions(
        &self,
        _request: Request<v1::ReassignPartitionsRequest>,
    ) -> Result<Response<v1::ReassignPartitionsResponse>, Status> {
        Err(not_yet())
    }

    async fn rebalance(
        &self,
        _request: Request<v1::RebalanceRequest>,
    ) -> Result<Response<v1::RebalanceResponse>, Status> {
        Err(not_yet())
    }

    async fn drain(
        &self,
        _request: Request<v1::DrainRequest>,
    ) -> Result<Response<v1::DrainResponse>, Status> {
        Err(not_yet())
    }

    async fn undrain(
        &self,
        _request: Request<v1::UndrainRequest>,
    ) -> Result<Response<v1::UndrainResponse>, Status> {
        Err(not_yet())
    }

    async fn decommission(
        &self,
        _request: Request<v1::DecommissionRequest>,
    ) -> Result<Response<v1::DecommissionResponse>, Status> {
        Err(not_yet())
    }

    async fn list_moves(
        &self,
        _request: Request<v1::ListMovesRequest>,
    ) -> Result<Response<v1::ListMovesResponse>, Status> {
        Err(not_yet())
    }
}

fn not_yet() -> Status {
    Status::unimplemented("the broker cannot move replicas yet")
}
