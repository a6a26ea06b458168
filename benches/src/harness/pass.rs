//! What one pass of one subject gave.

use super::Latencies;

/// The plain sums of one pass; what was not measured is zero or empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pass {
    /// Wall time from the first byte to the last answer.
    pub(crate) seconds: f64,
    /// CPU time of the server's process alone, user and system.
    pub(crate) server_cpu_seconds: f64,
    /// Bytes that went through, counted as batches.
    pub(crate) bytes: u64,
    /// Batches that went through.
    pub(crate) batches: u64,
    /// How long each batch took.
    pub(crate) latencies: Latencies,
}

impl Pass {
    pub(crate) fn gigabytes_per_second(&self) -> f64 {
        self.bytes as f64 / 1e9 / self.seconds
    }

    pub(crate) fn cpu_seconds_per_gigabyte(&self) -> f64 {
        self.server_cpu_seconds / (self.bytes as f64 / 1e9)
    }

    pub(crate) fn batches_per_second(&self) -> f64 {
        self.batches as f64 / self.seconds
    }

    /// In microseconds.
    pub(crate) fn p50(&self) -> f64 {
        self.latencies.percentile(50.0)
    }

    /// In microseconds.
    pub(crate) fn p99(&self) -> f64 {
        self.latencies.percentile(99.0)
    }

    /// One line for who watches.
    pub(crate) fn summary(&self) -> String {
        let mut facts = Vec::new();
        if self.server_cpu_seconds > 0.0 && self.bytes > 0 {
            facts.push(format!("{:.3} cpu-s/GB", self.cpu_seconds_per_gigabyte()));
        }
        if self.bytes > 0 {
            facts.push(format!("{:.2} GB/s", self.gigabytes_per_second()));
        }
        if self.batches > 0 {
            facts.push(format!("{:.0} batches/s", self.batches_per_second()));
        }
        if !self.latencies.is_empty() {
            facts.push(format!("p50 {:.0} us p99 {:.0} us", self.p50(), self.p99()));
        }
        if facts.is_empty() {
            facts.push(format!("{:.1} ms", self.seconds * 1e3));
        }
        facts.join(", ")
    }
}
