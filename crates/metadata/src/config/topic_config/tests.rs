use super::*;
use crate::ReplicationFactor;
use crate::config::{ConfigEffect, TOPIC_CONFIGS};

fn overrides(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn parsed(pairs: &[(&str, &str)]) -> Result<TopicConfig, ConfigError> {
    TopicConfig::from_overrides(&overrides(pairs))
}

#[test]
fn the_defaults_of_the_table_are_the_typed_defaults() {
    let defaults: Vec<(&str, &str)> = TOPIC_CONFIGS
        .iter()
        .filter_map(|row| Some((row.name, row.default?)))
        .collect();
    assert_eq!(parsed(&defaults), Ok(TopicConfig::default()));
}

#[test]
fn the_table_is_sorted_and_names_each_config_once() {
    assert!(TOPIC_CONFIGS.is_sorted_by(|left, right| left.name < right.name));
}

#[test]
fn a_refused_value_is_never_the_default() {
    for row in TOPIC_CONFIGS {
        if let ConfigEffect::Refused { value, .. } = row.effect {
            assert_ne!(row.default, Some(value), "{}", row.name);
            assert!(matches!(
                parsed(&[(row.name, value)]),
                Err(ConfigError::Refused { .. })
            ));
        }
    }
}

#[test]
fn every_honoured_config_has_its_meaning() {
    let config = parsed(&[
        ("cleanup.policy", "compact, delete"),
        ("durability", "page-cache"),
        ("index.interval.bytes", "0"),
        ("max.message.bytes", "67108864"),
        ("message.timestamp.after.max.ms", "9223372036854775807"),
        ("message.timestamp.before.max.ms", "5"),
        ("message.timestamp.type", "LogAppendTime"),
        ("min.insync.replicas", "2"),
        ("retention.bytes", "1000"),
        ("retention.ms", " -1 "),
        ("segment.bytes", "65536"),
        ("segment.ms", "1"),
    ]);
    let wanted = TopicConfig {
        durability: Durability::PageCache,
        cleanup: CleanupPolicy {
            delete: true,
            compact: true,
        },
        retention: None,
        retention_bytes: Some(1000),
        segment_bytes: 65536,
        segment_age: Duration::from_millis(1),
        batch_bytes_max: 64 << 20,
        timestamp_type: TimestampType::LogAppendTime,
        timestamp_before_max: Some(Duration::from_millis(5)),
        timestamp_after_max: None,
        min_insync_replicas: Some(2),
        index_interval_bytes: 0,
    };
    assert_eq!(config, Ok(wanted));
}

#[test]
fn a_topic_with_compact_or_no_policy_is_never_trimmed_by_age() {
    for (policy, trims) in [
        ("delete", true),
        ("compact", false),
        ("compact,delete", false),
        ("", false),
    ] {
        let config = parsed(&[("cleanup.policy", policy)]).unwrap();
        assert_eq!(config.cleanup.trims_by_age_and_size(), trims, "{policy}");
    }
}

#[test]
fn integers_are_accepted_up_to_their_bounds_and_no_further() {
    use crate::config::ConfigKind;
    for row in TOPIC_CONFIGS {
        let ConfigKind::Integer { min, max } = row.kind else {
            continue;
        };
        for inside in [min, max] {
            let result = parsed(&[(row.name, &inside.to_string())]);
            assert!(result.is_ok(), "{} = {inside}: {result:?}", row.name);
        }
        for outside in [i128::from(min) - 1, i128::from(max) + 1] {
            let text = outside.to_string();
            assert_eq!(
                parsed(&[(row.name, &text)]),
                Err(ConfigError::OutOfBounds {
                    name: row.name.to_owned(),
                    value: text,
                    bounds: row.kind.bounds(),
                })
            );
        }
    }
}

#[test]
fn a_value_of_the_wrong_type_is_refused_with_the_bounds() {
    for (name, value) in [
        ("retention.ms", "7d"),
        ("retention.ms", ""),
        ("preallocate", "yes"),
        ("min.cleanable.dirty.ratio", "NaN"),
        ("min.cleanable.dirty.ratio", "1.01"),
        ("cleanup.policy", "delete,forget"),
        ("compression.gzip.level", "0"),
        ("leader.replication.throttled.replicas", "0:1,x"),
        ("message.timestamp.type", "createtime"),
    ] {
        let error = parsed(&[(name, value)]).unwrap_err();
        assert!(matches!(error, ConfigError::OutOfBounds { .. }), "{error}");
    }
    let error = parsed(&[("segment.bytes", "1")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "topic config `segment.bytes` cannot be `1`; use an integer from 65536 to 2147483647"
    );
}

#[test]
fn an_unknown_config_is_refused_with_a_suggestion() {
    let error = parsed(&[("retention.mss", "1")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no topic config `retention.mss`; did you mean `retention.ms`?"
    );
}

#[test]
fn an_endless_name_or_value_is_not_repeated_in_the_error() {
    let endless = "ü".repeat(1 << 16);
    for error in [
        parsed(&[(&endless, "1")]).unwrap_err(),
        parsed(&[("retention.ms", &endless)]).unwrap_err(),
        parsed(&[("retention.ms", &endless[..4000])]).unwrap_err(),
    ] {
        assert!(error.to_string().len() < 400, "{error}");
    }
}

#[test]
fn compaction_lags_must_not_cross() {
    let error = parsed(&[
        ("min.compaction.lag.ms", "9"),
        ("max.compaction.lag.ms", "8"),
    ]);
    assert!(matches!(error, Err(ConfigError::Conflict { .. })));
}

#[test]
fn min_insync_replicas_above_the_quorum_is_refused() {
    let config = parsed(&[("min.insync.replicas", "3")]).unwrap();
    let three = ReplicationFactor::new(3).unwrap();
    assert_eq!(
        config.check_quorum(three),
        Err(ConfigError::AboveQuorum {
            wanted: 3,
            quorum: 2,
            replicas: 3
        })
    );
    assert_eq!(
        config.check_quorum(ReplicationFactor::new(5).unwrap()),
        Ok(())
    );
}
