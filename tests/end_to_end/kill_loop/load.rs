//! Producers and consumers that outlive their broker, and what they know together.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use strandline_tests::chance::Chance;
use strandline_tests::harness::{Api, TIMEOUT};
use strandline_tests::history::Recorder;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep, timeout};

use super::producers::{one_by_one, streaming};
use super::readers::{ask_for_ends, tail};

/// Partitions of the topic.
pub(super) const PARTITIONS: u32 = 2;

/// What everybody shares.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) topic: String,
    pub(super) recorder: Arc<Recorder>,
    address: watch::Sender<String>,
    stopping: watch::Sender<bool>,
    count: watch::Sender<u64>,
    acknowledged: Arc<Mutex<BTreeMap<(u32, u64), String>>>,
    processes: watch::Sender<u32>,
}

impl Stage {
    pub(super) fn new(topic: String, address: &str) -> Self {
        Self {
            topic,
            recorder: Arc::default(),
            address: watch::Sender::new(address.to_owned()),
            stopping: watch::Sender::new(false),
            count: watch::Sender::new(0),
            acknowledged: Arc::default(),
            processes: watch::Sender::new(0),
        }
    }

    /// The broker is to be found elsewhere now.
    pub(super) fn moved_to(&self, address: &str) {
        self.address.send_replace(address.to_owned());
    }

    /// A connection to the broker, as soon as there is one.
    pub(super) async fn connect(&self) -> Api {
        loop {
            let address = self.address.borrow().clone();
            match Api::connect(&address).await {
                Ok(api) => return api,
                // Either it moves or it comes up; only the first can be waited for.
                Err(_) => drop(
                    timeout(
                        Duration::from_millis(50),
                        self.address.subscribe().changed(),
                    )
                    .await,
                ),
            }
        }
    }

    /// A process number that nobody else has.
    pub(super) fn new_process(&self) -> u32 {
        let mut number = 0;
        self.processes.send_modify(|last| {
            *last += 1;
            number = *last;
        });
        number
    }

    /// Whether the load is to end.
    pub(super) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// A batch was acknowledged.
    pub(super) fn acknowledge(&self, partition: u32, base_offset: u64, values: &[String]) {
        let mut acknowledged = self
            .acknowledged
            .lock()
            .expect("nobody panics with the lock");
        for (offset, value) in (base_offset..).zip(values) {
            acknowledged.insert((partition, offset), value.clone());
        }
        self.count.send_modify(|count| *count += 1);
    }

    /// How many batches have been acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        *self.count.borrow()
    }

    /// What has been acknowledged in a partition from an offset on.
    pub(super) fn acknowledged_from(&self, partition: u32, from: u64) -> Vec<(u64, String)> {
        let acknowledged = self
            .acknowledged
            .lock()
            .expect("nobody panics with the lock");
        let range = acknowledged.range((partition, from)..(partition + 1, 0));
        range
            .map(|((_, offset), value)| (*offset, value.clone()))
            .collect()
    }

    /// Waits until `more` further batches are acknowledged: the load makes progress.
    pub(super) async fn acknowledgements(&self, more: u64) {
        let goal = self.acknowledged() + more;
        let mut count = self.count.subscribe();
        let reached = count.wait_for(|count| *count >= goal);
        if timeout(TIMEOUT, reached).await.is_err() {
            panic!(
                "only {} of {goal} batches were acknowledged within {TIMEOUT:?}",
                self.acknowledged()
            );
        }
    }

    /// A short pause, so that pollers leave the processor to others.
    pub(super) async fn pause(&self) {
        sleep(Duration::from_millis(5)).await;
    }
}

/// Everybody who produces and consumes.
pub(super) struct Load {
    stage: Stage,
    tasks: JoinSet<()>,
}

impl Load {
    /// Per partition: a streaming producer with sequence numbers and one without, one that waits for each result, and
    /// a consumer; and one that asks for the ends.
    pub(super) fn start(stage: &Stage, chance: &mut Chance) -> Self {
        let mut tasks = JoinSet::new();
        let mut seeds = || Chance::new(chance.next_u64());
        for partition in 0..PARTITIONS {
            tasks.spawn(streaming(stage.clone(), partition, true, seeds()));
            tasks.spawn(streaming(stage.clone(), partition, false, seeds()));
            tasks.spawn(one_by_one(stage.clone(), partition, seeds()));
            tasks.spawn(tail(stage.clone(), partition));
        }
        tasks.spawn(ask_for_ends(stage.clone()));
        Self {
            stage: stage.clone(),
            tasks,
        }
    }

    /// Ends it: what is under way is finished.
    pub(super) async fn stop(mut self) {
        self.stage.stopping.send_replace(true);
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended.expect("no part of the load panics");
            }
        };
        timeout(TIMEOUT, all).await.expect("the load ends in time");
    }
}
