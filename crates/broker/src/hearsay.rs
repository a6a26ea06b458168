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

/// Tells again and again until the broker stops.
pub(crate) async fn run(broker: Arc<Broker>) {
    let mut stopping = broker.stopping();
    let mut round = 0;
    loop {
        broker.neighbours.tell_leaderships(leaderships(&broker));
        if round % LOAD_EVERY == 0 {
            broker.neighbours.tell_load(broker.load());
        }
        round = round.wrapping_add(1);
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
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
