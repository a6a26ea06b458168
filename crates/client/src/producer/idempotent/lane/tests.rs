//! Tests of a lane: which numbers batches bear, and what each answer means for them and for those behind.

use std::time::Duration;

use bytes::Bytes;
use model::batch::{Batch, BatchBuilder, Codec};
use model::{PartitionIndex, Timestamp, TopicName};

use super::*;
use crate::producer::batch::OutgoingBatch;
use crate::producer::delivery::Delivery;
use crate::producer::window::Window;

const PRODUCER: ProducerId = ProducerId::new(7);

async fn push(lane: &mut Lane, records: usize) -> Delivery {
    let mut builder = BatchBuilder::new(Codec::None);
    for _ in 0..records {
        builder.push(Timestamp::default(), None, Some(&Bytes::new()), &[]);
    }
    let topic = TopicName::new("t").unwrap();
    let batch = builder.build().unwrap();
    let batch = OutgoingBatch::encoded(topic, PartitionIndex::new(0), &batch);
    let room = Window::new(10, 1000).enter(1).await;
    let (in_flight, delivery) = InFlight::new(batch, room, Duration::from_secs(30));
    lane.push(in_flight);
    delivery
}

/// Sends all that may be sent: ids, and epochs and sequences on the wire.
fn send(lane: &mut Lane) -> Vec<(u64, i16, i32)> {
    let mut sent = Vec::new();
    while let Some((id, message)) = lane.send(PRODUCER) {
        let payload = message.batch.unwrap().payload;
        let Some(v1::produce_batch::Payload::Encoded(bytes)) = payload else {
            panic!("a numbered batch is encoded");
        };
        let batch = Batch::parse(bytes).unwrap();
        batch.check_crc().unwrap();
        let stamp = batch.header().producer().unwrap();
        assert_eq!(stamp.id, PRODUCER);
        sent.push((id, stamp.epoch, stamp.base_sequence));
    }
    sent
}

fn acknowledged(base_offset: i64) -> v1::ProduceResult {
    v1::ProduceResult {
        base_offset,
        records: 1,
        durability: v1::Durability::Fsync.into(),
        ..Default::default()
    }
}

fn refused(reason: Reason) -> v1::ProduceResult {
    v1::ProduceResult {
        error: Some(v1::Error::new(reason, "no")),
        ..Default::default()
    }
}

fn broken() -> CallError {
    CallError::Disconnected {
        address: "h:1".to_owned(),
        cause: "cut".to_owned(),
    }
}

/// A lane whose first batch is acknowledged: five may be under way.
async fn known_lane(stops_at_failure: bool) -> Lane {
    let mut lane = Lane::new(stops_at_failure);
    let first = push(&mut lane, 1).await;
    assert_eq!(send(&mut lane), [(0, 0, 0)]);
    lane.settle(0, acknowledged(0)).unwrap();
    first.await.unwrap();
    lane
}

#[tokio::test]
async fn one_is_under_way_until_the_first_is_acknowledged_then_five_and_numbers_count_records() {
    let mut lane = Lane::new(false);
    let mut deliveries = Vec::new();
    for _ in 0..8 {
        deliveries.push(push(&mut lane, 3).await);
    }
    assert_eq!(send(&mut lane), [(0, 0, 0)]);
    assert!(!lane.settle(0, acknowledged(0)).unwrap());
    let five: Vec<_> = (1..6).map(|id| (id, 0, id as i32 * 3)).collect();
    assert_eq!(send(&mut lane), five);
    lane.settle(1, acknowledged(3)).unwrap();
    assert_eq!(send(&mut lane), [(6, 0, 18)]);
}

#[tokio::test]
async fn a_refused_batch_and_those_behind_it_go_out_again_in_order_with_their_numbers() {
    let mut lane = known_lane(false).await;
    let deliveries = [push(&mut lane, 1).await, push(&mut lane, 1).await];
    assert_eq!(send(&mut lane), [(1, 0, 1), (2, 0, 2)]);
    assert!(lane.settle(1, refused(Reason::NotLeader)).unwrap());
    assert_eq!(send(&mut lane), [], "the other one's answer comes first");
    lane.settle(2, refused(Reason::OutOfOrderSequence)).unwrap();
    assert_eq!(send(&mut lane), [(1, 0, 1), (2, 0, 2)]);
    lane.settle(1, acknowledged(1)).unwrap();
    lane.settle(2, acknowledged(2)).unwrap();
    for delivery in deliveries {
        delivery.await.unwrap();
    }
}

#[tokio::test]
async fn what_was_under_way_when_the_stream_broke_goes_out_again_with_its_numbers() {
    let mut lane = known_lane(false).await;
    let deliveries = [push(&mut lane, 1).await, push(&mut lane, 1).await];
    send(&mut lane);
    lane.lose(|id| id == 1, &broken());
    assert_eq!(send(&mut lane), [(1, 0, 1), (2, 0, 2)]);
    let duplicate = v1::ProduceResult {
        duplicate: true,
        ..acknowledged(1)
    };
    lane.settle(1, duplicate).unwrap();
    lane.settle(2, acknowledged(2)).unwrap();
    for delivery in deliveries {
        delivery.await.unwrap();
    }
}

