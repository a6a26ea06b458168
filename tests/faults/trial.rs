//! A trial: three brokers, a replicated topic, load, a fault again and again, and the judgement.

use std::sync::{Mutex, MutexGuard, PoisonError};

use strandline_tests::chance::Chance;
use strandline_tests::harness::{Cluster, Place};
use strandline_tests::history::Action;
use strandline_tests::load::{Crowd, PARTITIONS, Stage, judge, read_to_end, verify};
use tokio::runtime::Runtime;

/// How many brokers there are.
pub(crate) const BROKERS: u32 = 3;

/// Starts brokers at `places` (as many as there are; none: all on loopback), and does `fault` to them under load, again
/// and again; it leaves every broker running.
#[track_caller]
pub(crate) fn try_with(
    topic: &str,
    places: Vec<Place>,
    config: &[&str],
    mut fault: impl FnMut(&mut Cluster, &mut Chance),
) {
    let mut chance = Chance::seeded();
    let mut cluster = match places.is_empty() {
        true => Cluster::start(BROKERS),
        false => Cluster::start_at(places, &[]),
    };
    create(&cluster, topic, config);
    let stage = Stage::new(topic.to_owned(), addresses(&cluster));
    let runtime = Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        let load = Crowd::start(&stage, &mut chance);
        let mut verified = [0; PARTITIONS as usize];
        for cycle in 1..=cycles() {
            stage.acknowledgements(chance.below(200)).await;
            // Blocks this task only: the load runs on other threads.
            tokio::task::block_in_place(|| fault(&mut cluster, &mut chance));
            stage.moved_to(addresses(&cluster));
            stage.acknowledgements(20).await;
            verify(&stage, &mut verified).await;
            println!(
                "cycle {cycle}: {} batches acknowledged",
                stage.acknowledged()
            );
        }
        tokio::task::block_in_place(|| cluster.await_all_ready());
        stage.recorder.invoke(0, Action::Heal);
        stage.acknowledgements(100).await;
        load.stop().await;
        for partition in 0..PARTITIONS {
            read_to_end(&stage, partition, 0, true).await;
        }
    });
    judge(&stage);
    for id in cluster.ids() {
        assert_eq!(cluster.terminate(id).code, Some(0), "broker {id}");
    }
}

fn create(cluster: &Cluster, topic: &str, config: &[&str]) {
    let partitions = PARTITIONS.to_string();
    let factor = BROKERS.to_string();
    let mut create = vec!["topic", "create", topic, "--partitions", &partitions];
    create.extend(["--replication-factor", &factor]);
    // Small segments: faults also hit rolling.
    create.extend(["--config", "segment.bytes=65536"]);
    for setting in config {
        create.extend(["--config", setting]);
    }
    cluster.strand(&create).ok();
}

fn addresses(cluster: &Cluster) -> Vec<String> {
    cluster
        .ids()
        .into_iter()
        .map(|id| cluster.grpc(id))
        .collect()
}

fn cycles() -> u32 {
    match std::env::var("STRAND_FAULT_CYCLES") {
        Ok(text) => text.parse().expect("STRAND_FAULT_CYCLES is a number"),
        Err(_) => 2,
    }
}

/// Held by tests of disks and of networks, one at a time: a process in a network namespace has a copy of all mounts, and a
/// disk that another one still holds does not come back from its power cut.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    // One that failed has let go of its disks and networks all the same.
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One of the brokers.
pub(crate) fn any(chance: &mut Chance) -> u32 {
    chance.below(u64::from(BROKERS)) as u32
}
