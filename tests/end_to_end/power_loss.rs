//! Power cuts under load: what was acknowledged on an fsync topic is found at its offset when the power is back.
//!
//! `STRAND_POWER_CUTS` sets the number of cuts (3 unless set).

use checker::history::Action;
use strandline_tests::chance::Chance;
use strandline_tests::harness::{Broker, LoopDisk, Plan, skip};
use strandline_tests::load::{Crowd, PARTITIONS, Stage, judge, read_to_end, verify};
use tokio::runtime::Runtime;

#[test]
fn no_acknowledged_record_is_lost_when_the_power_of_a_broker_alone_is_cut() {
    let disk = match LoopDisk::make(512) {
        Ok(disk) => disk,
        Err(lacking) => return skip("power cuts of one broker", &lacking),
    };
    let mut chance = Chance::seeded();
    let mut broker = Broker::start_as(Plan {
        data: Some(disk.path().join("data")),
        ..Plan::default()
    });
    let topic = "cut";
    let partitions = PARTITIONS.to_string();
    let config = "segment.bytes=65536";
    broker
        .strand(&[
            "topic",
            "create",
            topic,
            "--partitions",
            &partitions,
            "--config",
            config,
        ])
        .ok();
    let stage = Stage::new(topic.into(), vec![broker.grpc().to_owned()]);
    let runtime = Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        let load = Crowd::start(&stage, &mut chance);
        let mut verified = [0; PARTITIONS as usize];
        for cut in 1..=cuts() {
            stage.acknowledgements(chance.below(200)).await;
            // A broker without power neither acknowledges anything nor says that its disk fails.
            broker.freeze();
            disk.cut_power();
            broker.kill();
            disk.restore_power();
            broker.restart();
            stage.moved_to(vec![broker.grpc().to_owned()]);
            verify(&stage, &mut verified).await;
            println!("cut {cut}: {} batches acknowledged", stage.acknowledged());
        }
        stage.recorder.invoke(0, Action::Heal);
        stage.acknowledgements(100).await;
        load.stop().await;
        for partition in 0..PARTITIONS {
            read_to_end(&stage, partition, 0, true).await;
        }
    });
    judge(&stage);
    assert_eq!(broker.terminate().code, Some(0));
}

fn cuts() -> u32 {
    match std::env::var("STRAND_POWER_CUTS") {
        Ok(text) => text.parse().expect("STRAND_POWER_CUTS is a number"),
        Err(_) => 3,
    }
}