#[tokio::test]
async fn behind_a_batch_that_is_refused_for_good_the_next_takes_its_number() {
    let mut lane = known_lane(false).await;
    let bad = push(&mut lane, 1).await;
    let good = [push(&mut lane, 2).await, push(&mut lane, 1).await];
    send(&mut lane);
    lane.settle(1, refused(Reason::BatchTooLarge)).unwrap();
    assert!(matches!(bad.await, Err(ProduceError::Refused(_))));
    lane.settle(2, refused(Reason::OutOfOrderSequence)).unwrap();
    assert_eq!(send(&mut lane), [], "one is under way still");
    lane.settle(3, refused(Reason::OutOfOrderSequence)).unwrap();
    assert_eq!(send(&mut lane), [(2, 0, 1), (3, 0, 3)]);
    lane.settle(2, acknowledged(1)).unwrap();
    lane.settle(3, acknowledged(3)).unwrap();
    for delivery in good {
        delivery.await.unwrap();
    }
}

#[tokio::test]
async fn a_batch_that_may_be_written_is_never_given_other_numbers() {
    let mut lane = known_lane(false).await;
    let (first, second) = (push(&mut lane, 1).await, push(&mut lane, 1).await);
    send(&mut lane);
    lane.lose(|_| true, &broken());
    // The first one's time is over while nobody knows; the second comes too late for its old number.
    lane.batches[0].in_flight.deadline = Instant::now();
    lane.expire(Instant::now());
    assert!(matches!(
        first.await,
        Err(ProduceError::OutcomeUnknown { .. })
    ));
    assert!(matches!(
        second.await,
        Err(ProduceError::OutcomeUnknown { .. })
    ));
    let third = push(&mut lane, 1).await;
    assert_eq!(send(&mut lane), [(3, 1, 0)]);
    lane.settle(3, acknowledged(5)).unwrap();
    third.await.unwrap();
}

#[tokio::test]
async fn behind_a_batch_that_may_be_written_refused_ones_do_not_lend_their_numbers() {
    let mut lane = known_lane(false).await;
    let (first, second) = (push(&mut lane, 1).await, push(&mut lane, 1).await);
    send(&mut lane);
    lane.lose(|_| true, &broken());
    send(&mut lane);
    lane.settle(1, refused(Reason::BatchTooLarge)).unwrap();
    assert!(!first.await.unwrap_err().certainly_not_written());
    lane.settle(2, refused(Reason::OutOfOrderSequence)).unwrap();
    assert!(!second.await.unwrap_err().certainly_not_written());
    let third = push(&mut lane, 1).await;
    assert_eq!(
        send(&mut lane),
        [(3, 1, 0)],
        "one until the first is acknowledged"
    );
    lane.settle(3, acknowledged(5)).unwrap();
    third.await.unwrap();
}

#[tokio::test]
async fn no_number_is_used_twice_once_there_is_no_epoch_left() {
    let mut lane = known_lane(false).await;
    lane.epoch = i16::MAX;
    let given_up = push(&mut lane, 1).await;
    let behind = push(&mut lane, 1).await;
    send(&mut lane);
    lane.batches[0].in_flight.deadline = Instant::now();
    lane.lose(|id| id == 1, &broken());
    lane.expire(Instant::now());
    assert!(!given_up.await.unwrap_err().certainly_not_written());
    assert!(matches!(behind.await, Err(ProduceError::UsedUp)));
    assert!(matches!(
        push(&mut lane, 1).await.await,
        Err(ProduceError::UsedUp)
    ));
    assert_eq!(send(&mut lane), []);
}

#[tokio::test]
async fn who_stops_at_a_failure_has_nothing_written_behind_it() {
    let mut lane = known_lane(true).await;
    let bad = push(&mut lane, 1).await;
    let behind = push(&mut lane, 1).await;
    send(&mut lane);
    lane.settle(1, refused(Reason::BatchTooLarge)).unwrap();
    lane.settle(2, refused(Reason::OutOfOrderSequence)).unwrap();
    assert!(bad.await.is_err());
    assert!(matches!(behind.await, Err(ProduceError::BehindFailed)));
    let later = push(&mut lane, 1).await;
    assert!(matches!(later.await, Err(ProduceError::BehindFailed)));
    assert!(lane.is_empty());
}

#[tokio::test]
async fn a_duplicate_whose_offset_is_forgotten_is_not_told_as_refused() {
    let mut lane = known_lane(false).await;
    let delivery = push(&mut lane, 1).await;
    send(&mut lane);
    lane.settle(1, refused(Reason::DuplicateSequence)).unwrap();
    let error = delivery.await.unwrap_err();
    assert!(!error.certainly_not_written(), "{error:?}");
}

#[tokio::test]
async fn numbers_wrap_behind_the_largest() {
    let mut lane = known_lane(false).await;
    lane.next_sequence = i32::MAX;
    let deliveries = [push(&mut lane, 3).await, push(&mut lane, 1).await];
    assert_eq!(send(&mut lane), [(1, 0, i32::MAX), (2, 0, 2)]);
    drop(deliveries);
}
