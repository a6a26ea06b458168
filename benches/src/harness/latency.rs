//! Latencies, kept to three digits.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Many latencies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies(Option<Histogram<u64>>);

impl Latencies {
    /// Adds one.
    pub(crate) fn record(&mut self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        if self.0.is_none() {
            // A minute, to three digits.
            self.0 = Histogram::new_with_bounds(1, 60_000_000_000, 3).ok();
        }
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record(nanoseconds);
        }
    }

    /// Adds all of another's.
    pub(crate) fn merge(&mut self, other: Self) {
        match (&mut self.0, other.0) {
            (Some(all), Some(more)) => {
                // Both have the same bounds.
                let _ = all.add(more);
            }
            (all @ None, more) => *all = more,
            (Some(_), None) => {}
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// In microseconds; NaN where there is none.
    pub(crate) fn percentile(&self, percent: f64) -> f64 {
        match &self.0 {
            Some(histogram) => histogram.value_at_percentile(percent) as f64 / 1e3,
            None => f64::NAN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_latencies_count_as_if_recorded_together() {
        let mut all = Latencies::default();
        for from in [1, 51] {
            let mut some = Latencies::default();
            (from..from + 50).for_each(|n| some.record(Duration::from_micros(n)));
            all.merge(some);
        }
        assert!((all.percentile(50.0) - 50.0).abs() < 0.1);
        assert!((all.percentile(99.0) - 99.0).abs() < 0.1);
        assert!(Latencies::default().percentile(50.0).is_nan());
    }
}
