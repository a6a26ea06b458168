//! Subscriptions.

use std::time::Duration;

use model::batch::Codec;
use rpc::v1;
use rpc::v1::subscribe_request::Request as Wish;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::stage::{Stage, batch, encoded, from, plain, reason, reason_in, values};

struct Subscriber {
    wishes: mpsc::Sender<v1::SubscribeRequest>,
    messages: Streaming<v1::SubscribeResponse>,
}

impl Subscriber {
    async fn start(stage: &Stage, first: Wish) -> Self {
        let (wishes, requests) = mpsc::channel(10);
        let subscriber = wishes.clone();
        let request = Some(first);
        subscriber
            .send(v1::SubscribeRequest { request })
            .await
            .unwrap();
        let messages = stage
            .consumer()
            .subscribe(ReceiverStream::new(requests))
            .await;
        Self {
            wishes,
            messages: messages.unwrap().into_inner(),
        }
    }

    async fn grant(&self, bytes: i64) {
        let request = Some(Wish::CreditBytes(bytes));
        self.wishes
            .send(v1::SubscribeRequest { request })
            .await
            .unwrap();
    }

    async fn next(&mut self) -> Result<v1::SubscribeResponse, Status> {
        self.messages.message().await.map(Option::unwrap)
    }
}

fn start(partitions: Vec<v1::FetchPartition>, credit_bytes: i64, format: v1::RecordFormat) -> Wish {
    Wish::Start(v1::SubscribeStart {
        partitions,
        credit_bytes,
        format: format.into(),
        isolation: 0,
    })
}

#[tokio::test]
async fn records_come_as_they_are_produced_from_every_partition() {
    let stage = Stage::open().await;
    stage.create("t", 2, &[]).await;
    stage.produce(vec![plain("t", 0, &["old"])]).await;
    let both = vec![from("t", 0, 0), from("t", 1, 0)];
    let first = start(both, 1 << 20, v1::RecordFormat::Plain);
    let mut subscriber = Subscriber::start(&stage, first).await;
    let old = subscriber.next().await.unwrap();
    assert_eq!(values(&old.results[0].records), ["old"]);
    for round in 0..5 {
        let text = format!("new {round}");
        stage.produce(vec![plain("t", round % 2, &[&text])]).await;
        let new = subscriber.next().await.unwrap();
        assert_eq!(new.results[0].partition, round % 2);
        assert_eq!(values(&new.results[0].records), [text]);
    }
}

#[tokio::test]
async fn no_more_comes_than_there_is_credit_for_but_for_one_batch() {
    let stage = Stage::open_with(
        |_| {},
        |api| api.heartbeat_interval = Duration::from_millis(50),
    )
    .await;
    let sent = batch(&["0123456789"], Codec::None);
    for _ in 0..10 {
        stage.produce(vec![encoded("t", sent.to_bytes())]).await;
    }
    let bytes = i64::try_from(sent.total_bytes()).unwrap();
    let first = start(
        vec![from("t", 0, 0)],
        2 * bytes + 1,
        v1::RecordFormat::Encoded,
    );
    let mut subscriber = Subscriber::start(&stage, first).await;
    let mut used = 0;
    loop {
        let message = subscriber.next().await.unwrap();
        used += message.used_bytes;
        if message.results.is_empty() {
            break;
        }
    }
    // Two whole ones, and one for the odd byte.
    assert_eq!(used, 3 * bytes);
    // The debt comes off the grant.
    subscriber.grant(2 * bytes).await;
    let mut more = 0;
    while more < 2 * bytes {
        more += subscriber.next().await.unwrap().used_bytes;
    }
    assert_eq!(more, 2 * bytes);
}

#[tokio::test]
async fn a_quiet_subscription_shows_that_it_lives() {
    let stage = Stage::open_with(
        |_| {},
        |api| api.heartbeat_interval = Duration::from_millis(20),
    )
    .await;
    stage.create("t", 1, &[]).await;
    let first = start(vec![from("t", 0, 0)], 1, v1::RecordFormat::Plain);
    let mut subscriber = Subscriber::start(&stage, first).await;
    for _ in 0..3 {
        assert_eq!(
            subscriber.next().await.unwrap(),
            v1::SubscribeResponse::default()
        );
    }
}

#[tokio::test]
async fn a_partition_with_an_error_is_told_once_and_the_last_ends_the_stream() {
    let stage = Stage::open().await;
    stage.produce(vec![plain("t", 0, &["a"])]).await;
    let wanted = vec![from("t", 0, 0), from("t", 0, 99), from("unknown", 0, 0)];
    let first = start(wanted, 1 << 20, v1::RecordFormat::Plain);
    let mut subscriber = Subscriber::start(&stage, first).await;
    let mut reasons = Vec::new();
    while reasons.len() < 3 {
        let message = subscriber.next().await.unwrap();
        reasons.extend(
            message
                .results
                .into_iter()
                .map(|result| reason_in(result.error)),
        );
    }
    assert_eq!(reasons, ["", "OFFSET_ABOVE_LOG_END", "UNKNOWN_TOPIC"]);
    let topic = v1::DeleteTopicRequest {
        name: "t".to_owned(),
    };
    stage.topics().delete_topic(topic).await.unwrap();
    let last = subscriber.next().await.unwrap();
    assert_eq!(reason_in(last.results[0].error.clone()), "UNKNOWN_TOPIC");
    assert_eq!(subscriber.messages.message().await.unwrap(), None);
}

#[tokio::test]
async fn a_subscription_that_makes_no_sense_is_refused() {
    let stage = Stage::open().await;
    stage.create("t", 1, &[]).await;
    let plain = v1::RecordFormat::Plain;
    for first in [
        Wish::CreditBytes(1),
        start(Vec::new(), 1, plain),
        start(vec![from("t", 0, 0)], 0, plain),
        start(vec![from("t", 0, -1)], 1, plain),
    ] {
        let mut subscriber = Subscriber::start(&stage, first).await;
        assert_eq!(reason(subscriber.next().await), "INVALID_FIELD");
    }
    let mut subscriber = Subscriber::start(&stage, start(vec![from("t", 0, 0)], 1, plain)).await;
    subscriber.grant(-1).await;
    assert_eq!(reason(subscriber.next().await), "INVALID_FIELD");
}

#[tokio::test]
async fn subscriptions_end_when_the_api_stops() {
    let stage = Stage::open().await;
    stage.create("t", 1, &[]).await;
    let first = start(vec![from("t", 0, 0)], 1, v1::RecordFormat::Plain);
    let mut subscriber = Subscriber::start(&stage, first).await;
    stage.stop.stop();
    assert_eq!(reason(subscriber.next().await), "SHUTTING_DOWN");
}
