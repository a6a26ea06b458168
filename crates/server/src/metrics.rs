//! What `/metrics` shows: the counters of all crates, what the broker holds, its disk, and the process itself, in
//! Prometheus' text format. How many series there are depends on how many topics there are, not on how many partitions:
//! those stand at `/metrics/partitions`.

mod broker;
mod disk;
mod histograms;
mod peers;
mod process;
mod text;

use std::path::Path;
use std::sync::OnceLock;

use ::broker::Broker;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use replication::peer::PeerStats;

use histograms::{Histograms, Recording};
use text::Series;

/// The metrics of this process. Clones show the same ones.
#[derive(Clone)]
pub(crate) struct Metrics {
    counters: PrometheusHandle,
    histograms: Histograms,
}

/// What is shown beside the counters.
pub(crate) struct Shown<'a> {
    /// The broker, once it has started.
    pub(crate) broker: Option<&'a Broker>,
    /// The traffic with other brokers.
    pub(crate) peers: Vec<PeerStats>,
    /// Whether it is ready.
    pub(crate) is_ready: bool,
    /// The data directory.
    pub(crate) data: &'a Path,
}

impl Metrics {
    /// Starts counting: must come before whoever keeps a counter. The counters of a process are one set, so a
    /// second start (a test) shows the first one's.
    ///
    /// # Errors
    /// What the exporter says.
    pub(crate) fn start() -> Result<Self, String> {
        static STARTED: OnceLock<Result<Metrics, String>> = OnceLock::new();
        STARTED.get_or_init(install).clone()
    }

    /// Everything but single partitions, in Prometheus' text format. Blocks for a moment on the file system.
    pub(crate) fn render(&self, shown: &Shown<'_>) -> String {
        let mut text = String::new();
        if let Some(broker) = shown.broker {
            // First: it counts what has happened since it was looked at last.
            broker::render(&mut text, &broker.figures());
        }
        let help = "1 once everything is served and all replicas have caught up.";
        let ready = u64::from(shown.is_ready);
        Series::begin(&mut text, "strandline_ready", "gauge", help).add("", ready);
        peers::render(&mut text, &shown.peers);
        text += &self.counters.render();
        self.histograms.render(&mut text);
        disk::render(&mut text, shown.data);
        process::render(&mut text);
        text
    }
}

/// Every partition of a broker, in Prometheus' text format.
pub(crate) fn render_partitions(broker: &Broker) -> String {
    let mut text = String::new();
    broker::render_partitions(&mut text, &broker.figures());
    text
}

fn install() -> Result<Metrics, String> {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = Metrics {
        counters: recorder.handle(),
        histograms: Histograms::default(),
    };
    let recording = Recording {
        histograms: metrics.histograms.clone(),
        others: recorder,
    };
    metrics::set_global_recorder(recording).map_err(|error| error.to_string())?;
    // What is counted where it is seldom met stands at 0 until then, rather than nowhere.
    metrics::counter!("strandline_connections_refused_total").increment(0);
    metrics::counter!("strandline_calls_refused_total").increment(0);
    Ok(metrics)
}
