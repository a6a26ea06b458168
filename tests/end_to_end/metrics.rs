//! What a broker tells whoever collects metrics: the documentation and the alert rules speak of what is there.

use std::collections::BTreeSet;
use std::fs;

use strandline_tests::harness::{Broker, eventually, get};

/// A file of the repository.
fn file(path: &str) -> String {
    fs::read_to_string(format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The names of metrics that a text speaks of.
fn named(text: &str) -> BTreeSet<&str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter| !is_part(letter));
    let ours = words.filter(|word| word.starts_with("strandline_") || word.starts_with("process_"));
    ours.collect()
}

fn page(broker: &Broker, path: &str) -> String {
    let page = get(broker.http(), path).unwrap();
    assert_eq!(page.status, 200, "{path}: {page:?}");
    page.body
}

/// The names of a page's metrics, without what histograms put behind theirs.
fn metrics(page: &str) -> BTreeSet<&str> {
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.filter_map(|line| line.split(' ').next()).collect()
}

/// The value of a series as it stands in the text.
fn value(page: &str, series: &str) -> Option<f64> {
    let line = page.lines().find_map(|line| line.strip_prefix(series))?;
    line.trim().parse().ok()
}

#[test]
fn alert_rules_speak_of_metrics_that_there_are() {
    let broker = Broker::start();
    let page = page(&broker, "/metrics");
    let there = metrics(&page);
    let rules = file("deploy/kubernetes/components/monitoring/alert-rules.yaml");
    let asked = named(&rules);
    assert!(asked.len() > 10, "{asked:?}");
    for name in asked {
        let family = name.strip_suffix("_bucket").unwrap_or(name);
        assert!(there.contains(family), "{name} is not in {page}");
    }
}

#[test]
fn every_metric_is_documented_and_every_documented_one_is_there() {
    let broker = Broker::start();
    broker.strand_in(&["produce", "seen"], b"one\n").ok();
    let (whole, single) = (
        page(&broker, "/metrics"),
        page(&broker, "/metrics/partitions"),
    );
    let there = &metrics(&whole) | &metrics(&single);
    let documented = file("deploy/METRICS.md");
    assert_eq!(named(&documented), there);
}

#[test]
fn what_goes_in_and_out_is_counted_by_broker_topic_and_partition() {
    let broker = Broker::start();
    let lines = b"one\ntwo\nthree\n";
    broker
        .strand_in(&["produce", "seen", "--partition", "0"], lines)
        .ok();
    broker
        .strand(&["consume", "seen", "--from-beginning", "--until-end"])
        .ok();
    let whole = page(&broker, "/metrics");
    for (series, expected) in [
        ("strandline_produced_records_total", 3.0),
        ("strandline_fetched_records_total", 3.0),
        (
            "strandline_topic_produced_records_total{topic=\"seen\"}",
            3.0,
        ),
        (
            "strandline_topic_fetched_records_total{topic=\"seen\"}",
            3.0,
        ),
        ("strandline_topic_leaders{topic=\"seen\"}", 1.0),
        ("strandline_leaders", 1.0),
        ("strandline_leaderless_partitions", 0.0),
        ("strandline_under_replicated_partitions", 0.0),
        ("strandline_stopped_partitions", 0.0),
        ("strandline_failed_syncs_total", 0.0),
    ] {
        assert_eq!(
            value(&whole, series),
            Some(expected),
            "{series} in\n{whole}"
        );
    }
    for least_one in [
        "strandline_produce_seconds_count",
        "strandline_commit_seconds_count",
        "strandline_fetch_seconds_count",
        "strandline_append_seconds_count",
        "strandline_sync_seconds_count",
        "strandline_leader_changes_total",
        "strandline_log_bytes",
        "strandline_data_free_bytes",
        "process_open_fds",
    ] {
        let value = value(&whole, least_one);
        assert!(
            value.is_some_and(|value| value >= 1.0),
            "{least_one} in\n{whole}"
        );
    }
    let single = page(&broker, "/metrics/partitions");
    let place = "{topic=\"seen\",partition=\"0\"}";
    for (name, expected) in [
        ("high_watermark_offset", 3.0),
        ("log_start_offset", 0.0),
        ("log_end_offset", 3.0),
        ("produced_records_total", 3.0),
        ("fetched_records_total", 3.0),
        ("leads", 1.0),
        ("has_leader", 1.0),
        ("in_sync_replicas", 1.0),
    ] {
        let series = format!("strandline_partition_{name}{place}");
        assert_eq!(
            value(&single, &series),
            Some(expected),
            "{series} in\n{single}"
        );
    }
    // Single partitions stand on their own page only: there may be thousands.
    assert!(!whole.contains("partition=\""), "{whole}");
}

#[test]
fn a_deleted_topic_leaves_no_series_behind() {
    let broker = Broker::start();
    broker.strand_in(&["produce", "gone"], b"one\n").ok();
    assert!(page(&broker, "/metrics").contains("topic=\"gone\""));
    broker.strand(&["topic", "delete", "gone", "--yes"]).ok();
    eventually("the end of its series", || {
        let pages = page(&broker, "/metrics") + &page(&broker, "/metrics/partitions");
        (!pages.contains("gone")).then_some(())
    });
}
