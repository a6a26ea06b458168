//! Medians and how sure they are.

use serde::Serialize;

const RESAMPLES: usize = 2_000;

/// A figure that was taken several times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// The middle one.
    pub(crate) median: f64,
    /// The smallest.
    pub(crate) min: f64,
    /// The largest.
    pub(crate) max: f64,
    /// The median's 95 % confidence interval, by bootstrap.
    pub(crate) low: f64,
    /// Its upper end.
    pub(crate) high: f64,
}

impl Spread {
    /// The spread of some values; all NaN where there are none.
    pub(crate) fn of(values: Vec<f64>) -> Self {
        let (low, high) = bootstrap(&values);
        let sorted = sorted(values.clone());
        Self {
            median: median(values),
            min: sorted.first().copied().unwrap_or(f64::NAN),
            max: sorted.last().copied().unwrap_or(f64::NAN),
            low,
            high,
        }
    }
}

/// The middle value, or the mean of the two middle ones; NaN where there is none.
pub(crate) fn median(values: Vec<f64>) -> f64 {
    let sorted = sorted(values);
    let (Some(low), Some(high)) = (
        sorted.get(sorted.len().saturating_sub(1) / 2),
        sorted.get(sorted.len() / 2),
    ) else {
        return f64::NAN;
    };
    f64::midpoint(*low, *high)
}

/// The 2.5th and the 97.5th percentile of the medians of resamples. Seeded: the same values, the same interval.
fn bootstrap(values: &[f64]) -> (f64, f64) {
    let mut chance = SplitMix64(1);
    let resample = |chance: &mut SplitMix64| {
        let draws = values.iter().map(|_| values[chance.below(values.len())]);
        median(draws.collect())
    };
    let medians = sorted((0..RESAMPLES).map(|_| resample(&mut chance)).collect());
    let at = |share: f64| medians[((RESAMPLES - 1) as f64 * share) as usize];
    (at(0.025), at(0.975))
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014.
struct SplitMix64(u64);

impl SplitMix64 {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end.max(1) as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_value_or_the_mean_of_two() {
        assert_eq!(median(vec![5.0, 1.0, 3.0]), 3.0);
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(vec![7.0]), 7.0);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn a_spread_holds_its_median_inside_the_interval_inside_the_range() {
        let spread = Spread::of((0..12).map(|n| 1.0 + f64::from(n) / 100.0).collect());
        let found = [
            spread.min,
            spread.low,
            spread.median,
            spread.high,
            spread.max,
        ];
        assert!(
            found.is_sorted() && spread.low > spread.min && spread.high < spread.max,
            "{found:?}"
        );
    }

    #[test]
    fn equal_values_have_no_spread() {
        let spread = Spread::of(vec![2.0; 5]);
        assert_eq!((spread.min, spread.max), (2.0, 2.0));
        assert_eq!((spread.low, spread.high), (2.0, 2.0));
    }
}
