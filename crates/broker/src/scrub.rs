//! The scrub: reads every sealed segment now and then and checks all that can be checked, slowly enough not to be
//! in the way. What it finds is told to the operator, and repaired where other replicas hold the partition too; else
//! reads of the damaged range are refused from then on.

use std::sync::Arc;
use std::time::Duration;

use crate::Broker;
use crate::partitions::{LocalPartition, heal};

/// How long after a start the first round begins.
const FIRST_AFTER: Duration = Duration::from_secs(10 * 60);

/// Scrubs all partitions again and again until the broker stops.
pub(crate) async fn run(broker: Arc<Broker>) {
    let interval = broker.settings().scrub_interval;
    let mut wait = FIRST_AFTER.min(interval);
    while pause(&broker, wait).await {
        if !round(&broker).await {
            return;
        }
        wait = interval;
    }
}

impl Broker {
    /// Scrubs all partitions once, now, at the rate that is set.
    pub async fn scrub_now(&self) {
        round(self).await;
    }
}

/// Scrubs all partitions once. False once the broker stops.
async fn round(broker: &Broker) -> bool {
    for (topic, partition) in broker.partitions.open() {
        if !scrub(broker, &partition).await {
            return false;
        }
        heal::heal_if_damaged(broker, &topic, &partition).await;
    }
    true
}

/// Scrubs one partition, segment after segment. False once the broker stops.
async fn scrub(broker: &Broker, partition: &Arc<LocalPartition>) -> bool {
    let segments = partition.group.log().segments();
    for segment in segments.into_iter().filter(|segment| segment.sealed) {
        let log = partition.group.log().clone();
        let base = segment.base_index;
        let checked = tokio::task::spawn_blocking(move || log.verify(base..base.next())).await;
        let (topic, number) = (&partition.topic, partition.partition);
        match checked {
            Ok(Ok(damages)) => {
                broker.meters.scrubbed_bytes.increment(segment.bytes);
                broker.meters.damage_found.increment(damages.len() as u64);
                for damage in damages {
                    tracing::error!(%topic, partition = %number, file = %damage.file.display(), byte = damage.byte, reason = %damage.reason, "a segment is damaged");
                }
            }
            Ok(Err(error)) => {
                tracing::error!(%topic, partition = %number, %error, "a segment cannot be checked");
            }
            Err(_) => return false,
        }
        if !pause(
            broker,
            time_for(segment.bytes, broker.settings().scrub_bytes_per_second),
        )
        .await
        {
            return false;
        }
    }
    !broker.is_stopping()
}

/// How long so many bytes should take.
fn time_for(bytes: u64, bytes_per_second: u64) -> Duration {
    Duration::from_secs_f64(bytes as f64 / bytes_per_second.max(1) as f64)
}

/// Waits. False once the broker stops.
async fn pause(broker: &Broker, time: Duration) -> bool {
    let mut stopping = broker.stopping();
    tokio::select! {
        () = tokio::time::sleep(time) => true,
        _ = stopping.wait_for(|stopping| *stopping) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_bounds_the_scrub() {
        assert_eq!(time_for(64 << 20, 32 << 20), Duration::from_secs(2));
        assert_eq!(time_for(0, 0), Duration::ZERO);
    }
}
