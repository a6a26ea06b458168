//! Tells users every config of a topic: its value, where it comes from, what it does.

use std::collections::BTreeMap;

use super::table::{ConfigRow, TOPIC_CONFIGS};
use crate::ReplicationFactor;

/// One config of one topic, for users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigDescription {
    /// The config's name.
    pub name: &'static str,
    /// The value in force (or stored, where `note` says that it has no effect).
    pub value: String,
    /// The value it would have if it were not set.
    pub default: String,
    /// Where `value` comes from.
    pub source: ConfigSource,
    /// Why the value does not do what Kafka's would, where that is so.
    pub note: Option<String>,
    /// What the config means.
    pub documentation: &'static str,
}

/// Where a config's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// The topic does not set it.
    Default,
    /// The topic sets it.
    Topic,
}

/// Every config of a topic with these overrides and this many replicas, sorted by name.
pub fn describe(
    overrides: &BTreeMap<String, String>,
    replicas: ReplicationFactor,
) -> Vec<ConfigDescription> {
    let one = |row: &ConfigRow| describe_one(row, overrides.get(row.name), replicas);
    TOPIC_CONFIGS.iter().map(one).collect()
}

fn describe_one(
    row: &ConfigRow,
    set: Option<&String>,
    replicas: ReplicationFactor,
) -> ConfigDescription {
    let quorum = || replicas.quorum().to_string();
    let default = row.default.map_or_else(quorum, str::to_owned);
    let (value, note) = match (row.default, set) {
        // What is in force is the quorum, whatever smaller number is stored.
        (None, Some(stored)) if *stored != default => (
            default.clone(),
            Some(format!(
                "{stored} is stored; a write always waits for the quorum, {default} of {replicas}"
            )),
        ),
        (None, _) => (default.clone(), None),
        (Some(default), set) => {
            let value = set.map_or(default, |text| text.trim());
            (value.to_owned(), row.effect.note(value).map(str::to_owned))
        }
    };
    ConfigDescription {
        name: row.name,
        value,
        default,
        source: match set {
            Some(_) => ConfigSource::Topic,
            None => ConfigSource::Default,
        },
        note,
        documentation: row.documentation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(name: &str, value: Option<&str>) -> ConfigDescription {
        let overrides = value.map(|value| (name.to_owned(), value.to_owned()));
        let three = ReplicationFactor::new(3).unwrap();
        let all = describe(&overrides.into_iter().collect(), three);
        assert_eq!(all.len(), TOPIC_CONFIGS.len());
        all.into_iter().find(|one| one.name == name).unwrap()
    }

    #[test]
    fn an_unset_config_is_described_by_its_default() {
        let retention = described("retention.ms", None);
        assert_eq!(retention.value, "604800000");
        assert_eq!(retention.source, ConfigSource::Default);
        assert_eq!(retention.note, None);
    }

    #[test]
    fn a_config_without_effect_says_why() {
        let flush = described("flush.ms", Some("1000"));
        assert_eq!(
            (flush.value.as_str(), flush.source),
            ("1000", ConfigSource::Topic)
        );
        assert!(flush.note.unwrap().contains("durability"));
        assert_eq!(described("compression.type", None).note, None);
        assert!(described("compression.type", Some("zstd")).note.is_some());
        assert!(described("cleanup.policy", Some("compact")).note.is_some());
    }

    #[test]
    fn min_insync_replicas_is_reported_as_the_quorum() {
        assert_eq!(described("min.insync.replicas", None).value, "2");
        let set = described("min.insync.replicas", Some("1"));
        assert_eq!((set.value.as_str(), set.source), ("2", ConfigSource::Topic));
        assert!(set.note.unwrap().starts_with("1 is stored"));
    }
}
