use std::time::Duration;

use broker::BrokerSettings;
use model::{Offset, Timestamp};
use segment_log::disk::SimulatedDisk;

use crate::harness::{Node, batch_at, eventually, name, numbered, settings, start, start_with};

async fn retain(node: &Node) -> Offset {
    let applied = node.broker.apply_retention(&name("t")).await.unwrap();
    applied[0].1.clone().unwrap()
}

fn on_disk(node: &Node) -> u64 {
    node.broker.topic(&name("t")).unwrap().partitions[0].bytes
}

/// Produces batches of ~1 KiB that bear the clock's time.
async fn fill(node: &Node, count: usize) {
    let now: Timestamp = model::Clock::now(&node.clock);
    let value = "x".repeat(1000);
    let batches = (0..count).map(|_| batch_at(&[&value], now)).collect();
    for outcome in node.produce_all("t", batches).await {
        outcome.unwrap();
    }
}

#[tokio::test]
async fn old_segments_go_with_their_files_and_stay_gone_after_a_restart() {
    let disk = SimulatedDisk::new(1);
    let node = start(disk.mount()).await;
    node.create(
        "t",
        1,
        &[("segment.bytes", "65536"), ("retention.ms", "3600000")],
    )
    .await;
    fill(&node, 200).await;
    let bytes = on_disk(&node);
    assert_eq!(retain(&node).await, Offset::ZERO);
    node.clock.advance(Duration::from_secs(3600 + 1));
    fill(&node, 1).await;
    let log_start = retain(&node).await;
    assert!(log_start > Offset::new(120), "{log_start}");
    let shrinks = async || on_disk(&node) < bytes / 2;
    eventually("old segments are deleted", shrinks).await;
    node.stop().await;
    let node = start(disk.mount()).await;
    let partition = node.broker.topic(&name("t")).unwrap().partitions[0].clone();
    assert_eq!(partition.log_start, log_start);
    assert_eq!(partition.high_watermark, Offset::new(201));
    node.stop().await;
}

#[tokio::test]
async fn a_quiet_topic_is_emptied_and_goes_on_at_its_offset() {
    let node = start(SimulatedDisk::new(1).mount()).await;
    node.create("t", 1, &[("retention.ms", "3600000")]).await;
    fill(&node, 3).await;
    node.clock.advance(Duration::from_secs(2 * 3600));
    assert_eq!(retain(&node).await, Offset::new(3));
    assert!(node.values("t").await.is_empty());
    assert_eq!(retain(&node).await, Offset::new(3));
    fill(&node, 1).await;
    assert_eq!(node.values("t").await.len(), 1);
    assert_eq!(
        node.broker.topic(&name("t")).unwrap().partitions[0].high_watermark,
        Offset::new(4)
    );
    node.stop().await;
}

#[tokio::test]
async fn retention_by_size_keeps_the_newest_bytes() {
    let node = start(SimulatedDisk::new(1).mount()).await;
    node.create(
        "t",
        1,
        &[("segment.bytes", "65536"), ("retention.bytes", "100000")],
    )
    .await;
    fill(&node, 300).await;
    let log_start = retain(&node).await;
    assert!(log_start > Offset::new(100), "{log_start}");
    let shrinks = async || (100_000..200_000).contains(&on_disk(&node));
    eventually("old segments are deleted", shrinks).await;
    node.stop().await;
}

#[tokio::test]
async fn a_compacted_topic_keeps_everything() {
    let node = start(SimulatedDisk::new(1).mount()).await;
    let configs = [
        ("cleanup.policy", "compact"),
        ("retention.ms", "1"),
        ("retention.bytes", "1"),
    ];
    node.create("t", 1, &configs).await;
    node.produce_values("t", numbered("v", 10)).await;
    node.clock.advance(Duration::from_secs(3600));
    assert_eq!(retain(&node).await, Offset::ZERO);
    node.stop().await;
}

#[tokio::test]
async fn retention_is_applied_in_the_background_to_a_steady_load() {
    let settings = BrokerSettings {
        retention_interval: Duration::from_millis(10),
        ..settings()
    };
    let node = start_with(SimulatedDisk::new(1).mount(), settings)
        .await
        .unwrap();
    node.create(
        "t",
        1,
        &[("segment.bytes", "65536"), ("retention.ms", "60000")],
    )
    .await;
    for _ in 0..10 {
        fill(&node, 100).await;
        node.clock.advance(Duration::from_secs(50));
    }
    let shrinks = async || on_disk(&node) < 400_000;
    eventually("old segments are deleted", shrinks).await;
    fill(&node, 1).await;
    let partition = node.broker.topic(&name("t")).unwrap().partitions[0].clone();
    assert_eq!(partition.high_watermark, Offset::new(1001));
    assert!(
        partition.log_start >= Offset::new(600),
        "{}",
        partition.log_start
    );
    node.stop().await;
}
