//! The topic configs, one row each, sorted by name.
//!
//! Source: Kafka's `LogConfig` and its published topic configs (4.0 to 4.2, and the two
//! `remote.copy.lag.*` that follow them), plus `durability`, which is ours. Where a default or a bound
//! differs from Kafka's, the row's documentation says so.
//!
//! Every replica checks commands against this table, so within one command format version a bound may
//! only be widened, and a stored override must stay readable.

mod rows;
#[cfg(test)]
mod tests;

pub use rows::TOPIC_CONFIGS;

/// One topic config.
#[derive(Clone, Copy, Debug)]
pub struct ConfigRow {
    /// The config's name, as Kafka spells it.
    pub name: &'static str,
    /// Its type and bounds.
    pub kind: ConfigKind,
    /// Its value where a topic does not override it; `None` where that depends on the topic
    /// (`min.insync.replicas`).
    pub default: Option<&'static str>,
    /// What setting it does.
    pub effect: ConfigEffect,
    /// What it means, for users.
    pub documentation: &'static str,
}

/// The type of a config's value, with its bounds (both inclusive).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigKind {
    /// A whole number.
    Integer {
        /// The smallest value.
        min: i64,
        /// The largest value.
        max: i64,
    },
    /// `true` or `false`.
    Boolean,
    /// A number from 0 to 1.
    Ratio,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any of these words, separated by commas; may be empty.
    List(&'static [&'static str]),
    /// `partition:broker` pairs separated by commas, or `*`; may be empty.
    ReplicaList,
}

/// What a config does in Strandline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigEffect {
    /// The broker does what the config says.
    Honoured,
    /// The broker does what this one value says; others are stored without effect, for this reason.
    HonouredFor {
        /// The value that is honoured.
        value: &'static str,
        /// Why others have no effect.
        otherwise: &'static str,
    },
    /// The value is stored and reported, and changes nothing, for this reason.
    StoredWithoutEffect(&'static str),
    /// This value is refused, for this reason; others are accepted.
    Refused {
        /// The value that is refused.
        value: &'static str,
        /// Why, and what to do instead.
        reason: &'static str,
    },
}

/// The row of the config `name`; `None` if there is no such config.
pub fn row(name: &str) -> Option<&'static ConfigRow> {
    let place = TOPIC_CONFIGS.binary_search_by_key(&name, |row| row.name);
    TOPIC_CONFIGS.get(place.ok()?)
}

impl ConfigKind {
    /// What is allowed, as a phrase for an error: "an integer from 1 to 9".
    pub fn bounds(self) -> String {
        match self {
            Self::Integer { min, max: i64::MAX } => format!("an integer from {min}"),
            Self::Integer { min, max } => format!("an integer from {min} to {max}"),
            Self::Boolean => "`true` or `false`".to_owned(),
            Self::Ratio => "a number from 0 to 1".to_owned(),
            Self::Choice(choices) => format!("one of {}", choices.join(", ")),
            Self::List(choices) => format!("a comma-separated list of {}", choices.join(", ")),
            Self::ReplicaList => {
                "`*` or a comma-separated list of partition:broker pairs".to_owned()
            }
        }
    }
}

impl ConfigEffect {
    /// A note for users on what `value` does; `None` where it simply does what it says.
    pub fn note(self, value: &str) -> Option<&'static str> {
        match self {
            Self::Honoured | Self::Refused { .. } => None,
            Self::HonouredFor {
                value: honoured, ..
            } if value.trim() == honoured => None,
            Self::HonouredFor { otherwise, .. } => Some(otherwise),
            Self::StoredWithoutEffect(reason) => Some(reason),
        }
    }
}
