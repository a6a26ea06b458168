//! `grpc.health.v1`: the whole server (the empty name) and each service.

use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::cluster::ClusterService;
use crate::consumer::ConsumerService;
use crate::producer::ProducerService;
use crate::topic::TopicService;
use rpc::v1::cluster_server::ClusterServer;
use rpc::v1::consumer_server::ConsumerServer;
use rpc::v1::producer_server::ProducerServer;
use rpc::v1::topic_server::TopicServer;

/// The names whose health is told; the empty one stands for the whole server.
pub const SERVICES: [&str; 5] = [
    "",
    ProducerServer::<ProducerService>::NAME,
    ConsumerServer::<ConsumerService>::NAME,
    TopicServer::<TopicService>::NAME,
    ClusterServer::<ClusterService>::NAME,
];

/// Serves as long as the process answers at all: for a liveness probe.
pub const LIVENESS: &str = "liveness";

/// Serves once everything is recovered, and from then on: for a startup probe.
pub const STARTUP: &str = "startup";

/// Tells that the broker has started and lives, whatever it can serve.
pub async fn set_started(reporter: &HealthReporter) {
    for name in [LIVENESS, STARTUP] {
        let status = ServingStatus::Serving;
        reporter.set_service_status(name, status).await;
    }
}

/// Tells that every service serves, or that none does.
pub async fn set_serving(reporter: &HealthReporter, serving: bool) {
    let status = if serving {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    };
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}
