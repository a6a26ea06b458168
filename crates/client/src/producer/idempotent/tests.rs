//! Tests of the task as a whole.

use std::time::Duration;

use bytes::Bytes;
use model::batch::{BatchBuilder, Codec};
use model::{PartitionIndex, Timestamp, TopicName};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout};

use crate::Client;
use crate::producer::{OutgoingBatch, ProduceError, Producer, ProducerSettings};

/// How long a batch may take.
const TIME: Duration = Duration::from_millis(800);

/// Long before a connection without a word is given up.
const SOON: Duration = Duration::from_secs(3);

fn batch() -> OutgoingBatch {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push(Timestamp::default(), None, Some(&Bytes::new()), &[]);
    let topic = TopicName::new("t").unwrap();
    OutgoingBatch::encoded(topic, PartitionIndex::new(0), &builder.build().unwrap())
}

#[tokio::test]
async fn batches_end_in_time_where_no_producer_id_is_to_be_had() {
    // It takes the connection, as a broker that is stopped does, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::connect(&silent.local_addr().unwrap().to_string()).unwrap();
    let settings = ProducerSettings {
        delivery_timeout: TIME,
        ..ProducerSettings::default()
    };
    let producer = Producer::open(&client, settings);
    let began = Instant::now();
    let first = producer.send(batch()).await.unwrap();
    // The second one comes while the id is asked for.
    sleep(TIME / 2).await;
    let second = producer.send(batch()).await.unwrap();
    for delivery in [first, second] {
        let ended = timeout(SOON, delivery).await.expect("it ends in time");
        assert!(
            matches!(ended, Err(ProduceError::NotSent { .. })),
            "{ended:?}"
        );
    }
    let closed = timeout(SOON, producer.close()).await;
    closed.expect("nothing is left to wait for").unwrap();
    assert!(began.elapsed() < 2 * SOON);
}
