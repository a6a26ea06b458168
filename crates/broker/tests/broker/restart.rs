use std::path::Path;
use std::sync::Arc;

use broker::{BrokerSettings, FetchError, NotReadyReason, PartitionError, StartError};
use model::PartitionIndex;
use segment_log::KeyedJournal;
use segment_log::disk::{Disk, RealDisk, SimulatedDisk};

use crate::harness::{Node, batch, name, numbered, settings, start, start_with};

/// The same disk, started once more.
fn again(counter: u64) -> BrokerSettings {
    let mut settings = settings();
    settings.identity.start_counter = counter;
    settings
}

#[tokio::test]
async fn a_restart_on_a_real_directory_finds_every_acknowledged_record() {
    let directory = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 1..4 {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(directory.path()));
        let node = start_with(disk, again(round)).await.unwrap();
        if round > 1 {
            assert_eq!(node.values("t").await, expected);
        }
        let values = numbered(&format!("round {round} "), 100);
        node.produce_values("t", values.clone()).await;
        expected.extend(values);
        assert!(node.broker.readiness().is_ready());
        node.stop().await;
    }
}

#[tokio::test]
async fn a_killed_process_and_a_power_cut_lose_nothing_acknowledged() {
    for seed in 0..5 {
        println!("seed {seed}");
        let disk = SimulatedDisk::new(seed);
        let mut expected = Vec::new();
        for round in 1..5 {
            let node = start_with(disk.mount(), again(round)).await.unwrap();
            if round > 1 {
                assert_eq!(node.values("t").await, expected);
            }
            let values = numbered(&format!("round {round} "), 40);
            node.produce_values("t", values.clone()).await;
            expected.extend(values);
            match round % 2 {
                0 => disk.kill(),
                _ => disk.crash(),
            }
            // The old process writes no more; its threads are put away.
            node.stop().await;
        }
    }
}

#[tokio::test]
async fn a_topic_deleted_while_its_files_stayed_is_cleared_away_at_the_next_start() {
    let disk = SimulatedDisk::new(1);
    let node = start(disk.mount()).await;
    node.create("t", 1, &[]).await;
    node.stop().await;
    // As if the process had died between the deletion's commit and that of the files.
    let leftover = "partitions/0102030405060708090a0b0c0d0e0f10/0";
    disk.mount().create_directory(Path::new(leftover)).unwrap();
    let node = start_with(disk.mount(), again(2)).await.unwrap();
    assert!(!disk.mount().exists(Path::new(leftover)).unwrap());
    node.stop().await;
}

#[tokio::test]
async fn partitions_without_their_metadata_are_not_taken_for_leftovers() {
    let disk = SimulatedDisk::new(1);
    let orphan = "partitions/0102030405060708090a0b0c0d0e0f10/0";
    // Without these nothing starts at all.
    for journal in ["noted-ends", "votes"] {
        KeyedJournal::open(disk.mount(), Path::new(journal)).unwrap();
    }
    disk.mount().create_directory(Path::new(orphan)).unwrap();
    let refused = start_with(disk.mount(), settings()).await.err().unwrap();
    assert!(
        matches!(refused, StartError::MetadataLost { partitions: 1 }),
        "{refused}"
    );
    assert!(disk.mount().exists(Path::new(orphan)).unwrap());
}

#[tokio::test]
async fn an_older_copy_of_the_disk_is_refused() {
    let disk = SimulatedDisk::new(1);
    start_with(disk.mount(), again(7))
        .await
        .unwrap()
        .stop()
        .await;
    let refused = start_with(disk.mount(), again(6)).await.err().unwrap();
    assert!(matches!(refused, StartError::Register(_)), "{refused}");
}

async fn damaged(disk: &SimulatedDisk) -> Node {
    let node = start(disk.mount()).await;
    node.create("good", 1, &[]).await;
    node.produce_values("good", numbered("v", 10)).await;
    node.produce_values("bad", numbered("v", 10)).await;
    let id = node.broker.topic(&name("bad")).unwrap().id.unwrap();
    node.stop().await;
    let file = format!("partitions/{id}/0/00000000000000000000.0.log");
    disk.flip_bit(Path::new(&file), 300, 3).unwrap();
    start_with(disk.mount(), again(2)).await.unwrap()
}

#[tokio::test]
async fn a_damaged_partition_refuses_by_file_and_byte_and_the_others_serve() {
    let disk = SimulatedDisk::new(1);
    let node = damaged(&disk).await;
    assert_eq!(node.values("good").await.len(), 10);
    node.produce("good", batch(&["v"])).await.unwrap();
    let answer = node.fetch("bad", 0).await;
    let error = answer.partitions[0].as_ref().unwrap_err();
    let FetchError::Partition(PartitionError::Damaged { file, .. }) = error else {
        panic!("{error:?}")
    };
    assert!(file.ends_with("00000000000000000000.0.log"));
    assert!(node.produce("bad", batch(&["v"])).await.is_err());
    let readiness = node.broker.readiness();
    assert_eq!(readiness.not_ready.len(), 1);
    assert_eq!(readiness.not_ready[0].topic, name("bad"));
    assert_eq!(readiness.not_ready[0].partition, PartitionIndex::new(0));
    assert!(matches!(
        readiness.not_ready[0].reason,
        NotReadyReason::Unusable(_)
    ));
    assert!(
        node.broker.topic(&name("bad")).unwrap().partitions[0]
            .problem
            .is_some()
    );
    // Deleting the topic is a way out.
    node.broker.delete_topic(&name("bad")).await.unwrap();
    assert!(node.broker.readiness().is_ready());
    node.stop().await;
}

#[tokio::test]
async fn a_broker_alone_whose_metadata_is_damaged_refuses_to_start_and_names_file_and_byte() {
    let disk = SimulatedDisk::new(1);
    let node = start(disk.mount()).await;
    node.create("t", 1, &[]).await;
    node.stop().await;
    let file = "state/metadata/00000000000000000000.0.log";
    disk.flip_bit(Path::new(file), 200, 3).unwrap();
    for start_counter in 2..4 {
        let started = start_with(disk.mount(), again(start_counter)).await;
        let refused = started.err().expect("is refused").to_string();
        assert!(
            refused.contains(file) && refused.contains("at byte"),
            "{refused}"
        );
    }
}
