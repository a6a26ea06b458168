//! What `/metrics` shows: the counters of all crates, and the process itself, in Prometheus' text format.

mod process;

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of histograms whose names end in `_seconds`: from a write to the page cache to a stalled disk.
const SECONDS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
];

/// Upper bounds of all other histograms: bytes and counts.
const AMOUNTS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// The metrics of this process. Clones show the same ones.
#[derive(Clone)]
pub(crate) struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Starts counting: must come before whoever keeps a counter. The counters of a process are one set, so a
    /// second start (a test) shows the first one's.
    ///
    /// # Errors
    /// What the exporter says.
    pub(crate) fn start() -> Result<Self, String> {
        static STARTED: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
        let handle = STARTED.get_or_init(install).clone()?;
        Ok(Self { handle })
    }

    /// Everything, in Prometheus' text format.
    pub(crate) fn render(&self) -> String {
        let mut text = self.handle.render();
        process::render(&mut text);
        text
    }

    /// Sorts what histograms have gathered into their buckets. Must be called now and then, or they grow.
    pub(crate) fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

fn install() -> Result<PrometheusHandle, String> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
        .and_then(|builder| builder.set_buckets(AMOUNTS))
        .map_err(|error| error.to_string())?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| error.to_string())?;
    Ok(handle)
}
