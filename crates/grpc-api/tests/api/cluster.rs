//! The service Cluster, health and reflection.

use rpc::v1;
use tokio_stream::StreamExt;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::stage::Stage;

#[tokio::test]
async fn the_cluster_of_one_describes_itself() {
    let stage = Stage::open().await;
    stage.create("t", 3, &[]).await;
    let described = stage
        .cluster()
        .describe_cluster(v1::DescribeClusterRequest {})
        .await;
    let described = described.unwrap().into_inner();
    assert_eq!((described.cluster_id.len(), described.broker), (32, 0));
    assert_eq!((described.topics, described.partitions), (1, 3));
    assert_eq!(
        (described.message_bytes_max, described.version.as_str()),
        (16 << 20, "0.0.0-test")
    );
    let listed = stage
        .cluster()
        .list_brokers(v1::ListBrokersRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.brokers, described.brokers);
    assert_eq!(listed.brokers[0].grpc_address, "127.0.0.1:7700");
    let request = v1::DescribePartitionsRequest {
        create_missing: false,
        topics: vec!["t".to_owned(), "unknown".to_owned()],
    };
    let parts = stage
        .cluster()
        .describe_partitions(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(parts.topics[0].partitions.len(), 3);
    assert_eq!(parts.unknown, ["unknown"]);
    assert_eq!(stage.broker.describe_cluster().topics, 1);
}

#[tokio::test]
async fn every_service_tells_its_health() {
    let stage = Stage::open().await;
    for service in grpc_api::SERVICES {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let health = HealthClient::new(stage.channel.clone())
            .check(request)
            .await
            .unwrap();
        assert_eq!(health.into_inner().status, 1, "{service}");
    }
}

#[tokio::test]
async fn reflection_lists_every_service() {
    let stage = Stage::open().await;
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(stage.channel.clone());
    let responses = client
        .server_reflection_info(tokio_stream::once(request))
        .await;
    let response = responses
        .unwrap()
        .into_inner()
        .next()
        .await
        .unwrap()
        .unwrap();
    let Some(MessageResponse::ListServicesResponse(listed)) = response.message_response else {
        panic!("no list of services");
    };
    let listed: Vec<_> = listed
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    for service in grpc_api::SERVICES
        .into_iter()
        .filter(|name| !name.is_empty())
    {
        assert!(
            listed.iter().any(|name| name == service),
            "{service} in {listed:?}"
        );
    }
}
