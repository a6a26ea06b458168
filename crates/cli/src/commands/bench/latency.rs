//! Latencies, and how a measurement is shown.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::failure::{Exit, Failure};
use crate::output::{write_json, write_line, write_table};
use crate::session::Session;

/// Latencies up to an hour, in nanoseconds, three digits exact.
const NANOS_MAX: u64 = 3_600_000_000_000;
const DIGITS: u8 = 3;

/// Latencies.
#[derive(Debug)]
pub(super) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(super) fn new() -> Result<Self, Failure> {
        Histogram::new_with_bounds(1, NANOS_MAX, DIGITS)
            .map(Self)
            .map_err(|error| Failure::new(Exit::Failed, "NO_HISTOGRAM", error.to_string()))
    }

    pub(super) fn record(&mut self, latency: Duration) {
        self.0
            .saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(NANOS_MAX));
    }

    pub(super) fn add(&mut self, other: &Self) {
        // Both have the same bounds, so there is nothing that does not fit.
        let _ = self.0.add(&other.0);
    }

    fn quantile_ms(&self, quantile: f64) -> f64 {
        to_ms(self.0.value_at_quantile(quantile))
    }
}

/// What was measured.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) records: u64,
    pub(super) batches: u64,
    pub(super) bytes: u64,
    pub(super) took: Duration,
    pub(super) latencies: Latencies,
}

/// What was measured, as JSON.
#[derive(Debug, Serialize)]
struct MeasuredJson<'a> {
    topic: &'a str,
    records: u64,
    batches: u64,
    bytes: u64,
    seconds: f64,
    records_per_second: f64,
    megabytes_per_second: f64,
    latency_ms: LatencyJson,
}

#[derive(Debug, Serialize)]
struct LatencyJson {
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    #[serde(rename = "p99.9")]
    p99_9: f64,
    max: f64,
}

impl Measured {
    pub(super) fn new() -> Result<Self, Failure> {
        Ok(Self {
            records: 0,
            batches: 0,
            bytes: 0,
            took: Duration::ZERO,
            latencies: Latencies::new()?,
        })
    }

    /// Adds what another stream has measured in the same time.
    pub(super) fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.batches += other.batches;
        self.bytes += other.bytes;
        self.latencies.add(&other.latencies);
    }

    /// Shows it. `of` says whose latency it is.
    pub(super) fn show(&self, topic: &str, of: &str, session: &Session) -> Result<(), Failure> {
        let seconds = self.took.as_secs_f64().max(f64::MIN_POSITIVE);
        let (records_per_second, megabytes_per_second) = (
            self.records as f64 / seconds,
            self.bytes as f64 / 1e6 / seconds,
        );
        let latency = LatencyJson {
            mean: self.latencies.0.mean() / 1e6,
            p50: self.latencies.quantile_ms(0.5),
            p90: self.latencies.quantile_ms(0.9),
            p99: self.latencies.quantile_ms(0.99),
            p99_9: self.latencies.quantile_ms(0.999),
            max: to_ms(self.latencies.0.max()),
        };
        if session.json() {
            return write_json(&MeasuredJson {
                topic,
                records: self.records,
                batches: self.batches,
                bytes: self.bytes,
                seconds,
                records_per_second,
                megabytes_per_second,
                latency_ms: latency,
            });
        }
        write_line(&format!(
            "{} records in {} batches, {:.1} MB in {seconds:.2} s: {records_per_second:.0} records/s, {megabytes_per_second:.1} MB/s",
            self.records,
            self.batches,
            self.bytes as f64 / 1e6,
        ))?;
        write_line("")?;
        let rows = [
            ("p50", latency.p50),
            ("p90", latency.p90),
            ("p99", latency.p99),
            ("p99.9", latency.p99_9),
            ("max", latency.max),
        ];
        let rows = rows.map(|(name, ms)| [name.to_owned(), format!("{ms:.3} ms")]);
        write_table(["LATENCY", of], rows)
    }
}

fn to_ms(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}
