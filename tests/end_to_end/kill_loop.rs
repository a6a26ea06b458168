//! `kill -9` under load, again and again: every acknowledged record is found at its acknowledged offset, exactly once.
//!
//! Producers of every kind send, consumers read along; the broker is killed after a random number of
//! acknowledgements, now and then also while it starts. The checker judges what all of them saw.
//! `STRAND_KILL_CYCLES` sets the number of kills (5 unless set).

use std::time::Duration;

use checker::history::Action;
use strandline_tests::chance::Chance;
use strandline_tests::harness::Broker;
use strandline_tests::load::{Crowd, PARTITIONS, Stage, judge, read_to_end, verify};
use tokio::runtime::Runtime;

#[test]
fn no_acknowledged_record_is_lost_duplicated_or_moved_by_kills_with_fsync() {
    run("fsync", cycles(5), Chance::seeded());
}

#[test]
fn no_acknowledged_record_is_lost_duplicated_or_moved_by_kills_with_page_cache() {
    run("page-cache", cycles(3), Chance::seeded());
}

fn cycles(default: u32) -> u32 {
    match std::env::var("STRAND_KILL_CYCLES") {
        Ok(text) => text.parse().expect("STRAND_KILL_CYCLES is a number"),
        Err(_) => default,
    }
}

fn run(durability: &str, cycles: u32, mut chance: Chance) {
    let mut broker = Broker::start();
    let topic = format!("killed-{durability}");
    let partitions = PARTITIONS.to_string();
    let durability = format!("durability={durability}");
    let create = [
        "topic",
        "create",
        &topic,
        "--partitions",
        &partitions,
        "--config",
        &durability,
    ];
    // Small segments: kills also hit rolling.
    broker
        .strand(&[&create[..], &["--config", "segment.bytes=65536"]].concat())
        .ok();
    let stage = Stage::new(topic, vec![broker.grpc().to_owned()]);
    let runtime = Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        let load = Crowd::start(&stage, &mut chance);
        let mut verified = [0; PARTITIONS as usize];
        for cycle in 1..=cycles {
            stage.acknowledgements(chance.below(300)).await;
            broker.kill();
            if chance.below(4) == 0 {
                broker.crash_while_starting(
                    chance.duration(Duration::ZERO, Duration::from_millis(60)),
                );
            }
            broker.restart();
            stage.moved_to(vec![broker.grpc().to_owned()]);
            verify(&stage, &mut verified).await;
            println!(
                "cycle {cycle}: {} batches acknowledged",
                stage.acknowledged()
            );
        }
        stage.recorder.invoke(0, Action::Heal);
        stage.acknowledgements(100).await;
        load.stop().await;
        assert_eq!(broker.terminate().code, Some(0));
        broker.restart();
        stage.moved_to(vec![broker.grpc().to_owned()]);
        for partition in 0..PARTITIONS {
            read_to_end(&stage, partition, 0, true).await;
        }
    });
    judge(&stage);
}
