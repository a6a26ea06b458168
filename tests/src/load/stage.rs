//! What producers and consumers know together.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::harness::{Api, TIMEOUT};
use checker::history::Recorder;
use tokio::sync::watch;
use tokio::time::{Duration, sleep, timeout};

/// How long a connection is waited for: a broker that is paused or cut off does not refuse one.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(1);

/// Partitions of the topic.
pub const PARTITIONS: u32 = 2;

/// What everybody shares.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The topic.
    pub topic: String,
    /// Writes the history down.
    pub recorder: Arc<Recorder>,
    /// How long a producer rests before each new batch.
    pace: Duration,
    addresses: watch::Sender<Vec<String>>,
    turn: Arc<AtomicUsize>,
    pub(super) stopping: watch::Sender<bool>,
    count: watch::Sender<u64>,
    acknowledged: Arc<Mutex<BTreeMap<(u32, u64), String>>>,
    refused: Arc<Mutex<BTreeMap<String, u64>>>,
    processes: watch::Sender<u32>,
}

impl Stage {
    /// A topic, and the addresses of its brokers.
    pub fn new(topic: String, addresses: Vec<String>) -> Self {
        Self {
            topic,
            recorder: Arc::default(),
            pace: Duration::ZERO,
            addresses: watch::Sender::new(addresses),
            turn: Arc::default(),
            stopping: watch::Sender::new(false),
            count: watch::Sender::new(0),
            acknowledged: Arc::default(),
            refused: Arc::default(),
            processes: watch::Sender::new(0),
        }
    }

    /// The same, with a load that is steady however long a trial takes: each producer rests before each new batch.
    pub fn at_pace(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }

    /// Rests before a new batch.
    pub(super) async fn rest(&self) {
        if !self.pace.is_zero() {
            sleep(self.pace).await;
        }
    }

    /// The brokers are to be found elsewhere now.
    pub fn moved_to(&self, addresses: Vec<String>) {
        self.addresses.send_replace(addresses);
    }

    /// A connection to one of the brokers, each in turn, as soon as there is one.
    pub async fn connect(&self) -> Api {
        loop {
            let addresses = self.addresses.borrow().clone();
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            let address = &addresses[turn % addresses.len()];
            if let Ok(Ok(api)) = timeout(CONNECT_WAIT_MAX, Api::connect(address)).await {
                return api;
            }
            // Either they move or they come up; only the first can be waited for.
            let mut moved = self.addresses.subscribe();
            let _ = timeout(Duration::from_millis(50), moved.changed()).await;
        }
    }

    /// A process number that nobody else has.
    pub fn new_process(&self) -> u32 {
        let mut number = 0;
        self.processes.send_modify(|last| {
            *last += 1;
            number = *last;
        });
        number
    }

    /// Whether the load is to end.
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// A batch was acknowledged.
    pub fn acknowledge(&self, partition: u32, base_offset: u64, values: &[String]) {
        let mut acknowledged = self
            .acknowledged
            .lock()
            .expect("nobody panics with the lock");
        for (offset, value) in (base_offset..).zip(values) {
            acknowledged.insert((partition, offset), value.clone());
        }
        self.count.send_modify(|count| *count += 1);
    }

    /// A batch was refused for this reason.
    pub(super) fn refuse(&self, reason: &str) {
        let mut refused = self.refused.lock().expect("nobody panics with the lock");
        *refused.entry(reason.to_owned()).or_default() += 1;
    }

    /// How many batches have been refused for this reason.
    pub fn refused(&self, reason: &str) -> u64 {
        let refused = self.refused.lock().expect("nobody panics with the lock");
        refused.get(reason).copied().unwrap_or(0)
    }

    /// How many batches have been acknowledged.
    pub fn acknowledged(&self) -> u64 {
        *self.count.borrow()
    }

    /// What has been acknowledged in a partition from an offset on.
    pub fn acknowledged_from(&self, partition: u32, from: u64) -> Vec<(u64, String)> {
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
    pub async fn acknowledgements(&self, more: u64) {
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
    pub async fn pause(&self) {
        sleep(Duration::from_millis(5)).await;
    }
}
