//! Histograms that are counted where they are recorded: three atomic additions, no allocation, nothing to gather up
//! later. Counters and gauges go on to the Prometheus exporter.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use parking_lot::Mutex;

/// Upper bounds of all histograms, in seconds: from a write to the page cache to a stalled disk.
const BOUNDS: [f64; 17] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
];

/// Of one second.
const NANOSECONDS: f64 = 1e9;

/// One histogram's series, by their labels as they stand in the text.
type Series = BTreeMap<String, Arc<Buckets>>;

/// All histograms, by name.
#[derive(Clone, Default)]
pub(super) struct Histograms(Arc<Mutex<BTreeMap<String, Series>>>);

/// What was recorded: how many values lie between a bound and the one before it.
#[derive(Default)]
struct Buckets {
    counts: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

impl HistogramFn for Buckets {
    fn record(&self, seconds: f64) {
        let bucket = BOUNDS.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let nanoseconds = (seconds * NANOSECONDS) as u64;
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

impl Histograms {
    fn of(&self, key: &Key) -> Arc<Buckets> {
        let mut all = self.0.lock();
        let by_labels = all.entry(key.name().to_owned()).or_default();
        by_labels.entry(labels(key)).or_default().clone()
    }

    /// Adds them in Prometheus' text format.
    pub(super) fn render(&self, text: &mut String) {
        for (name, by_labels) in &*self.0.lock() {
            // Writing to a string does not fail.
            let _ = writeln!(text, "# TYPE {name} histogram");
            for (labels, buckets) in by_labels {
                buckets.render(text, name, labels);
            }
            text.push('\n');
        }
    }
}

impl Buckets {
    fn render(&self, text: &mut String, name: &str, labels: &str) {
        let mut total = 0;
        let bounds = BOUNDS.iter().map(f64::to_string);
        let bounds = bounds.chain(["+Inf".to_owned()]);
        let comma = if labels.is_empty() { "" } else { "," };
        for (bound, count) in bounds.zip(&self.counts) {
            total += count.load(Ordering::Relaxed);
            let _ = writeln!(
                text,
                "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {total}"
            );
        }
        let seconds = self.nanoseconds.load(Ordering::Relaxed) as f64 / NANOSECONDS;
        let labels = match labels {
            "" => String::new(),
            labels => format!("{{{labels}}}"),
        };
        let _ = writeln!(text, "{name}_sum{labels} {seconds}");
        let _ = writeln!(text, "{name}_count{labels} {total}");
    }
}

/// A key's labels as they stand in the text.
fn labels(key: &Key) -> String {
    let labels = key.labels();
    let labels = labels.map(|label| super::text::label(label.key(), label.value()));
    labels.collect::<Vec<_>>().join(",")
}

/// Sends histograms here and everything else to `others`.
pub(super) struct Recording<R> {
    pub(super) histograms: Histograms,
    pub(super) others: R,
}

impl<R: Recorder> Recorder for Recording<R> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.others.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.others.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.others.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.others.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.histograms.of(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_below_their_bounds() {
        let histograms = Histograms::default();
        let key = Key::from_parts("took_seconds", &[("rpc", "Fetch")]);
        let buckets = histograms.of(&key);
        for seconds in [0.000_01, 0.001, 0.001_1, 99.0] {
            buckets.record(seconds);
        }
        histograms.of(&key).record(0.5);
        let mut text = String::new();
        histograms.render(&mut text);
        for line in [
            "# TYPE took_seconds histogram",
            "took_seconds_bucket{rpc=\"Fetch\",le=\"0.00005\"} 1",
            "took_seconds_bucket{rpc=\"Fetch\",le=\"0.0005\"} 1",
            "took_seconds_bucket{rpc=\"Fetch\",le=\"0.001\"} 2",
            "took_seconds_bucket{rpc=\"Fetch\",le=\"0.0025\"} 3",
            "took_seconds_bucket{rpc=\"Fetch\",le=\"0.5\"} 4",
            "took_seconds_bucket{rpc=\"Fetch\",le=\"10\"} 4",
            "took_seconds_bucket{rpc=\"Fetch\",le=\"+Inf\"} 5",
            "took_seconds_sum{rpc=\"Fetch\"} 99.50211",
            "took_seconds_count{rpc=\"Fetch\"} 5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
