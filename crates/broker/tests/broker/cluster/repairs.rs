//! Damage on the disk of one broker of three.

use std::collections::BTreeMap;

use broker::CreateTopic;

use super::stage::Stage;
use crate::harness::{eventually, name, numbered};

#[tokio::test]
async fn a_scrub_finds_flipped_bits_and_the_replica_gets_the_same_bytes_again() {
    let stage = Stage::of(3).await;
    let configs = [("segment.bytes", "65536")];
    let configs = configs.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let wanted = CreateTopic {
        name: name("t"),
        partitions: Some(1),
        replication_factor: Some(3),
        configs: BTreeMap::from(configs),
        validate_only: false,
    };
    stage.broker(0).create_topic(wanted).await.expect("created");
    stage.all_ready().await;
    let mut expected = Vec::new();
    for round in 0..60 {
        let values = numbered(&format!("{round:01000} "), 5);
        let leader = stage.leader("t").await;
        stage.node(leader).produce_values("t", values.clone()).await;
        expected.extend(values);
    }
    stage.all_ready().await;
    let leader = stage.leader("t").await;
    for damaged in [leader, (leader + 1) % 3] {
        let whole = stage.segments(damaged, "t");
        assert!(whole.len() > 2, "{}", whole.len());
        let sealed = &whole[..whole.len() - 1];
        for (file, bytes) in sealed {
            stage.flip_bit(damaged, file, bytes.len() as u64 / 2);
        }
        stage.broker(damaged).scrub_now().await;
        eventually("the bytes are as before", async || {
            stage.segments(damaged, "t")[..sealed.len()] == *sealed
        })
        .await;
        stage.all_ready().await;
        assert_eq!(stage.values("t").await, expected);
    }
}
