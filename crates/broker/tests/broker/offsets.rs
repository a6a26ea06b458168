use std::time::Duration;

use broker::{FoundOffset, ListOffsetsError, OffsetAt, OffsetQuery, PartitionError};
use model::batch::{BatchBuilder, Codec};
use model::{Offset, PartitionIndex, Timestamp};
use segment_log::disk::SimulatedDisk;

use crate::harness::{Node, START, batch_at, name, start};

async fn at(
    node: &Node,
    topic: &str,
    at: OffsetAt,
) -> Result<Option<FoundOffset>, ListOffsetsError> {
    let query = OffsetQuery {
        topic: name(topic),
        partition: PartitionIndex::new(0),
        at,
    };
    node.broker.list_offsets(vec![query]).await.remove(0)
}

fn found(offset: u64, timestamp: Option<Timestamp>) -> Option<FoundOffset> {
    Some(FoundOffset {
        offset: Offset::new(offset),
        timestamp,
    })
}

fn after(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

#[tokio::test]
async fn the_ends_and_the_exact_record_at_a_time_are_found() {
    let node = start(SimulatedDisk::new(1).mount()).await;
    node.create("t", 1, &[]).await;
    assert_eq!(at(&node, "t", OffsetAt::Latest).await, Ok(found(0, None)));
    for base in [0, 10] {
        let mut builder = BatchBuilder::new(Codec::Lz4);
        for n in 0..10 {
            builder.push(after(base + n), None, Some(b"v"), &[]);
        }
        node.produce("t", builder.build().unwrap()).await.unwrap();
    }
    assert_eq!(at(&node, "t", OffsetAt::Earliest).await, Ok(found(0, None)));
    assert_eq!(at(&node, "t", OffsetAt::Latest).await, Ok(found(20, None)));
    for n in [0, 7, 10, 19] {
        let record = at(&node, "t", OffsetAt::Timestamp(after(n))).await;
        assert_eq!(record, Ok(found(n, Some(after(n)))));
    }
    assert_eq!(
        at(&node, "t", OffsetAt::Timestamp(after(20))).await,
        Ok(None)
    );
    let ancient = at(&node, "t", OffsetAt::Timestamp(Timestamp::from_millis(0))).await;
    assert_eq!(ancient, Ok(found(0, Some(START))));
    node.stop().await;
}

#[tokio::test]
async fn records_that_were_deleted_are_not_found_by_time() {
    let node = start(SimulatedDisk::new(1).mount()).await;
    node.create("t", 1, &[]).await;
    // The second record of the first batch is the latest of all.
    let mut builder = BatchBuilder::new(Codec::None);
    for seconds in [0, 50, 1, 2] {
        builder.push(after(seconds), None, Some(b"v"), &[]);
    }
    node.produce("t", builder.build().unwrap()).await.unwrap();
    node.produce("t", batch_at(&["v"], after(40)))
        .await
        .unwrap();
    assert_eq!(
        at(&node, "t", OffsetAt::Timestamp(after(40))).await,
        Ok(found(1, Some(after(50))))
    );
    node.broker
        .delete_records(&name("t"), PartitionIndex::new(0), Some(Offset::new(2)))
        .await
        .unwrap();
    assert_eq!(at(&node, "t", OffsetAt::Earliest).await, Ok(found(2, None)));
    assert_eq!(
        at(&node, "t", OffsetAt::Timestamp(after(40))).await,
        Ok(found(4, Some(after(40))))
    );
    node.stop().await;
}

#[tokio::test]
async fn an_unknown_topic_is_named() {
    let node = start(SimulatedDisk::new(1).mount()).await;
    let refused = at(&node, "none", OffsetAt::Latest).await.unwrap_err();
    assert_eq!(
        refused,
        PartitionError::UnknownTopic {
            topic: name("none")
        }
        .into()
    );
    node.stop().await;
}
