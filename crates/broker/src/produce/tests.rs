use std::sync::Arc;

use model::{Acks, Durability, Offset};
use rand::Rng;
use rand::seq::SliceRandom;

use super::in_order::InOrder;
use super::{ProduceResult, Produced};
use crate::meters::Meters;
use crate::test_seed::seeded;
use crate::{PartitionError, ProduceError};

fn order(batches_max: u32) -> Arc<InOrder> {
    Arc::new(InOrder::new(batches_max, Arc::new(Meters::new())))
}

/// Batches whose tag is a multiple of five are refused.
fn outcome(tag: u64) -> Result<Produced, ProduceError> {
    if tag.is_multiple_of(5) {
        return Err(PartitionError::ShuttingDown.into());
    }
    Ok(Produced {
        base_offset: Offset::new(tag),
        records: 1,
        durability: Durability::Fsync,
        duplicate: false,
    })
}

async fn all_results(order: &InOrder) -> Vec<ProduceResult> {
    let mut results = Vec::new();
    while order.take(&mut results).await {}
    results
}

#[tokio::test]
async fn results_leave_in_the_order_of_submission_however_they_come() {
    let mut random = seeded();
    for _ in 0..50 {
        let order = order(10_000);
        let count = random.random_range(1..300);
        let mut places = Vec::new();
        for tag in 0..count {
            let acks = if tag % 7 == 3 {
                Acks::None
            } else {
                Acks::Quorum
            };
            places.push((tag, order.begin(tag, acks).await));
        }
        order.end();
        places.shuffle(&mut random);
        let finishing = {
            let order = order.clone();
            let chunks: Vec<Vec<_>> = places.chunks(37).map(<[_]>::to_vec).collect();
            let threads = chunks.into_iter().map(move |chunk| {
                let order = order.clone();
                std::thread::spawn(move || {
                    for (tag, place) in chunk {
                        order.finish(place, outcome(tag));
                        // The first result counts.
                        order.finish(place, outcome(0));
                    }
                })
            });
            threads.collect::<Vec<_>>()
        };
        let results = all_results(&order).await;
        for thread in finishing {
            thread.join().unwrap();
        }
        let wanted: Vec<_> = (0..count)
            .filter(|tag| tag % 7 != 3)
            .map(|tag| ProduceResult {
                tag,
                outcome: outcome(tag),
            })
            .collect();
        assert_eq!(results, wanted);
    }
}

#[tokio::test]
async fn many_results_are_taken_in_one_go() {
    let order = order(100);
    let mut places = Vec::new();
    for tag in 0..10 {
        places.push(order.begin(tag, Acks::Quorum).await);
    }
    for place in places.iter().skip(1).rev() {
        order.finish(*place, outcome(1));
    }
    let mut results = Vec::new();
    let waits = futures_util::poll!(std::pin::pin!(order.take(&mut results))).is_pending();
    assert!(waits, "the first is not ready");
    order.finish(places[0], outcome(1));
    assert!(order.take(&mut results).await);
    assert_eq!(results.len(), 10);
}

#[tokio::test]
async fn a_session_takes_no_more_than_its_room_until_results_are_taken() {
    let order = order(2);
    let first = order.begin(1, Acks::Quorum).await;
    order.begin(2, Acks::Quorum).await;
    let waits = futures_util::poll!(std::pin::pin!(order.begin(3, Acks::Quorum))).is_pending();
    assert!(waits);
    order.finish(first, outcome(1));
    let mut results = Vec::new();
    assert!(order.take(&mut results).await);
    order.begin(3, Acks::Quorum).await;
}

#[tokio::test]
async fn batches_without_acknowledgement_need_nobody_who_takes_results() {
    let order = order(1);
    for tag in 0..10 {
        let place = order.begin(tag, Acks::None).await;
        order.finish(place, outcome(tag));
    }
    order.end();
    assert_eq!(all_results(&order).await, []);
}

#[tokio::test]
async fn results_that_nobody_takes_any_more_make_room() {
    let order = order(1);
    let place = order.begin(1, Acks::Quorum).await;
    order.abandon();
    order.finish(place, outcome(1));
    order.begin(2, Acks::Quorum).await;
}
