//! Tells the other brokers what this one leads and bears, as long as it runs.

use std::sync::Arc;
use std::time::Duration;

use model::PartitionIndex;
use replication::peer::GroupId;

use crate::Broker;
use crate::cluster::leaders;
use crate::neighbours::LeaderView;

/// How often leaderships are looked at.
const INTERVAL: Duration = Duration::from_millis(500);

/// The load is told once in so many intervals.
const LOAD_EVERY: u32 = 10;

/// What was told of topics that are no more is looked for once in so many intervals.
const SWEEP_EVERY: u32 = 60;

/// Tells again and again until the broker stops.
pub(crate) async fn run(broker: Arc<Broker>) {
    let mut stopping = broker.stopping();
    let mut round = 0;
    loop {
        broker.neighbours.tell_leaderships(leaderships(&broker));
        if round % LOAD_EVERY == 0 {
            broker.neighbours.tell_load(broker.load());
        }
        if round % SWEEP_EVERY == 0 {
            sweep(&broker);
        }
        round = round.wrapping_add(1);
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

/// Forgets groups of topics that do not exist, where this broker hears what exists.
fn sweep(broker: &Broker) {
    if broker.joined().is_ok() && broker.metadata.status().leader.is_some() {
        let topics = broker.state(|state| state.topics().map(|topic| topic.id()).collect());
        broker.neighbours.forget_all_but(&topics);
    }
}

fn leaderships(broker: &Broker) -> Vec<(GroupId, LeaderView)> {
    let here = broker.replica();
    let mut leads = Vec::new();
    for topic in broker.partitions.topics().values() {
        for (index, slot) in (0..).zip(&topic.slots) {
            let Some(partition) = slot.open() else {
                continue;
            };
            let status = partition.group.status();
            if status.leader == Some(here)
                && let Some(view) = leaders::of_status(&status)
            {
                let group = GroupId::Log {
                    topic: topic.topic.id(),
                    partition: PartitionIndex::new(index),
                };
                leads.push((group, view));
            }
        }
    }
    leads
}
