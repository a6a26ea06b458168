//! "The highest number that anybody knew at a time": built once, asked often.

/// Numbers that became known one after the other.
pub(super) struct RunningMax {
    /// When, and the highest number known from then on; both rise.
    steps: Vec<(u64, u64)>,
}

impl RunningMax {
    /// From pairs of time and number, in any order.
    pub(super) fn new(known: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut known: Vec<_> = known.collect();
        known.sort_unstable();
        let mut steps: Vec<(u64, u64)> = Vec::new();
        for (time, number) in known {
            if steps.last().is_none_or(|(_, highest)| number > *highest) {
                steps.push((time, number));
            }
        }
        Self { steps }
    }

    /// The highest number known before `time`.
    pub(super) fn before(&self, time: u64) -> Option<u64> {
        let behind = self.steps.partition_point(|(since, _)| *since < time);
        self.steps
            .get(behind.checked_sub(1)?)
            .map(|(_, highest)| *highest)
    }
}

#[cfg(test)]
mod tests {
    use super::RunningMax;

    #[test]
    fn the_highest_number_before_a_time_is_found() {
        let max = RunningMax::new([(30, 5), (10, 7), (20, 3), (40, 9)].into_iter());
        let asked = [5, 10, 11, 35, 40, 41];
        assert_eq!(
            asked.map(|time| max.before(time)),
            [None, None, Some(7), Some(7), Some(7), Some(9)]
        );
    }
}
