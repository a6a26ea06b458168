//! `kill -9` under load, again and again: every acknowledged record is found at its acknowledged offset, exactly once.
//!
//! Producers of every kind send, consumers read along; the broker is killed after a random number of
//! acknowledgements, now and then also while it starts. The checker judges what all of them saw.
//! `STRAND_KILL_CYCLES` sets the number of kills (5 unless set).

mod load;
mod payload;
mod producers;
mod readers;

use std::time::Duration;

use strandline_tests::chance::Chance;
use strandline_tests::checker::{Expectations, check};
use strandline_tests::harness::{Broker, TIMEOUT};
use strandline_tests::history::{Action, save};
use tokio::runtime::Runtime;

use load::{Load, PARTITIONS, Stage};
use readers::read_to_end;

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
    let stage = Stage::new(topic, broker.grpc());
    let runtime = Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        let load = Load::start(&stage, &mut chance);
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
            stage.moved_to(broker.grpc());
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
        stage.moved_to(broker.grpc());
        for partition in 0..PARTITIONS {
            read_to_end(&stage, partition, 0, true).await;
        }
    });
    judge(&stage);
}

/// Whatever had been acknowledged is read by a consumer that comes anew, from where the last one has stopped.
async fn verify(stage: &Stage, verified: &mut [u64]) {
    for (partition, verified) in (0..).zip(verified) {
        let acknowledged = stage.acknowledged_from(partition, *verified);
        let read = read_to_end(stage, partition, *verified, false).await;
        for (offset, value) in acknowledged {
            let found: Vec<_> = read
                .iter()
                .filter(|(_, found)| *found == value)
                .map(|(at, _)| *at)
                .collect();
            assert_eq!(
                found,
                [offset],
                "partition {partition}: where `{value}`, acknowledged at {offset}, is read"
            );
        }
        *verified = read.last().map_or(*verified, |(offset, _)| offset + 1);
    }
}

fn judge(stage: &Stage) {
    let events = stage.recorder.events();
    let anomalies = check(
        &events,
        Expectations {
            progress_within: TIMEOUT,
        },
    )
    .expect("the history is sound");
    if !anomalies.is_empty() {
        let path =
            std::env::temp_dir().join(format!("strandline-history-{}.jsonl", std::process::id()));
        save(&events, &path).expect("the history is saved");
        let shown: Vec<_> = anomalies.iter().take(20).map(ToString::to_string).collect();
        panic!(
            "{} anomalies in {}:\n{}",
            anomalies.len(),
            path.display(),
            shown.join("\n")
        );
    }
}
