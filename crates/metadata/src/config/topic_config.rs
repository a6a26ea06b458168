//! What a topic's configs mean: typed, with units, without sentinels.

use std::collections::BTreeMap;
use std::time::Duration;

use model::limits::BATCH_BYTES_DEFAULT;
use model::{Durability, TimestampType};

use super::error::ConfigError;
use super::parse::{ConfigValue, parse};

const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The configs of a topic that the broker acts upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicConfig {
    /// `durability`: what an acknowledgement promises.
    pub durability: Durability,
    /// `cleanup.policy`: whether retention may delete old segments.
    pub cleanup: CleanupPolicy,
    /// `retention.ms`: how long records are kept; `None` = for ever.
    pub retention: Option<Duration>,
    /// `retention.bytes`: how much of a partition is kept; `None` = all.
    pub retention_bytes: Option<u64>,
    /// `segment.bytes`: the size at which a segment is rolled.
    pub segment_bytes: u64,
    /// `segment.ms`: the age at which a segment is rolled.
    pub segment_age: Duration,
    /// `max.message.bytes`: the largest batch, header included.
    pub batch_bytes_max: u64,
    /// `message.timestamp.type`: who sets timestamps.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how old a timestamp may be; `None` = any age.
    pub timestamp_before_max: Option<Duration>,
    /// `message.timestamp.after.max.ms`: how far ahead a timestamp may be; `None` = any.
    pub timestamp_after_max: Option<Duration>,
    /// `min.insync.replicas` where set; what is in force is always the quorum.
    pub min_insync_replicas: Option<u64>,
    /// `index.interval.bytes`: how far apart the entries of a segment's index stand.
    pub index_interval_bytes: u64,
}

/// `cleanup.policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Old segments are deleted by time and size.
    pub delete: bool,
    /// The last record of each key is kept.
    pub compact: bool,
}

impl CleanupPolicy {
    /// Whether retention may delete segments by time and size. Never where `compact` is set: until
    /// compaction exists, deleting would lose the last record of a key.
    pub const fn trims_by_age_and_size(self) -> bool {
        self.delete && !self.compact
    }
}

impl Default for TopicConfig {
    fn default() -> Self {
        Self {
            durability: Durability::Fsync,
            cleanup: CleanupPolicy {
                delete: true,
                compact: false,
            },
            retention: Some(WEEK),
            retention_bytes: None,
            segment_bytes: 128 << 20,
            segment_age: WEEK,
            batch_bytes_max: BATCH_BYTES_DEFAULT,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max: None,
            timestamp_after_max: Some(Duration::from_secs(60 * 60)),
            min_insync_replicas: None,
            index_interval_bytes: 4096,
        }
    }
}

impl TopicConfig {
    /// The meaning of what a user has set; what is not set keeps its default.
    ///
    /// `min.insync.replicas` is not compared with the quorum here, which depends on the topic: see
    /// [`TopicConfig::check_quorum`].
    ///
    /// # Errors
    /// The first override, by name, that does not exist, is out of bounds, is refused, or contradicts
    /// another.
    pub fn from_overrides(overrides: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        let mut compaction_lag_min = 0;
        let mut compaction_lag_max = i64::MAX;
        for (name, text) in overrides {
            let (row, value) = parse(name, text)?;
            match (row.name, &value) {
                ("min.compaction.lag.ms", ConfigValue::Integer(lag)) => compaction_lag_min = *lag,
                ("max.compaction.lag.ms", ConfigValue::Integer(lag)) => compaction_lag_max = *lag,
                (name, ConfigValue::Integer(number)) => config.set_number(name, *number),
                (name, ConfigValue::Words(words)) => config.set_words(name, words),
                (_, ConfigValue::Boolean(_)) => {}
            }
        }
        if compaction_lag_min > compaction_lag_max {
            return Err(ConfigError::Conflict {
                smaller: "min.compaction.lag.ms".to_owned(),
                smaller_value: compaction_lag_min,
                larger: "max.compaction.lag.ms".to_owned(),
                larger_value: compaction_lag_max,
            });
        }
        Ok(config)
    }

    /// Refuses a `min.insync.replicas` above the quorum of `replicas`.
    ///
    /// # Errors
    /// [`ConfigError::AboveQuorum`] with both numbers.
    pub fn check_quorum(&self, replicas: crate::ReplicationFactor) -> Result<(), ConfigError> {
        let quorum = u64::from(replicas.quorum());
        match self.min_insync_replicas {
            Some(wanted) if wanted > quorum => Err(ConfigError::AboveQuorum {
                wanted,
                quorum,
                replicas: u64::from(replicas.get()),
            }),
            _ => Ok(()),
        }
    }

    /// Sets what a number means; numbers that have no effect are passed over.
    fn set_number(&mut self, name: &str, number: i64) {
        // The table's bounds leave -1 as the only negative number of these configs.
        let count = u64::try_from(number).ok();
        let millis = count.map(Duration::from_millis);
        // Kafka says "no limit" with the largest number.
        let limit = millis.filter(|_| number != i64::MAX);
        match (name, count) {
            ("retention.ms", _) => self.retention = millis,
            ("retention.bytes", _) => self.retention_bytes = count,
            ("message.timestamp.before.max.ms", _) => self.timestamp_before_max = limit,
            ("message.timestamp.after.max.ms", _) => self.timestamp_after_max = limit,
            ("segment.bytes", Some(bytes)) => self.segment_bytes = bytes,
            ("segment.ms", Some(millis)) => self.segment_age = Duration::from_millis(millis),
            ("max.message.bytes", Some(bytes)) => self.batch_bytes_max = bytes,
            ("index.interval.bytes", Some(bytes)) => self.index_interval_bytes = bytes,
            ("min.insync.replicas", _) => self.min_insync_replicas = count,
            _ => {}
        }
    }

    /// Sets what words mean; words that have no effect are passed over.
    fn set_words(&mut self, name: &str, words: &[String]) {
        let has = |wanted: &str| words.iter().any(|word| word == wanted);
        match name {
            "cleanup.policy" => {
                self.cleanup = CleanupPolicy {
                    delete: has("delete"),
                    compact: has("compact"),
                }
            }
            "durability" if has(Durability::PageCache.as_str()) => {
                self.durability = Durability::PageCache;
            }
            "durability" => self.durability = Durability::Fsync,
            "message.timestamp.type" if has("LogAppendTime") => {
                self.timestamp_type = TimestampType::LogAppendTime;
            }
            "message.timestamp.type" => self.timestamp_type = TimestampType::CreateTime,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
