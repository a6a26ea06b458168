//! What retention does to one partition. Pure.
//!
//! A segment is as old as its youngest record; a timestamp from the future counts as the time of its append, so it
//! cannot pin the segment for ever. Segments go from the front, whole, and only committed ones. The last segment,
//! which is still appended to, is sealed when it is old enough to be rolled, or when it is all that keeps old
//! records from going.

use metadata::TopicConfig;
use model::{Offset, Timestamp};
use replication::SegmentInfo;

/// What else the decision depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) log_start: Offset,
    pub(super) high_watermark: Offset,
    pub(super) now: Timestamp,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// Where the log is to begin; the present log start where nothing goes.
    pub(super) log_start: Offset,
    /// Whether the last segment is to be sealed first; then decide again.
    pub(super) roll: bool,
}

/// Decides on a log with these segments, ascending.
pub(super) fn decide(segments: &[SegmentInfo], config: &TopicConfig, facts: Facts) -> Decision {
    let mut decision = Decision {
        log_start: facts.log_start,
        roll: segments.last().is_some_and(|last| {
            !last.sealed && has_records(last, facts.log_start) && is_due(last, config, facts.now)
        }),
    };
    if !config.cleanup.trims_by_age_and_size() {
        return decision;
    }
    // What lies below the log start has been deleted, even where its file is still there.
    let kept = || segments.iter().filter(|s| s.end_offset > facts.log_start);
    let mut left: u64 = kept().map(|segment| segment.bytes).sum();
    for segment in kept() {
        let without = left.saturating_sub(segment.bytes);
        let is_surplus = config.retention_bytes.is_some_and(|most| without >= most);
        let goes = is_surplus || is_expired(segment, config, facts.now);
        if !goes || segment.end_offset > facts.high_watermark {
            break;
        }
        if !segment.sealed {
            decision.roll |= has_records(segment, facts.log_start);
            break;
        }
        decision.log_start = segment.end_offset;
        left = without;
    }
    decision
}

/// Whether there are records in it that were not deleted.
fn has_records(segment: &SegmentInfo, log_start: Offset) -> bool {
    segment.end_offset > segment.base_offset.max(log_start)
}

/// Whether a segment is old enough to be sealed: `segment.ms`.
fn is_due(segment: &SegmentInfo, config: &TopicConfig, now: Timestamp) -> bool {
    let first = segment.first_append;
    first.is_some_and(|first| now >= first.plus(config.segment_age))
}

/// Whether all of a segment's records are older than `retention.ms`.
fn is_expired(segment: &SegmentInfo, config: &TopicConfig, now: Timestamp) -> bool {
    let Some(retention) = config.retention else {
        return false;
    };
    match youngest(segment) {
        Some(youngest) => youngest.plus(retention) < now,
        // Nothing but internal entries, of an unknown time: no record goes with it.
        None => segment.end_offset == segment.base_offset,
    }
}

/// When a segment's youngest record came, as far as it can be believed.
fn youngest(segment: &SegmentInfo) -> Option<Timestamp> {
    match (segment.max_timestamp, segment.last_append) {
        (Some(claimed), Some(appended)) => Some(claimed.min(appended)),
        (claimed, appended) => claimed.or(appended),
    }
}

#[cfg(test)]
mod tests;
