//! Which byte ranges of a segment have been CRC-checked since the start.

use std::ops::Range;

/// Disjoint, ascending, never touching ranges.
#[derive(Debug, Default)]
pub(crate) struct VerifiedRanges(Vec<Range<u64>>);

impl VerifiedRanges {
    pub(crate) fn covers(&self, range: &Range<u64>) -> bool {
        let behind = self.0.partition_point(|known| known.start <= range.start);
        behind
            .checked_sub(1)
            .and_then(|at| self.0.get(at))
            .is_some_and(|known| range.end <= known.end)
    }

    pub(crate) fn add(&mut self, range: Range<u64>) {
        let from = self.0.partition_point(|known| known.end < range.start);
        let to = self.0.partition_point(|known| known.start <= range.end);
        let merged = self
            .0
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .fold(range, |all, known| {
                all.start.min(known.start)..all.end.max(known.end)
            });
        self.0.splice(from..to, [merged]);
    }

    pub(crate) fn forget_from(&mut self, position: u64) {
        self.0.retain(|known| known.start < position);
        if let Some(last) = self.0.last_mut() {
            last.end = last.end.min(position);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching_ranges_become_one() {
        let mut ranges = VerifiedRanges::default();
        ranges.add(10..20);
        ranges.add(30..40);
        assert!(!ranges.covers(&(15..35)));
        ranges.add(20..30);
        assert!(ranges.covers(&(10..40)));
        assert!(!ranges.covers(&(9..11)));
        ranges.forget_from(25);
        assert!(ranges.covers(&(10..25)));
        assert!(!ranges.covers(&(10..26)));
    }
}
