use std::time::Duration;

use metadata::TopicConfig;
use metadata::config::CleanupPolicy;
use model::{LogIndex, Offset, Timestamp};
use rand::Rng;
use replication::SegmentInfo;

use super::{Decision, Facts, decide};
use crate::test_seed::seeded;

const HOUR: i64 = 60 * 60 * 1000;

/// A sealed segment of ten records, of which `max_timestamp` is the youngest, appended at that time.
fn segment(number: u64, bytes: u64, max_timestamp: i64) -> SegmentInfo {
    let time = Timestamp::from_millis(max_timestamp);
    SegmentInfo {
        base_offset: Offset::new(number * 10),
        base_index: LogIndex::new(number * 10),
        end_offset: Offset::new(number * 10 + 10),
        end_index: LogIndex::new(number * 10 + 10),
        bytes,
        max_timestamp: Some(time),
        first_append: Some(time),
        last_append: Some(time),
        sealed: true,
        damaged: false,
    }
}

fn active(segment: SegmentInfo) -> SegmentInfo {
    SegmentInfo {
        sealed: false,
        ..segment
    }
}

fn one_hour() -> TopicConfig {
    TopicConfig {
        retention: Some(Duration::from_secs(60 * 60)),
        ..TopicConfig::default()
    }
}

fn at(now: i64, high_watermark: u64) -> Facts {
    Facts {
        log_start: Offset::ZERO,
        high_watermark: Offset::new(high_watermark),
        now: Timestamp::from_millis(now),
    }
}

fn starts_at(offset: u64) -> Decision {
    Decision {
        log_start: Offset::new(offset),
        roll: false,
    }
}

#[test]
fn segments_go_once_their_youngest_record_is_older_than_retention() {
    let log = [
        segment(0, 1, 0),
        segment(1, 1, 1),
        active(segment(2, 1, HOUR)),
    ];
    assert_eq!(decide(&log, &one_hour(), at(HOUR, 30)), starts_at(0));
    assert_eq!(decide(&log, &one_hour(), at(HOUR + 1, 30)), starts_at(10));
    assert_eq!(decide(&log, &one_hour(), at(HOUR + 2, 30)), starts_at(20));
}

#[test]
fn a_young_segment_keeps_the_old_ones_behind_it() {
    let log = [segment(0, 1, 3 * HOUR), segment(1, 1, 0)];
    assert_eq!(decide(&log, &one_hour(), at(3 * HOUR, 20)), starts_at(0));
}

#[test]
fn a_timestamp_from_the_future_counts_as_the_time_of_its_append() {
    let pinned = SegmentInfo {
        max_timestamp: Some(Timestamp::from_millis(i64::MAX)),
        ..segment(0, 1, 0)
    };
    assert_eq!(
        decide(&[pinned], &one_hour(), at(HOUR + 1, 10)),
        starts_at(10)
    );
}

#[test]
fn a_timestamp_from_the_past_counts_as_it_is() {
    let imported = SegmentInfo {
        max_timestamp: Some(Timestamp::from_millis(0)),
        ..segment(0, 1, 9 * HOUR)
    };
    assert_eq!(
        decide(&[imported], &one_hour(), at(9 * HOUR, 10)),
        starts_at(10)
    );
}

#[test]
fn what_is_not_committed_stays() {
    let log = [segment(0, 1, 0), segment(1, 1, 0)];
    assert_eq!(decide(&log, &one_hour(), at(9 * HOUR, 19)), starts_at(10));
}

#[test]
fn a_quiet_topic_gives_up_its_last_segment_as_well() {
    let log = [segment(0, 1, 0), active(segment(1, 1, 5))];
    let decision = decide(&log, &one_hour(), at(9 * HOUR, 20));
    assert_eq!(
        decision,
        Decision {
            log_start: Offset::new(10),
            roll: true
        }
    );
    // Once it is sealed it goes.
    let log = [segment(0, 1, 0), segment(1, 1, 5)];
    assert_eq!(decide(&log, &one_hour(), at(9 * HOUR, 20)), starts_at(20));
}

