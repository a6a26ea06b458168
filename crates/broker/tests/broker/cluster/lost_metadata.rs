//! Damage in the metadata on the disks of brokers: they start once the others have repaired it.

use std::path::{Path, PathBuf};

use super::stage::Stage;
use crate::harness::{batch, name, numbered};

#[tokio::test]
async fn a_broker_whose_metadata_is_damaged_has_it_repaired_before_it_starts() {
    let mut stage = Stage::of(3).await;
    stage.create(0, "t", 2, 3).await;
    let values = numbered("v", 20);
    stage.produce_values("t", values.clone()).await;
    for damaged in [2, 0] {
        stage.stop(damaged).await;
        let file = metadata_log(&stage, damaged);
        stage.flip_bit(damaged, &file, 200);
        let via = stage.running()[0];
        // What has changed since must be known to it once it has started.
        let topic = format!("without-{damaged}");
        stage.create(via, &topic, 1, 2).await;
        stage.start(damaged).await;
        stage.all_ready().await;
        assert!(stage.broker(damaged).topic(&name(&topic)).is_ok());
        stage.produce(&topic, batch(&["v"])).await;
    }
    assert_eq!(stage.values("t").await, values);
}

#[tokio::test]
async fn brokers_whose_metadata_is_damaged_in_different_places_repair_each_others() {
    let mut stage = Stage::of(3).await;
    stage.create(0, "t", 2, 3).await;
    let values = numbered("v", 20);
    stage.produce_values("t", values.clone()).await;
    for broker in 0..3 {
        stage.stop(broker).await;
    }
    for broker in 0..3 {
        let file = metadata_log(&stage, broker);
        stage.flip_bit(broker, &file, 150 + 150 * u64::from(broker));
    }
    stage.start_all(&[0, 1, 2]).await;
    stage.all_ready().await;
    assert_eq!(stage.values("t").await, values);
    stage.create(1, "later", 1, 3).await;
}

fn metadata_log(stage: &Stage, broker: u32) -> PathBuf {
    let file = Path::new("state/metadata/00000000000000000000.0.log");
    assert!(stage.has_path(broker, &file.display().to_string()));
    file.to_owned()
}
