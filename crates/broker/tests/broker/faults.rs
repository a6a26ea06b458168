use std::path::Path;
use std::time::Duration;

use broker::{BrokerSettings, FetchError, NotReadyReason, PartitionError, ProduceError};
use model::Offset;
use segment_log::disk::SimulatedDisk;

use crate::harness::{batch, eventually, name, numbered, settings, start, start_with};

#[tokio::test]
async fn a_full_disk_refuses_batches_serves_reads_and_recovers_without_a_restart() {
    let disk = SimulatedDisk::new(1);
    let node = start(disk.mount()).await;
    node.create("t", 1, &[]).await;
    node.produce_values("t", numbered("v", 10)).await;
    disk.set_capacity(8 << 20);
    let value = "x".repeat(900_000);
    let mut refused = None;
    for _ in 0..20 {
        if let Err(error) = node.produce("t", batch(&[&value])).await {
            refused = Some(error);
            break;
        }
    }
    let refused = refused.expect("the disk fills up");
    assert!(matches!(refused, ProduceError::NoSpace { .. }), "{refused}");
    assert_eq!(node.values("t").await[..10], numbered("v", 10));
    assert!(
        node.broker.readiness().is_ready(),
        "a full disk is no damage"
    );
    disk.set_capacity(1 << 30);
    node.produce("t", batch(&[&value])).await.unwrap();
    node.stop().await;
}

/// Others fill the disk too: then what was promised cannot be kept at once, and is kept later.
#[tokio::test]
async fn a_batch_that_a_filling_disk_catches_on_its_way_is_acknowledged_once_there_is_space() {
    let disk = SimulatedDisk::new(1);
    let node = start(disk.mount()).await;
    node.create("t", 1, &[]).await;
    node.produce_values("t", numbered("v", 10)).await;
    disk.set_capacity(1 << 16);
    let value = "x".repeat(500_000);
    let produced = tokio::join!(node.produce("t", batch(&[&value])), async {
        // Whatever becomes of the batch meanwhile, reads go on.
        assert_eq!(node.values("t").await[..10], numbered("v", 10));
        disk.set_capacity(1 << 30);
    });
    match produced.0 {
        Ok(produced) => assert_eq!(produced.base_offset, Offset::new(10)),
        Err(refused) => assert!(matches!(refused, ProduceError::NoSpace { .. }), "{refused}"),
    }
    node.produce("t", batch(&["next"])).await.unwrap();
    assert!(node.broker.readiness().is_ready());
    node.stop().await;
}

#[tokio::test]
async fn records_are_deleted_on_a_full_disk_to_make_room() {
    let disk = SimulatedDisk::new(1);
    let node = start(disk.mount()).await;
    node.create("t", 1, &[("segment.bytes", "65536")]).await;
    let values: Vec<_> = (0..300).map(|_| "x".repeat(10_000)).collect();
    node.produce_values("t", values).await;
    disk.set_capacity(4 << 20);
    let value = "x".repeat(900_000);
    while node.produce("t", batch(&[&value])).await.is_ok() {}
    let high_watermark = node.broker.topic(&name("t")).unwrap().partitions[0].high_watermark;
    let deleted = node
        .broker
        .delete_records(&name("t"), model::PartitionIndex::new(0), None)
        .await;
    assert_eq!(deleted, Ok(high_watermark));
    let fits = async || node.produce("t", batch(&[&value])).await.is_ok();
    eventually("there is room again", fits).await;
    node.stop().await;
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_acknowledged_and_what_was_durable_can_be_read() {
    let disk = SimulatedDisk::new(1);
    let node = start(disk.mount()).await;
    node.create("t", 1, &[]).await;
    node.create("other", 1, &[]).await;
    node.produce_values("t", numbered("v", 10)).await;
    let id = node.broker.topic(&name("t")).unwrap().id.unwrap();
    disk.fail_next_sync(&format!("{id}/0/00000000000000000000.0.log"));
    let failed = node.produce("t", batch(&["lost"])).await.unwrap_err();
    assert!(
        matches!(failed, ProduceError::OutcomeUnknown { .. }),
        "{failed}"
    );
    let refused = node.produce("t", batch(&["refused"])).await.unwrap_err();
    assert!(
        matches!(
            refused,
            ProduceError::Partition(PartitionError::Stopped { .. })
        ),
        "{refused}"
    );
    assert_eq!(node.values("t").await, numbered("v", 10));
    let readiness = node.broker.readiness();
    assert!(matches!(
        readiness.not_ready[0].reason,
        NotReadyReason::Unusable(PartitionError::Stopped { .. })
    ));
    // The others go on.
    let produced = node.produce("other", batch(&["v"])).await.unwrap();
    assert_eq!(produced.base_offset, Offset::ZERO);
    node.stop().await;
}

#[tokio::test]
async fn the_scrub_finds_what_decays_after_it_was_read_and_none_of_it_is_served() {
    let disk = SimulatedDisk::new(1);
    let settings = BrokerSettings {
        scrub_interval: Duration::from_millis(10),
        scrub_bytes_per_second: 64 << 30,
        ..settings()
    };
    let node = start_with(disk.mount(), settings).await.unwrap();
    node.create("t", 1, &[("segment.bytes", "65536")]).await;
    let values: Vec<_> = (0..30).map(|_| "x".repeat(5_000)).collect();
    node.produce_values("t", values.clone()).await;
    assert_eq!(node.values("t").await, values);
    let id = node.broker.topic(&name("t")).unwrap().id.unwrap();
    let file = format!("partitions/{id}/0/00000000000000000000.0.log");
    disk.flip_bit(Path::new(&file), 20_000, 3).unwrap();
    let is_refused = async || {
        let answer = node.fetch("t", 3).await;
        matches!(&answer.partitions[0], Err(FetchError::Damaged { file: found, .. }) if *found == Path::new(&file))
    };
    eventually("the scrub meets the damage", is_refused).await;
    // What lies before and behind it is served.
    assert!(node.fetch("t", 0).await.partitions[0].is_ok());
    assert!(node.fetch("t", 20).await.partitions[0].is_ok());
    node.stop().await;
}
