use super::*;

const HERE: &str = "127.0.0.1:1";

fn partition(number: u32) -> TopicPartition {
    TopicPartition {
        topic: model::TopicName::new("t").unwrap(),
        partition: model::PartitionIndex::new(number),
    }
}

/// A consumer of partitions, with a stream that was opened from anybody and has not answered.
fn reading(partitions: u32) -> Consumer {
    let client = Client::connect(HERE).unwrap();
    let starts = (0..partitions).map(|number| (partition(number), Offset::ZERO));
    let mut consumer = Consumer::subscribe(&client, starts, ConsumerSettings::default());
    reopen(&mut consumer);
    consumer
}

fn reopen(consumer: &mut Consumer) {
    for place in consumer.places.values_mut() {
        place.not_before = Instant::now();
    }
    consumer.open(None, 100);
}

fn refused(number: i32, reason: rpc::Reason) -> v1::SubscribeResponse {
    let result = v1::FetchResult {
        topic: "t".to_owned(),
        partition: number,
        error: Some(v1::Error::new(reason, "no")),
        ..v1::FetchResult::default()
    };
    v1::SubscribeResponse {
        results: vec![result],
        used_bytes: 0,
    }
}

/// Takes in a message and all it holds.
fn hear(consumer: &mut Consumer, message: v1::SubscribeResponse) -> Result<(), ConsumeError> {
    consumer.hear(&None, message);
    while let Some((source, result)) = consumer.ready.pop_front() {
        consumer.take(&source, result)?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_quiet_topic_s_second_broken_stream_long_after_the_first_is_tried_again_too() {
    let mut consumer = reading(1);
    consumer.lose(&None, None).unwrap();
    assert!(consumer.trouble().borrow().is_some());
    reopen(&mut consumer);
    hear(&mut consumer, v1::SubscribeResponse::default()).unwrap();
    assert!(consumer.trouble().borrow().is_none());
    tokio::time::sleep(Duration::from_secs(3600)).await;
    consumer.lose(&None, None).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_is_refused_each_time_is_not_tried_for_ever_though_others_are_well() {
    let mut consumer = reading(2);
    let started = Instant::now();
    let refusal = loop {
        if let Err(error) = hear(&mut consumer, refused(1, rpc::Reason::NotLeader)) {
            break error;
        }
        hear(&mut consumer, v1::SubscribeResponse::default()).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        consumer.drop_stream(&None);
        reopen(&mut consumer);
    };
    assert!(matches!(refusal, ConsumeError::Partition { .. }));
    let waited = started.elapsed();
    assert!(waited >= consumer.settings.retry_for && waited < consumer.settings.retry_for * 2);
}

#[tokio::test(start_paused = true)]
async fn the_leader_that_is_named_is_asked_next_and_one_refused_for_good_is_read_no_further() {
    let mut consumer = reading(3);
    let mut moved = refused(1, rpc::Reason::NotLeader);
    let leader = "127.0.0.1:2".to_owned();
    let error = moved.results[0].error.as_mut().unwrap();
    error
        .metadata
        .insert("leader_address".to_owned(), leader.clone());
    hear(&mut consumer, moved).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    consumer.open_what_is_missing().await;
    let read = |consumer: &Consumer, source: &Source| consumer.streams[source].partitions.len();
    assert_eq!(
        (read(&consumer, &Some(leader)), read(&consumer, &None)),
        (1, 2)
    );
    let shares = consumer.streams.values().map(SubscribeStream::share);
    let credit = i64::try_from(consumer.settings.credit_bytes).unwrap();
    assert!(shares.sum::<i64>() <= credit);
    let gone = hear(&mut consumer, refused(2, rpc::Reason::UnknownPartition));
    assert!(gone.is_err());
    assert_eq!(consumer.places.len(), 2);
}
