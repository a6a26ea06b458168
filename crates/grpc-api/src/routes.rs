//! Puts the services together.

use std::sync::Arc;

use broker::Broker;
use model::Clock;
use rpc::v1::cluster_server::ClusterServer;
use rpc::v1::consumer_server::ConsumerServer;
use rpc::v1::producer_server::ProducerServer;
use rpc::v1::topic_server::TopicServer;
use tonic::service::Routes;
use tonic_health::server::HealthReporter;
use tonic_reflection::server::{Builder, Error as ReflectionError};

use crate::broken_message::ExplainBrokenMessages;
use crate::bulk::{Bulk, BulkConsume, BulkProduce};
use crate::cluster::ClusterService;
use crate::codec_jobs::CodecJobs;
use crate::consumer::ConsumerService;
use crate::forward::Forward;
use crate::health::set_serving;
use crate::producer::ProducerService;
use crate::settings::{RESPONSE_EXTRA_BYTES, Settings};
use crate::stop::Stop;
use crate::topic::TopicService;

/// Everything that the gRPC port serves.
pub struct Api {
    /// The services, health and reflection, for a [tuned](crate::tuned) server.
    pub routes: Routes,
    /// Where the health of the services is told; nothing serves yet, see [`set_serving`].
    pub health: HealthReporter,
    /// Ends streams and long polls, which would outlive any patience of a shutdown.
    pub stop: Stop,
}

/// The API onto a broker.
///
/// # Errors
/// [`ReflectionError`], where the descriptors built into the program are broken.
pub async fn routes(
    broker: Arc<Broker>,
    clock: Arc<dyn Clock>,
    settings: Settings,
) -> Result<Api, ReflectionError> {
    let incoming = settings.message_bytes_max;
    let outgoing = settings.message_bytes_max + RESPONSE_EXTRA_BYTES;
    macro_rules! limited {
        ($server:ident, $service:expr) => {
            ExplainBrokenMessages(
                $server::from_arc($service)
                    .max_decoding_message_size(incoming)
                    .max_encoding_message_size(outgoing),
            )
        };
    }
    let forward = Forward::new(Arc::clone(&broker), &settings);
    let (stop, jobs) = (Stop::new(), CodecJobs::new(settings.codec_jobs_max));
    let producer = Arc::new(ProducerService::new(
        Arc::clone(&broker),
        clock,
        jobs.clone(),
        forward.clone(),
        stop.signal(),
        &settings,
    ));
    let consumer = ConsumerService::new(
        Arc::clone(&broker),
        jobs,
        forward.clone(),
        stop.signal(),
        &settings,
    );
    let consumer = Arc::new(consumer);
    let produce = BulkProduce {
        service: Arc::clone(&producer),
        message_bytes_max: incoming,
    };
    let consume = BulkConsume {
        service: Arc::clone(&consumer),
        message_bytes_max: incoming,
    };
    let topic = Arc::new(TopicService::new(Arc::clone(&broker), forward.clone()));
    let cluster = Arc::new(ClusterService::new(broker, forward, &settings));
    let (health, health_server) = tonic_health::server::health_reporter();
    set_serving(&health, false).await;
    let routes = Routes::new(Bulk::new(produce, limited!(ProducerServer, producer)))
        .add_service(Bulk::new(consume, limited!(ConsumerServer, consumer)))
        .add_service(limited!(TopicServer, topic))
        .add_service(limited!(ClusterServer, cluster))
        .add_service(health_server)
        .add_service(descriptors().build_v1()?)
        .add_service(descriptors().build_v1alpha()?)
        .prepare();
    Ok(Api {
        routes,
        health,
        stop,
    })
}

fn descriptors() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(rpc::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
