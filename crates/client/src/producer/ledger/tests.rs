//! Tests of the ledger: who gets which result when results come, are late or never come.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use model::batch::{BatchBuilder, Codec};
use model::{Offset, PartitionIndex, Timestamp, TopicName};
use rpc::Reason;

use super::*;
use crate::producer::batch::OutgoingBatch;
use crate::producer::delivery::Delivery;
use crate::producer::window::Window;

async fn batch_for(partition: u32, ledger: &mut Ledger) -> Delivery {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push(Timestamp::default(), None, Some(&Bytes::new()), &[]);
    let topic = TopicName::new("t").unwrap();
    let batch = OutgoingBatch::encoded(
        topic,
        PartitionIndex::new(partition),
        &builder.build().unwrap(),
    );
    let room = Window::new(10, 1000).enter(1).await;
    let (in_flight, delivery) = InFlight::new(batch, room, Duration::from_secs(30));
    ledger.push(in_flight);
    delivery
}

fn acknowledged(batch: i64, base_offset: i64) -> v1::ProduceResult {
    v1::ProduceResult {
        batch,
        base_offset,
        records: 1,
        durability: v1::Durability::Fsync.into(),
        ..Default::default()
    }
}

fn refused(batch: i64, reason: Reason) -> v1::ProduceResult {
    let error = v1::Error {
        code: reason.code() as i32,
        reason: reason.as_str().to_owned(),
        message: "no".to_owned(),
        metadata: HashMap::new(),
    };
    v1::ProduceResult {
        batch,
        error: Some(error),
        ..Default::default()
    }
}

fn broken() -> CallError {
    CallError::Disconnected {
        address: "h:1".to_owned(),
        cause: "cut".to_owned(),
    }
}

fn base_offset(delivered: Delivered) -> Offset {
    match delivered {
        Delivered::Acknowledged(acknowledgement) => acknowledgement.base_offset,
        Delivered::Sent => panic!("no acknowledgement"),
    }
}

#[tokio::test]
async fn results_go_to_the_batches_in_the_order_of_sending() {
    let mut ledger = Ledger::default();
    let first = batch_for(0, &mut ledger).await;
    let second = batch_for(0, &mut ledger).await;
    ledger.settle(acknowledged(0, 70)).unwrap();
    ledger.settle(acknowledged(1, 71)).unwrap();
    assert!(ledger.is_drained());
    assert_eq!(base_offset(first.await.unwrap()), Offset::new(70));
    assert_eq!(base_offset(second.await.unwrap()), Offset::new(71));
}

#[tokio::test]
async fn results_that_skip_repeat_or_invent_a_batch_are_not_believed() {
    let mut ledger = Ledger::default();
    let _first = batch_for(0, &mut ledger).await;
    assert!(ledger.settle(acknowledged(1, 0)).is_err());
    assert!(ledger.settle(acknowledged(-1, 0)).is_err());
    ledger.settle(acknowledged(0, 0)).unwrap();
    assert!(ledger.settle(acknowledged(0, 0)).is_err());
    assert!(ledger.settle(acknowledged(1, 0)).is_err());
}

#[tokio::test]
async fn a_batch_whose_acknowledgement_makes_no_sense_has_an_unknown_outcome() {
    let mut ledger = Ledger::default();
    let delivery = batch_for(0, &mut ledger).await;
    assert!(ledger.settle(acknowledged(0, -7)).is_err());
    let error = delivery.await.unwrap_err();
    assert!(
        matches!(error, ProduceError::OutcomeUnknown { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_passing_refusal_is_kept_to_be_sent_again() {
    let mut ledger = Ledger::default();
    let mut delivery = batch_for(0, &mut ledger).await;
    ledger.settle(refused(0, Reason::NotLeader)).unwrap();
    assert!(ledger.is_drained() && ledger.must_pause());
    assert!(futures_util::poll!(&mut delivery).is_pending());
    assert_eq!(ledger.take_refused().len(), 1);
    assert!(!ledger.must_pause());
}

#[tokio::test]
async fn a_full_disk_is_told_at_once() {
    let mut ledger = Ledger::default();
    let delivery = batch_for(0, &mut ledger).await;
    ledger.settle(refused(0, Reason::NoSpace)).unwrap();
    assert!(!ledger.must_pause());
    assert!(delivery.await.unwrap_err().certainly_not_written());
}

#[tokio::test]
async fn what_a_later_batch_has_overtaken_is_not_sent_again() {
    let mut ledger = Ledger::default();
    let overtaken = batch_for(0, &mut ledger).await;
    let mut elsewhere = batch_for(1, &mut ledger).await;
    let _later = batch_for(0, &mut ledger).await;
    ledger.settle(refused(0, Reason::NotLeader)).unwrap();
    ledger.settle(refused(1, Reason::NotLeader)).unwrap();
    ledger.settle(acknowledged(2, 5)).unwrap();
    assert!(matches!(overtaken.await, Err(ProduceError::Refused(_))));
    assert!(futures_util::poll!(&mut elsewhere).is_pending());
    assert_eq!(ledger.take_refused().len(), 1);
}

#[tokio::test]
async fn after_a_break_what_had_left_is_unknown_and_the_rest_is_sent_again_in_order() {
    let mut ledger = Ledger::default();
    let left = batch_for(0, &mut ledger).await;
    let _waiting = batch_for(0, &mut ledger).await;
    let _behind = batch_for(1, &mut ledger).await;
    let again = ledger.abandon(1, &broken());
    assert_eq!(again.len(), 2);
    assert!(again.iter().all(|in_flight| in_flight.setback.is_some()));
    let error = left.await.unwrap_err();
    assert!(!error.certainly_not_written(), "{error:?}");
}

#[tokio::test]
async fn a_late_result_is_for_nobody_and_later_ones_still_fit() {
    let mut ledger = Ledger::default();
    let late = batch_for(0, &mut ledger).await;
    ledger.expire(Instant::now() + Duration::from_secs(31));
    assert!(ledger.is_drained());
    let next = batch_for(0, &mut ledger).await;
    ledger.settle(acknowledged(0, 3)).unwrap();
    ledger.settle(acknowledged(1, 4)).unwrap();
    assert!(!late.await.unwrap_err().certainly_not_written());
    assert_eq!(base_offset(next.await.unwrap()), Offset::new(4));
}