#[test]
fn a_last_segment_without_records_is_not_rolled_again_and_again() {
    let empty = SegmentInfo {
        base_offset: Offset::new(20),
        end_offset: Offset::new(20),
        max_timestamp: None,
        ..active(segment(2, 1, 0))
    };
    let facts = Facts {
        log_start: Offset::new(20),
        ..at(900 * HOUR, 20)
    };
    let decision = decide(&[empty], &one_hour(), facts);
    assert_eq!(
        decision,
        Decision {
            log_start: Offset::new(20),
            roll: false
        }
    );
}

#[test]
fn the_last_segment_rolls_by_age_whether_or_not_anything_goes() {
    let config = TopicConfig {
        retention: None,
        segment_age: Duration::from_secs(60 * 60),
        ..TopicConfig::default()
    };
    let log = [active(segment(0, 1, 0))];
    assert!(!decide(&log, &config, at(HOUR - 1, 10)).roll);
    assert!(decide(&log, &config, at(HOUR, 10)).roll);
}

#[test]
fn segments_go_while_enough_bytes_stay() {
    let config = TopicConfig {
        retention_bytes: Some(100),
        ..TopicConfig::default()
    };
    let log = [
        segment(0, 60, 0),
        segment(1, 60, 0),
        active(segment(2, 50, 0)),
    ];
    assert_eq!(decide(&log, &config, at(0, 30)), starts_at(10));
    let keeps_all = TopicConfig {
        retention_bytes: Some(111),
        ..TopicConfig::default()
    };
    assert_eq!(decide(&log, &keeps_all, at(0, 30)), starts_at(0));
}

#[test]
fn a_compacted_topic_is_never_trimmed() {
    for delete in [false, true] {
        let config = TopicConfig {
            cleanup: CleanupPolicy {
                delete,
                compact: true,
            },
            retention_bytes: Some(0),
            ..one_hour()
        };
        let log = [segment(0, 1, 0), segment(1, 1, 0)];
        assert_eq!(decide(&log, &config, at(900 * HOUR, 20)), starts_at(0));
    }
}

/// Whatever the log and the configs: only whole, sealed, committed segments go, the log start never goes back, no
/// record younger than `retention.ms` goes while `retention.bytes` says nothing, and a second look finds nothing more.
#[test]
fn what_is_decided_is_safe_and_final() {
    let mut random = seeded();
    for _ in 0..2_000 {
        let count = random.random_range(0..6);
        let mut log: Vec<_> = (0..count)
            .map(|number| {
                segment(
                    number,
                    random.random_range(0..100),
                    random.random_range(0..5 * HOUR),
                )
            })
            .collect();
        if random.random()
            && let Some(last) = log.last_mut()
        {
            last.sealed = false;
        }
        let config = TopicConfig {
            retention: random.random::<bool>().then(|| Duration::from_secs(3600)),
            retention_bytes: random.random::<bool>().then(|| random.random_range(0..300)),
            segment_age: Duration::from_secs(random.random_range(1..9_000)),
            ..TopicConfig::default()
        };
        let facts = Facts {
            log_start: Offset::new(random.random_range(0..=count * 10)),
            ..at(
                random.random_range(0..9 * HOUR),
                random.random_range(0..=count * 10),
            )
        };
        let decision = decide(&log, &config, facts);
        assert!(decision.log_start >= facts.log_start);
        if decision.log_start > facts.log_start {
            assert!(decision.log_start <= facts.high_watermark);
            let ends_there = |s: &&SegmentInfo| s.end_offset == decision.log_start;
            assert!(log.iter().find(ends_there).is_some_and(|s| s.sealed));
        }
        for gone in log.iter().filter(|s| s.base_offset >= facts.log_start) {
            let is_gone = gone.end_offset <= decision.log_start;
            if is_gone && config.retention_bytes.is_none() {
                let age = facts.now.as_millis() - gone.max_timestamp.unwrap().as_millis();
                assert!(age > HOUR, "a record of {age} ms went");
            }
        }
        log.retain(|s| s.end_offset > decision.log_start);
        let facts = Facts {
            log_start: decision.log_start,
            ..facts
        };
        assert_eq!(decide(&log, &config, facts).log_start, decision.log_start);
    }
}
