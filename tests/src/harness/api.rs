//! A client of the gRPC API with nothing in between: the generated types.

use std::time::Duration;

use rpc::v1::cluster_client::ClusterClient;
use rpc::v1::consumer_client::ConsumerClient;
use rpc::v1::produce_batch::Payload;
use rpc::v1::producer_client::ProducerClient;
use rpc::v1::topic_client::TopicClient;
use rpc::v1::{
    FetchPartition, FetchRequest, FetchResult, PlainRecords, ProduceBatch, ProduceRequest,
    ProduceResult, Record,
};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// Larger than any message the tests need.
const MESSAGE_BYTES_MAX: usize = 256 << 20;

/// Every service, over one connection.
#[derive(Clone, Debug)]
pub struct Api {
    /// Puts records into topics.
    pub producer: ProducerClient<Channel>,
    /// Reads records.
    pub consumer: ConsumerClient<Channel>,
    /// Creates, shows, changes and deletes topics.
    pub topic: TopicClient<Channel>,
    /// Shows the cluster.
    pub cluster: ClusterClient<Channel>,
}

impl Api {
    /// Connects to a broker's gRPC address.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn connect(address: &str) -> Result<Self, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?
            .connect_timeout(Duration::from_secs(5));
        let channel = endpoint.connect().await?;
        Ok(Self {
            producer: ProducerClient::new(channel.clone())
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX),
            consumer: ConsumerClient::new(channel.clone())
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
            topic: TopicClient::new(channel.clone()),
            cluster: ClusterClient::new(channel),
        })
    }

    /// Produces one batch and waits for what becomes of it.
    ///
    /// # Errors
    /// The call as a whole failed.
    pub async fn produce(&mut self, batch: ProduceBatch) -> Result<ProduceResult, Status> {
        let request = ProduceRequest {
            batches: vec![batch],
            ..ProduceRequest::default()
        };
        let mut results = self.producer.produce(request).await?.into_inner().results;
        results
            .pop()
            .ok_or_else(|| Status::internal("a batch without a result"))
    }

    /// Fetches from one partition, waiting up to `max_wait` for something to come.
    ///
    /// # Errors
    /// The call as a whole failed.
    pub async fn fetch(
        &mut self,
        from: FetchPartition,
        max_wait: Duration,
    ) -> Result<FetchResult, Status> {
        let max_wait_ms = i32::try_from(max_wait.as_millis()).unwrap_or(i32::MAX);
        let request = FetchRequest {
            partitions: vec![from],
            max_wait_ms,
            ..FetchRequest::default()
        };
        let mut results = self.consumer.fetch(request).await?.into_inner().results;
        results
            .pop()
            .ok_or_else(|| Status::internal("a partition without a result"))
    }
}

/// A batch of plain records with these values.
pub fn batch_of(
    topic: &str,
    partition: i32,
    values: impl IntoIterator<Item = impl Into<Vec<u8>>>,
) -> ProduceBatch {
    let record = |value: Vec<u8>| Record {
        value: Some(value.into()),
        ..Record::default()
    };
    let records = values
        .into_iter()
        .map(|value| record(value.into()))
        .collect();
    let payload = Payload::Records(PlainRecords {
        records,
        ..PlainRecords::default()
    });
    ProduceBatch {
        topic: topic.to_owned(),
        partition: Some(partition),
        payload: Some(payload),
        expected_base_offset: None,
    }
}
