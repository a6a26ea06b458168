//! Shows each partition's size and ends to whoever collects metrics.

use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;

use crate::Broker;

/// How often the gauges are set.
const INTERVAL: Duration = Duration::from_secs(10);

/// Sets the gauges again and again until the broker stops.
pub(crate) async fn run(broker: Arc<Broker>) {
    let mut stopping = broker.stopping();
    loop {
        show(&broker);
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

fn show(broker: &Broker) {
    let topics = broker.partitions.topics().len();
    let open = broker.partitions.open();
    gauge!("strandline_topics").set(topics as f64);
    gauge!("strandline_partitions_open").set(open.len() as f64);
    for (_, partition) in open {
        let labels = [
            ("topic", partition.topic.to_string()),
            ("partition", partition.partition.to_string()),
        ];
        let ends = *partition.group.watch().borrow();
        let bytes = partition.bytes();
        gauge!("strandline_log_bytes", &labels).set(bytes as f64);
        gauge!("strandline_log_start_offset", &labels).set(ends.log_start.get() as f64);
        gauge!("strandline_high_watermark_offset", &labels).set(ends.high_watermark.get() as f64);
    }
}
