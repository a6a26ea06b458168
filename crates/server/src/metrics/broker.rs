//! What the broker holds: as a whole and topic by topic for `/metrics`, partition by partition for
//! `/metrics/partitions`. Counted when asked for, so that a topic that is gone leaves nothing behind.

use std::collections::BTreeMap;

use broker::{BrokerFigures, PartitionFigures, Sums};

use super::text::{Series, label};

/// A figure that is added up: its name, type, help, and where it is.
type OfSums = (&'static str, &'static str, &'static str, fn(&Sums) -> u64);

/// A figure of one partition alone; `None` where there is none.
type OfPartition = (
    &'static str,
    &'static str,
    &'static str,
    fn(&PartitionFigures) -> Option<u64>,
);

const WHOLE: [OfSums; 7] = [
    (
        "strandline_partitions_open",
        "gauge",
        "Partitions with a replica on this broker that is open.",
        |sums| sums.replicas,
    ),
    (
        "strandline_leaders",
        "gauge",
        "Partitions that this broker leads.",
        |sums| sums.leaders,
    ),
    (
        "strandline_leaderless_partitions",
        "gauge",
        "Partitions with a replica on this broker that knows no leader.",
        |sums| sums.leaderless,
    ),
    (
        "strandline_under_replicated_partitions",
        "gauge",
        "Partitions that this broker leads and that have a replica that is not in sync.",
        |sums| sums.under_replicated,
    ),
    (
        "strandline_stopped_partitions",
        "gauge",
        "Partitions whose replica on this broker has stopped or could not be opened.",
        |sums| sums.stopped,
    ),
    (
        "strandline_log_bytes",
        "gauge",
        "Bytes of all logs on this broker.",
        |sums| sums.log_bytes,
    ),
    (
        "strandline_log_records",
        "gauge",
        "Offsets between start and end of all logs on this broker.",
        |sums| sums.log_records,
    ),
];

const BY_TOPIC: [OfSums; 9] = [
    (
        "strandline_topic_replicas",
        "gauge",
        "Partitions of the topic with a replica on this broker.",
        |sums| sums.replicas,
    ),
    (
        "strandline_topic_leaders",
        "gauge",
        "Partitions of the topic that this broker leads.",
        |sums| sums.leaders,
    ),
    (
        "strandline_topic_under_replicated_partitions",
        "gauge",
        "Partitions of the topic that this broker leads and that have a replica that is not in sync.",
        |sums| sums.under_replicated,
    ),
    (
        "strandline_topic_leaderless_partitions",
        "gauge",
        "Partitions of the topic with a replica on this broker that knows no leader.",
        |sums| sums.leaderless,
    ),
    (
        "strandline_topic_log_bytes",
        "gauge",
        "Bytes of the topic's logs on this broker.",
        |sums| sums.log_bytes,
    ),
    PRODUCED_BYTES,
    PRODUCED_RECORDS,
    FETCHED_BYTES,
    FETCHED_RECORDS,
];

const PRODUCED_BYTES: OfSums = (
    "strandline_topic_produced_bytes_total",
    "counter",
    "Bytes of acknowledged batches.",
    |sums| sums.produced_bytes,
);
const PRODUCED_RECORDS: OfSums = (
    "strandline_topic_produced_records_total",
    "counter",
    "Acknowledged records.",
    |sums| sums.produced_records,
);
const FETCHED_BYTES: OfSums = (
    "strandline_topic_fetched_bytes_total",
    "counter",
    "Bytes of batches handed out.",
    |sums| sums.fetched_bytes,
);
const FETCHED_RECORDS: OfSums = (
    "strandline_topic_fetched_records_total",
    "counter",
    "Records handed out.",
    |sums| sums.fetched_records,
);

const OF_PARTITION: [OfPartition; 13] = [
    (
        "strandline_partition_log_start_offset",
        "gauge",
        "The first offset there is.",
        |figures| Some(figures.log_start.get()),
    ),
    (
        "strandline_partition_high_watermark_offset",
        "gauge",
        "Behind the last record that may be read.",
        |figures| Some(figures.high_watermark.get()),
    ),
    (
        "strandline_partition_log_end_offset",
        "gauge",
        "Behind the last record that was written on this broker.",
        |figures| Some(figures.log_end.get()),
    ),
    (
        "strandline_partition_log_bytes",
        "gauge",
        "Bytes of the log on this broker.",
        |figures| Some(figures.sums.log_bytes),
    ),
    (
        "strandline_partition_leads",
        "gauge",
        "1 where this broker leads.",
        |figures| Some(figures.sums.leaders),
    ),
    (
        "strandline_partition_has_leader",
        "gauge",
        "1 where the replica on this broker knows a leader.",
        |figures| Some(1 - figures.sums.leaderless.min(1)),
    ),
    (
        "strandline_partition_in_sync_replicas",
        "gauge",
        "Replicas in sync, as the leader sees them.",
        |figures| figures.in_sync,
    ),
    (
        "strandline_partition_stopped",
        "gauge",
        "1 where the replica on this broker has stopped.",
        |figures| Some(figures.sums.stopped),
    ),
    (
        "strandline_partition_elections_total",
        "counter",
        "Elections that the replica on this broker has seen decided since it was opened.",
        |figures| Some(figures.elections),
    ),
    (
        "strandline_partition_produced_bytes_total",
        "counter",
        "Bytes of acknowledged batches.",
        |figures| Some(figures.sums.produced_bytes),
    ),
    (
        "strandline_partition_produced_records_total",
        "counter",
        "Acknowledged records.",
        |figures| Some(figures.sums.produced_records),
    ),
    (
        "strandline_partition_fetched_bytes_total",
        "counter",
        "Bytes of batches handed out.",
        |figures| Some(figures.sums.fetched_bytes),
    ),
    (
        "strandline_partition_fetched_records_total",
        "counter",
        "Records handed out.",
        |figures| Some(figures.sums.fetched_records),
    ),
];

/// Adds the broker as a whole, and its topics.
pub(super) fn render(text: &mut String, figures: &BrokerFigures) {
    let help =
        "Brokers that belong to the cluster, whether they run or not; 0 until this one has joined.";
    Series::begin(text, "strandline_brokers", "gauge", help).add("", figures.brokers);
    let help = "Topics that this broker knows.";
    Series::begin(text, "strandline_topics", "gauge", help).add("", figures.topics);
    let mut whole = figures.sums();
    whole.stopped += figures.failed;
    for (name, kind, help, of) in WHOLE {
        Series::begin(text, name, kind, help).add("", of(&whole));
    }
    let help = "Replicas on this broker that may have forgotten acknowledged records in a power cut, and take no part.";
    Series::begin(text, "strandline_replicas_in_doubt", "gauge", help).add("", figures.in_doubt);
    let topics: BTreeMap<_, _> = figures.by_topic();
    for (name, kind, help, of) in BY_TOPIC {
        let mut series = Series::begin(text, name, kind, help);
        for (topic, sums) in &topics {
            series.add(&label("topic", &topic.to_string()), of(sums));
        }
    }
    let help = "How far each broker's worst follower of a leader here is behind, in batches.";
    let mut lags = Series::begin(text, "strandline_follower_lag_entries", "gauge", help);
    for (broker, lag) in figures.follower_lags() {
        lags.add(&label("follower", &broker.to_string()), lag);
    }
}

/// Adds every partition by itself.
pub(super) fn render_partitions(text: &mut String, figures: &BrokerFigures) {
    let place = |figures: &PartitionFigures| {
        let topic = label("topic", &figures.topic.to_string());
        format!("{topic},partition=\"{}\"", figures.partition)
    };
    let places: Vec<_> = figures.partitions.iter().map(place).collect();
    for (name, kind, help, of) in OF_PARTITION {
        let mut series = Series::begin(text, name, kind, help);
        for (place, figures) in places.iter().zip(&figures.partitions) {
            if let Some(value) = of(figures) {
                series.add(place, value);
            }
        }
    }
    let help = "How far a follower is behind, in batches, as the leader here sees it.";
    let mut lags = Series::begin(
        text,
        "strandline_partition_follower_lag_entries",
        "gauge",
        help,
    );
    for (place, figures) in places.iter().zip(&figures.partitions) {
        for (broker, lag) in &figures.follower_lags {
            let follower = label("follower", &broker.to_string());
            lags.add(&format!("{place},{follower}"), lag);
        }
    }
}
